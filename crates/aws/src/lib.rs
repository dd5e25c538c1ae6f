//! LMall's adapters for AWS: the ports of `lmall-app` on DynamoDB, SNS, SQS, EventBridge,
//! Parameter Store and Redis.
//!
//! The feature `sdk` has all that needs AWS's own client, the feature `redis` the stock gate and
//! the payment deadlines. Both are there unless one is left out.

#[cfg(feature = "sdk")]
pub mod bus;
#[cfg(feature = "sdk")]
pub mod config;
#[cfg(feature = "sdk")]
pub mod dead_letters;
#[cfg(feature = "sdk")]
pub mod dynamo;
#[cfg(feature = "sdk")]
pub mod mails;
#[cfg(feature = "sdk")]
pub mod meter;
#[cfg(feature = "sdk")]
pub mod notices;
#[cfg(feature = "sdk")]
pub mod parameters;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(feature = "sdk")]
pub mod relay_failures;

#[cfg(feature = "sdk")]
pub use bus::{AwsBus, message::Received};
#[cfg(feature = "sdk")]
pub use config::{Clients, Site};
#[cfg(feature = "sdk")]
pub use dead_letters::DeadLetterBook;
#[cfg(feature = "sdk")]
pub use dynamo::DynamoStore;
#[cfg(feature = "sdk")]
pub use meter::Meter;
#[cfg(feature = "sdk")]
pub use notices::EventBridge;
#[cfg(feature = "sdk")]
pub use parameters::Parameters;
#[cfg(feature = "sdk")]
pub use relay_failures::{RelayFailure, RelayFailures};
