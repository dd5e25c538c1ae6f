//! Publishing: batches of entries that succeed or fail one by one.

use std::collections::HashSet;

use aws_sdk_sns::types::{MessageAttributeValue, PublishBatchRequestEntry};
use futures_util::{StreamExt, stream};
use lmall_app::{
    failure::chain,
    ports::{BusError, Message},
};
use lmall_domain::event::Topic;

use super::{
    message::{PAYLOAD_BYTES_MAX, attributes, size},
    refused,
};
use crate::Clients;

/// Entries in one call.
const ENTRIES_MAX: usize = 10;

/// Calls at the same time, when no group has messages in two of them.
const CALLS_MAX: usize = 8;

/// The answer has one result a message, in order.
pub(super) async fn publish(
    clients: &Clients,
    topic: Topic,
    messages: &[Message],
) -> Vec<Result<(), BusError>> {
    // What no answer mentions has failed.
    let mut results: Vec<Result<(), String>> =
        messages.iter().map(|_| Err("the answer does not mention this entry".to_owned())).collect();
    let plan = plan(messages);
    for index in plan.too_big {
        set(&mut results, index, Err(format!("it has more than {PAYLOAD_BYTES_MAX} bytes")));
    }
    let calls = plan.batches.into_iter().map(|batch| call(clients, topic, messages, batch));
    let mut answers = stream::iter(calls).buffered(plan.calls);
    while let Some(answer) = answers.next().await {
        for (index, result) in answer {
            set(&mut results, index, result);
        }
    }
    results.into_iter().map(|result| result.map_err(refused)).collect()
}

fn set(results: &mut [Result<(), String>], index: usize, result: Result<(), String>) {
    if let Some(slot) = results.get_mut(index) {
        *slot = result;
    }
}

/// Which messages travel together, by their index.
#[derive(Debug, PartialEq, Eq)]
struct Plan {
    batches: Vec<Vec<usize>>,
    too_big: Vec<usize>,
    /// At the same time. One after another keeps the order of a group.
    calls: usize,
}

fn plan(messages: &[Message]) -> Plan {
    let (mut batches, mut too_big) = (Vec::new(), Vec::new());
    let (mut batch, mut bytes) = (Vec::new(), 0);
    for (index, message) in messages.iter().enumerate() {
        let size = size(message);
        if size > PAYLOAD_BYTES_MAX {
            too_big.push(index);
            continue;
        }
        if batch.len() == ENTRIES_MAX || bytes + size > PAYLOAD_BYTES_MAX {
            batches.push(std::mem::take(&mut batch));
            bytes = 0;
        }
        batch.push(index);
        bytes += size;
    }
    if !batch.is_empty() {
        batches.push(batch);
    }
    let groups: HashSet<_> = messages.iter().map(|message| &*message.group).collect();
    let calls = if groups.len() == messages.len() { CALLS_MAX } else { 1 };
    Plan { batches, too_big, calls }
}

/// One call. Gives a result for each entry that the answer mentions, by the message's index.
async fn call(
    clients: &Clients,
    topic: Topic,
    messages: &[Message],
    batch: Vec<usize>,
) -> Vec<(usize, Result<(), String>)> {
    let entries = batch.iter().filter_map(|&index| Some(entry(index, messages.get(index)?)));
    let entries = entries.collect();
    let request = clients.sns.publish_batch().topic_arn(clients.site.topic_arn(topic));
    match request.set_publish_batch_request_entries(Some(entries)).send().await {
        Ok(answer) => {
            let published = answer.successful().iter().map(|entry| (entry.id(), Ok(())));
            let failed = answer.failed().iter().map(|entry| {
                let said = entry.message().unwrap_or_default();
                (Some(entry.id()), Err(format!("SNS refused it: {}: {said}", entry.code())))
            });
            let known = |(id, result): (Option<&str>, _)| Some((id?.parse().ok()?, result));
            published.chain(failed).filter_map(known).collect()
        }
        Err(error) => {
            let cause = chain(&error);
            batch.into_iter().map(|index| (index, Err(cause.clone()))).collect()
        }
    }
}

fn entry(index: usize, message: &Message) -> PublishBatchRequestEntry {
    let entry = PublishBatchRequestEntry::builder()
        .id(index.to_string())
        .message(&*message.body)
        .message_group_id(&*message.group)
        .message_deduplication_id(&*message.dedup_id);
    let entry = attributes(message).into_iter().fold(entry, |entry, (name, value)| {
        let attribute = MessageAttributeValue::builder().data_type("String").string_value(value);
        entry.message_attributes(name, attribute.build().expect("it has a type"))
    });
    entry.build().expect("it has an id and a body")
}

#[cfg(test)]
mod tests {
    use lmall_app::Trace;

    use super::*;

    fn message(group: usize, bytes: usize) -> Message {
        Message {
            group: group.to_string().into(),
            dedup_id: "d".into(),
            event_type: "order.created".into(),
            body: "x".repeat(bytes).into(),
            trace: Trace::default(),
            replays: 0,
        }
    }

    #[test]
    fn a_batch_has_at_most_ten_entries_and_256_kilobytes() {
        let many: Vec<_> = (0..23).map(|group| message(group, 10)).collect();
        let sizes = |plan: &Plan| plan.batches.iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(&plan(&many)), [10, 10, 3]);
        let large: Vec<_> = (0..4).map(|group| message(group, 100_000)).collect();
        assert_eq!(sizes(&plan(&large)), [2, 2]);
        let fits = PAYLOAD_BYTES_MAX - size(&message(1, 0));
        assert_eq!(sizes(&plan(&[message(1, fits), message(2, 1)])), [1, 1]);
    }

    #[test]
    fn what_is_too_big_does_not_fail_the_others() {
        let plan = plan(&[message(1, 10), message(2, PAYLOAD_BYTES_MAX), message(3, 10)]);
        assert_eq!((plan.too_big, plan.batches), (vec![1], vec![vec![0, 2]]));
    }

    #[test]
    fn calls_wait_for_each_other_when_a_group_could_be_in_two() {
        assert_eq!(plan(&[message(1, 1), message(2, 1)]).calls, CALLS_MAX);
        assert_eq!(plan(&[message(1, 1), message(1, 1)]).calls, 1);
    }
}
