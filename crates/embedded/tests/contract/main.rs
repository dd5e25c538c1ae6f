//! The contract of the ports, run on the embedded adapters; and what only a file can get wrong.

mod durability;
mod embedded;
mod waiting;
mod watch;
