//! Receiving: a long poll whose answer nobody loses.

use std::{mem, sync::Arc, time::Duration};

use aws_sdk_sqs::{
    config::{Builder, timeout::TimeoutConfig},
    types::{Message as SqsMessage, MessageSystemAttributeName as System},
};
use lmall_app::{
    failure::chain,
    ports::{BusError, Delivery, Receipt},
    topology::Queue,
};

use super::{Busy, Inner, dead_letter, failed, message::Received, refused, whole_seconds};

/// Messages in one answer.
const MESSAGES_MAX: usize = 10;

/// The longest poll.
const WAIT_SECS_MAX: i32 = 20;

/// How long the answer may take once the poll is over.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Times that a lost answer is asked for again.
const TRIES: u32 = 3;

/// The poll runs in a task of its own, so that a caller who gives up leaves nothing invisible.
pub(super) async fn receive(
    inner: &Arc<Inner>,
    queue: Queue,
    max: usize,
    wait: Duration,
    visibility: Duration,
) -> Result<Vec<Delivery>, BusError> {
    let own = Arc::clone(inner);
    let poll = async move {
        let busy = own.busy();
        let received = poll(&own, queue, max, wait, visibility).await?;
        let mut deliveries = Vec::with_capacity(received.len());
        for message in &received {
            deliveries.extend(delivery(&own, queue, message).await);
        }
        Ok::<_, BusError>(Unclaimed { deliveries, busy })
    };
    let mut polled = tokio::spawn(poll).await.map_err(failed)??;
    Ok(mem::take(&mut polled.deliveries))
}

async fn poll(
    inner: &Inner,
    queue: Queue,
    max: usize,
    wait: Duration,
    visibility: Duration,
) -> Result<Vec<SqsMessage>, BusError> {
    let wait_secs = whole_seconds(wait).min(WAIT_SECS_MAX);
    let poll = Duration::from_secs(u64::from(wait_secs.unsigned_abs()));
    let max = i32::try_from(max.clamp(1, MESSAGES_MAX)).expect("ten at most");
    let timeouts = TimeoutConfig::builder()
        .read_timeout(poll + ANSWER_WITHIN)
        .operation_attempt_timeout(poll + ANSWER_WITHIN)
        .operation_timeout((poll + ANSWER_WITHIN) * TRIES)
        .build();
    let request = inner
        .clients
        .sqs
        .receive_message()
        .queue_url(inner.clients.site.queue_url(queue))
        .max_number_of_messages(max)
        .wait_time_seconds(wait_secs)
        .visibility_timeout(whole_seconds(visibility))
        .message_attribute_names("All")
        .message_system_attribute_names(System::All);
    let request = if queue.is_fifo() {
        // The same for every try of this call: SQS then gives the same answer again.
        request.receive_request_attempt_id(attempt_id()?)
    } else {
        request
    };
    let request = request.customize();
    let request = request.config_override(Builder::default().timeout_config(timeouts));
    let answer = request.send().await.map_err(failed)?;
    Ok(answer.messages.unwrap_or_default())
}

fn attempt_id() -> Result<String, BusError> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| refused(error.to_string()))?;
    Ok(hex::encode(random))
}

/// The delivery. What cannot be made one goes to the dead-letter queue, or it would come again
/// and again and stop its group.
async fn delivery(inner: &Arc<Inner>, queue: Queue, message: &SqsMessage) -> Option<Delivery> {
    let receipt = Receipt(message.receipt_handle()?.to_owned());
    let receive_count = message.receive_count();
    match message.message() {
        Ok(message) => Some(Delivery { queue, receipt, receive_count, message }),
        Err(cause) => {
            let anyway = message.message_anyway();
            let why = (receive_count, cause.as_str(), true);
            let buried = dead_letter::bury(inner, queue, &receipt, &anyway, why).await;
            let error = buried.err().map(|error| chain(&error));
            tracing::error!(queue.name = queue.name(), cause, error, "not a message of ours");
            None
        }
    }
}

/// Deliveries that nobody has yet. What is dropped becomes visible to others.
struct Unclaimed {
    deliveries: Vec<Delivery>,
    busy: Busy,
}

impl Drop for Unclaimed {
    fn drop(&mut self) {
        let deliveries = mem::take(&mut self.deliveries);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if deliveries.is_empty() {
            return;
        }
        let busy = self.busy.0.busy();
        runtime.spawn(async move {
            for Delivery { queue, receipt, .. } in &deliveries {
                let released = busy.0.change_visibility(*queue, receipt, Duration::ZERO).await;
                if let Err(error) = released {
                    let error = chain(&error);
                    tracing::warn!(queue.name = queue.name(), error, "not released");
                }
            }
        });
    }
}
