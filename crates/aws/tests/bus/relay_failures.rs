//! What the stream relay's mapping gave up on.

use lmall_app::ports::Table;
use lmall_aws::RelayFailures;

use crate::world::world;

/// As Lambda writes it:
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html>.
const GIVEN_UP: &str = r#"{
  "requestContext": {
    "requestId": "316aa6d0-8154-4321-9af7-85d5f4a6bc81",
    "functionArn": "arn:aws:lambda:eu-central-1:111122223333:function:lmall-outbox-relay",
    "condition": "RetryAttemptsExhausted",
    "approximateInvokeCount": 1
  },
  "responseContext": {
    "statusCode": 200,
    "executedVersion": "$LATEST",
    "functionError": "Unhandled"
  },
  "version": "1.0",
  "timestamp": "2026-01-14T10:33:49.717Z",
  "DDBStreamBatchInfo": {
    "shardId": "shardId-00000001573689847184-864758bb",
    "startSequenceNumber": "800000000003126276362",
    "endSequenceNumber": "800000000003126276364",
    "approximateArrivalOfFirstRecord": "2026-01-14T10:33:19Z",
    "approximateArrivalOfLastRecord": "2026-01-14T10:33:19Z",
    "batchSize": 3,
    "streamArn": "arn:aws:dynamodb:eu-central-1:111122223333:table/lmall-payment/stream/2026-01-14T00:04:06.388"
  }
}"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_given_up_on_names_its_table() {
    let it = world().await;
    for body in [GIVEN_UP, "no JSON", "{}"] {
        let request = it.clients.sqs.send_message().message_body(body);
        let request = request.queue_url(it.clients.site.relay_failures_url());
        request.send().await.expect("the stack answers");
    }
    let failures = RelayFailures::new(&it.clients);
    let taken = failures.take(10).await.expect("the stack answers");
    let tables: Vec<_> = taken.iter().map(|failure| failure.table).collect();
    assert_eq!(tables, [Some(Table::Payment), None, None]);
    assert_eq!((&*taken[0].condition, taken[0].records), ("RetryAttemptsExhausted", 3));
    assert_eq!(taken[0].sequence_numbers.1, "800000000003126276364");
    failures.delete(&taken).await.expect("the stack answers");
    assert_eq!(failures.take(10).await.expect("the stack answers"), []);
}
