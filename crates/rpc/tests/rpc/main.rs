//! The server as its callers see it, and the clients as the server sees them.

mod calls;
mod health;
mod quotes;
mod support;
