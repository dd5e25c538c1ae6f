//! The shell of a hot-path service on AWS: what stands around its routes, its consumer and its
//! schedules, and is the same for all of them.
//!
//! # Promises
//!
//! - A configuration that cannot be used is one line on standard error and exit code 2; an empty
//!   variable is an unset one.
//! - A service that is ready says so in one line with its address on standard output.
//! - SIGTERM: no new connections, what is in hand is answered, then the queue is left alone and
//!   the machine id given back; exit code 0 within 10 seconds.
//! - Secrets come from the environment, else from Parameter Store, and there they are looked at
//!   again each minute, so that they are rotated without a restart.
//!
//! # It must never
//!
//! - know what a service does, or decide anything for it;
//! - print or log a secret.

mod arguments;
mod metering;
mod observed_bus;
mod process;
pub mod secrets;
mod shell;

pub use arguments::{Arguments, BadConfiguration};
pub use observed_bus::ObservedBus;
pub use process::run;
pub use shell::{CERTAIN, PROMPT, Ready, Shell};
