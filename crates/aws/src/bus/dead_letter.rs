//! Moving a message to its dead-letter queue: sent there first, then deleted here.

use std::sync::Arc;

use lmall_app::{
    ports::{BusError, Delivery, Message, Receipt},
    topology::Queue,
};

use super::{
    Inner, delete, failed,
    message::{attributes, sqs_attribute},
};

/// Why it is there.
pub(crate) const CAUSE: &str = "cause";
/// `true` when no replay can help.
pub(crate) const PERMANENT: &str = "permanent";
/// How often it was received since it was last sent.
pub(crate) const RECEIVE_COUNT: &str = "receive_count";

/// A cause is for people; SQS counts it with the message, which has to stay below its limit.
const CAUSE_BYTES_MAX: usize = 1_024;

pub(super) async fn dead_letter(
    inner: &Arc<Inner>,
    delivery: &Delivery,
    cause: &str,
    permanent: bool,
) -> Result<(), BusError> {
    let Delivery { queue, receipt, receive_count, message } = delivery;
    bury(inner, *queue, receipt, message, (*receive_count, cause, permanent)).await
}

/// A crash between the two steps leaves it in both queues. Within five minutes the second try
/// adds none; after that, both are in the book, and the consumer's dedupe row protects.
pub(super) async fn bury(
    inner: &Arc<Inner>,
    queue: Queue,
    receipt: &Receipt,
    message: &Message,
    (receive_count, cause, permanent): (u32, &str, bool),
) -> Result<(), BusError> {
    let request = inner.clients.sqs.send_message().message_body(&*message.body);
    let request = request.queue_url(inner.clients.site.dead_queue_url(queue));
    let more = [
        (CAUSE, clean(cause)),
        (PERMANENT, permanent.to_string()),
        (RECEIVE_COUNT, receive_count.to_string()),
    ];
    let all = attributes(message).into_iter().chain(more);
    let request = all.fold(request, |request, (name, value)| {
        request.message_attributes(name, sqs_attribute(value))
    });
    let request = if queue.is_fifo() {
        request.message_group_id(&*message.group).message_deduplication_id(&*message.dedup_id)
    } else {
        request
    };
    request.send().await.map_err(failed)?;
    delete::delete(inner, queue, vec![receipt.clone()]).await
}

/// What SQS takes as an attribute: not empty, not endless, without control characters.
fn clean(cause: &str) -> String {
    let mut text = String::with_capacity(cause.len().min(CAUSE_BYTES_MAX));
    for character in cause.chars() {
        let character = if character.is_control() { ' ' } else { character };
        if text.len() + character.len_utf8() > CAUSE_BYTES_MAX {
            break;
        }
        text.push(character);
    }
    if text.trim().is_empty() { "no cause was given".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_what_sqs_takes() {
        assert_eq!(clean("a\nb\0c"), "a b c");
        assert_eq!(clean(" \n"), "no cause was given");
        assert_eq!(clean(&"é".repeat(1_000)).len(), CAUSE_BYTES_MAX);
        assert_eq!(clean(&"€".repeat(1_000)).len(), 1_023);
    }
}
