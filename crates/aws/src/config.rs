//! Where AWS is, what LMall's resources there are called, and the clients.

mod clients;
mod site;

pub use clients::Clients;
pub use site::{ConfigError, Site};
