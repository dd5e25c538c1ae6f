//! What operators are told, and what is kept of a replay.

use std::{sync::Arc, time::Duration};

use lmall_app::{
    ops::dead_letters::Replayer,
    ports::{Bus, Clock, DeadLetters},
    topology::Queue,
};
use lmall_aws::{
    EventBridge,
    bus::provision::queue_arn,
    dynamo::attribute::{BODY, PARTITION},
    notices::bus_name,
};
use lmall_contract::bus::{publish, receive};
use lmall_runtime::SystemClock;
use serde_json::Value;

use crate::world::{World, world};

/// A queue that hears the operations bus.
async fn listen(it: &World) -> String {
    let queue = it.clients.sqs.create_queue().queue_name("heard").send().await;
    let url = queue.expect("the stack answers").queue_url.expect("it has a URL");
    let arn = queue_arn(&it.clients.site, &url);
    let (events, bus) = (&it.clients.events, bus_name(&it.clients.site));
    let rule = events.put_rule().name("heard").event_bus_name(&bus);
    let rule = rule.event_pattern(r#"{"source":["lmall"]}"#).send().await;
    rule.expect("the stack answers");
    let target = aws_sdk_eventbridge::types::Target::builder().id("heard").arn(arn).build();
    let targets = events.put_targets().rule("heard").event_bus_name(&bus);
    let targets = targets.targets(target.expect("complete")).send().await;
    targets.expect("the stack answers");
    url
}

async fn heard(it: &World, url: &str) -> Value {
    let request = it.clients.sqs.receive_message().queue_url(url).wait_time_seconds(10);
    let answer = request.send().await.expect("the stack answers");
    let message = answer.messages().first().expect("somebody told it").clone();
    serde_json::from_str(message.body().expect("it has a body")).expect("it is JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parked_message_is_told_and_the_run_recorded() {
    let it = world().await;
    let url = listen(&it).await;
    publish(&*it.bus, &[("g", "1")]).await;
    let delivery = receive(&*it.bus, &*it.time, 1).await.remove(0);
    it.bus.dead_letter(&delivery, "no such order", true).await.expect("the bus answers");
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let notices = Arc::new(EventBridge::new(&it.clients));
    let replayer = Replayer::new(Arc::new(it.book.clone()), clock).telling(notices);
    let done = replayer.run_ladder().await.expect("the stack answers");
    assert_eq!((done.matched, done.replayed, done.parked), (1, 0, 1));
    let event = heard(&it, &url).await;
    assert_eq!(
        (&event["source"], &event["detail-type"]),
        (&"lmall".into(), &"MessageParked".into())
    );
    let detail = &event["detail"];
    assert_eq!(detail["queue"], Queue::Inventory.name());
    assert_eq!((&detail["order_id"], &detail["cause"]), (&"g".into(), &"no such order".into()));
    let again = replayer.run_ladder().await.expect("the stack answers");
    assert_eq!((again.matched, again.parked), (0, 0), "it is parked once");
    let depths = it.book.depths().await.expect("the stack answers");
    assert!(depths.iter().any(|depth| depth.queue == Queue::Inventory && depth.parked == 1));
    let request = it.clients.dynamo.query().table_name(it.clients.site.ops_table());
    let request = request.key_condition_expression("#pk = :pk");
    let request = request.expression_attribute_names("#pk", PARTITION).expression_attribute_values(
        ":pk",
        aws_sdk_dynamodb::types::AttributeValue::S("replays".to_owned()),
    );
    let rows = request.send().await.expect("the stack answers");
    assert_eq!(rows.items().len(), 1, "the second run did nothing");
    let body = rows.items()[0][BODY].as_s().expect("text");
    let record: Value = serde_json::from_str(body).expect("it is JSON");
    assert_eq!((&record["trigger"], &record["parked"]), (&"schedule".into(), &1.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_event_is_told_again_and_keeps_nobody_long() {
    use lmall_app::ports::{Notice, Notices as _};
    let it = world().await;
    let url = listen(&it).await;
    let refuse = |operation: &str, times: u32| {
        format!(
            "  - service: events\n    operation: {operation}\n    times: {times}\n    \
             error: {{code: InternalException}}\n"
        )
    };
    let rules = format!("rules:\n{}{}", refuse("ListEventBuses", 1), refuse("PutEvents", 2));
    let (_proxy, clients) = it.through(&rules);
    // The proxy takes seconds for its first refusal: so long that the client may ask again.
    let _refused_or_not = clients.events.list_event_buses().send().await;
    let notices = EventBridge::new(&clients);
    let started = tokio::time::Instant::now();
    notices.tell(Notice::GateDrifted { skus: 3 }).await;
    assert!(started.elapsed() < Duration::from_secs(8));
    assert_eq!(heard(&it, &url).await["detail"]["skus"], 3);
}
