//! Publishes the outbox rows that the stream relay left behind.

use lmall_outbox_sweeper::{Parts, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lmall_lambda::start(|aws| Ok(Parts { relay: aws.relay() }), handle).await
}
