//! Replays dead letters along the ladder, or by hand.

use std::sync::Arc;

use lmall_app::ops::dead_letters::Replayer;
use lmall_aws::{DeadLetterBook, EventBridge, RelayFailures};
use lmall_dlq_replay::{Failures, Parts, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lmall_lambda::start(
        |aws| {
            let book = DeadLetterBook::new(&aws.clients, Arc::clone(&aws.clock));
            let replayer = Replayer::new(Arc::new(book), Arc::clone(&aws.clock))
                .telling(Arc::new(EventBridge::new(&aws.clients)));
            let given_up = Arc::new(Failures::new(RelayFailures::new(&aws.clients)));
            Ok(Parts { replayer, relay: aws.relay(), given_up })
        },
        handle,
    )
    .await
}
