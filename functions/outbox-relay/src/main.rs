//! Publishes what a change stream shows of the outbox.

use lmall_outbox_relay::{Parts, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lmall_lambda::start(|aws| Ok(Parts { relay: aws.relay() }), handle).await
}
