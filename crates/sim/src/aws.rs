//! What the system runs on, modelled from AWS's documentation: pure, with time and every choice
//! an argument, so that each rule is a unit test.

pub mod dynamo;
mod hash;
pub mod sns;
pub mod sqs;
pub mod stream;
