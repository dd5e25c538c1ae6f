//! AWS says no, or its answer is lost.

use std::time::Duration;

use lmall_app::consumer::Options;

use super::trade;
use crate::{process::OPTIONS, setup::Setup, world::World};

/// What is received and not deleted comes again soon.
const SOON: Options = Options { visibility: Duration::from_secs(3), ..OPTIONS };

/// DynamoDB takes nothing now: other transactions, too many requests, an error of its own.
const BUSY: &str = r#"
rules:
  - service: dynamodb
    operation: TransactWriteItems
    probability: 0.1
    error:
      code: TransactionCanceledException
      message: "Transaction cancelled, please refer cancellation reasons for specific reasons"
      fields: {CancellationReasons: [{Code: TransactionConflict, Message: "ongoing"}]}
  - service: dynamodb
    probability: 0.1
    error: {code: ProvisionedThroughputExceededException}
  - service: dynamodb
    probability: 0.1
    error: {code: InternalServerError, status: 500}
"#;

/// DynamoDB writes, and its answer breaks off.
const WRITTEN_UNHEARD: &str = "
rules:
  - {service: dynamodb, operation: TransactWriteItems, probability: 0.2, response: {abort_frac: 0.2}}
  - {service: dynamodb, operation: PutItem, probability: 0.2, response: {abort_frac: 0.2}}
  - {service: dynamodb, operation: UpdateItem, probability: 0.2, response: {abort_frac: 0.2}}
";

/// SNS and SQS do what they are asked for, and their answers break off.
const MOVED_UNHEARD: &str = "
rules:
  - {service: sns, probability: 0.2, response: {abort_frac: 0.2}}
  - {service: sqs, operation: DeleteMessageBatch, probability: 0.2, response: {abort_frac: 0.2}}
  - {service: sqs, operation: ReceiveMessage, probability: 0.2, response: {abort_frac: 0.2}}
";

/// Redis does what it is asked for, and its answer is lost.
pub(super) const HELD_UNHEARD: &str = "
rules:
  - {service: redis, operation: evalsha, probability: 0.3, cut_reply: {after_bytes: 0}}
";

async fn survives(setup: Setup, customers: u32) {
    let world = World::open(setup).await;
    let sold = trade(&world, customers).await;
    world.ends_well(sold).await;
    assert!(world.unanswered() >= u64::from(customers), "much went wrong");
    assert!(world.dead().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn dynamodb_throttles_fails_and_cancels() {
    // AWS's own DynamoDB Local cancels transactions that meet, besides.
    let setup = Setup { dynamo_rules: Some(BUSY), dynamo_local: true, ..Setup::default() };
    survives(setup, 12).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_takes_effect_and_nobody_is_told() {
    survives(Setup { dynamo_rules: Some(WRITTEN_UNHEARD), ..Setup::default() }, 12).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_published_received_or_deleted_and_nobody_is_told() {
    let messaging_rules = Some(MOVED_UNHEARD);
    survives(Setup { messaging_rules, consumers: SOON, ..Setup::default() }, 12).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_goes_wrong_at_once() {
    let setup = Setup {
        dynamo_rules: Some(WRITTEN_UNHEARD),
        messaging_rules: Some(MOVED_UNHEARD),
        redis_rules: Some(HELD_UNHEARD),
        twice: true,
        consumers: SOON,
        ..Setup::default()
    };
    survives(setup, 8).await;
}
