//! The gateway in front of services that do as the test says.

mod abuse;
mod browsers;
mod forwarding;
mod identity;
mod limits;
mod openapi;
mod support;
mod tokens;
mod trouble;
