//! Dead letters: drained from their queues into a table, where they can be listed and wait.
//!
//! A queue cannot be listed without receiving it, and what is received from a FIFO queue holds
//! back what comes behind it. So a dead-letter queue is only a way into the book: a row first,
//! then the deletion from the queue. A crash between them is a row written twice, under one id.

mod drain;
mod row;

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sqs::types::QueueAttributeName as Attribute;
use futures_util::future::try_join_all;
use lmall_app::{
    ports::{
        BusError, Clock, DeadLetter, DeadLetterFilter, DeadLetters, Message, QueueDepth, ReplayRun,
    },
    topology::Queue,
};

use crate::{
    Clients,
    bus::message::{attributes, sqs_attribute},
    dynamo::attribute::{PARTITION, SORT},
};
use row::{LETTERS, PARKED_AT, failed, number, text};

/// Rows of a page. A page has at most a megabyte, whatever this says.
const PAGE: i32 = 100;

/// The dead letters of a site.
#[derive(Clone)]
pub struct DeadLetterBook {
    clients: Clients,
    clock: Arc<dyn Clock>,
}

type Row = HashMap<String, AttributeValue>;

impl DeadLetterBook {
    /// The book of these clients' site.
    #[must_use]
    pub fn new(clients: &Clients, clock: Arc<dyn Clock>) -> Self {
        Self { clients: clients.clone(), clock }
    }

    /// The rows after this id, one page, and the id that the next page is after.
    async fn page(&self, after: Option<&str>) -> Result<(Vec<Row>, Option<String>), BusError> {
        let request = self.clients.dynamo.query().table_name(self.clients.site.ops_table());
        let request = request
            .key_condition_expression("#pk = :pk AND #sk > :after")
            .expression_attribute_names("#pk", PARTITION)
            .expression_attribute_names("#sk", SORT)
            .expression_attribute_values(":pk", text(LETTERS))
            // Every id begins with a digit.
            .expression_attribute_values(":after", text(after.unwrap_or(" ")))
            .consistent_read(true)
            .limit(PAGE);
        let answer = request.send().await.map_err(failed)?;
        let next = answer.last_evaluated_key.as_ref().and_then(|key| key.get(SORT));
        let next = next.and_then(|id| id.as_s().ok()).cloned();
        Ok((answer.items.unwrap_or_default(), next))
    }

    async fn row(&self, id: &str) -> Result<Option<Row>, BusError> {
        let request = self.clients.dynamo.get_item().table_name(self.clients.site.ops_table());
        let request = request.key(PARTITION, text(LETTERS)).key(SORT, text(id));
        let answer = request.consistent_read(true).send().await.map_err(failed)?;
        Ok(answer.item)
    }

    async fn send(&self, queue: Queue, message: &Message) -> Result<(), BusError> {
        let request = self.clients.sqs.send_message().message_body(&*message.body);
        let request = request.queue_url(self.clients.site.queue_url(queue));
        let request = attributes(message).into_iter().fold(request, |request, (name, value)| {
            request.message_attributes(name, sqs_attribute(value))
        });
        let request = if queue.is_fifo() {
            request.message_group_id(&*message.group).message_deduplication_id(&*message.dedup_id)
        } else {
            request
        };
        request.send().await.map(drop).map_err(failed)
    }

    /// `false` when it is there no more.
    async fn remove(&self, id: &str) -> Result<bool, BusError> {
        let request = self.clients.dynamo.delete_item().table_name(self.clients.site.ops_table());
        let request = request
            .key(PARTITION, text(LETTERS))
            .key(SORT, text(id))
            .condition_expression("attribute_exists(#pk)")
            .expression_attribute_names("#pk", PARTITION);
        met(request.send().await, |error| error.is_conditional_check_failed_exception())
    }

    /// Dead letters in the book: not parked, and parked.
    async fn count(&self) -> Result<HashMap<Queue, (u64, u64)>, BusError> {
        let mut counts: HashMap<Queue, (u64, u64)> = HashMap::new();
        let mut after = None;
        loop {
            let (rows, next) = self.page(after.as_deref()).await?;
            for row in &rows {
                let count = counts.entry(row::queue(row)?).or_default();
                let of = if row.contains_key(PARKED_AT) { &mut count.1 } else { &mut count.0 };
                *of += 1;
            }
            after = next;
            if after.is_none() {
                return Ok(counts);
            }
        }
    }

    /// Waiting and held, as SQS counts: some seconds late.
    async fn queued(&self, url: String) -> Result<(u64, u64), BusError> {
        let request = self.clients.sqs.get_queue_attributes().queue_url(url);
        let request = request
            .attribute_names(Attribute::ApproximateNumberOfMessages)
            .attribute_names(Attribute::ApproximateNumberOfMessagesDelayed)
            .attribute_names(Attribute::ApproximateNumberOfMessagesNotVisible);
        let answer = request.send().await.map_err(failed)?;
        let count = |name| {
            let count = answer.attributes().and_then(|attributes| attributes.get(&name));
            count.and_then(|count| count.parse::<u64>().ok()).unwrap_or_default()
        };
        let waiting = count(Attribute::ApproximateNumberOfMessages)
            + count(Attribute::ApproximateNumberOfMessagesDelayed);
        Ok((waiting, count(Attribute::ApproximateNumberOfMessagesNotVisible)))
    }
}

/// Whether the condition of a write held.
fn met<T, E, R>(
    answer: Result<T, aws_sdk_dynamodb::error::SdkError<E, R>>,
    refused: impl Fn(&E) -> bool,
) -> Result<bool, BusError>
where
    E: std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    match answer {
        Ok(_) => Ok(true),
        Err(error) if error.as_service_error().is_some_and(refused) => Ok(false),
        Err(error) => Err(failed(error)),
    }
}

#[async_trait]
impl DeadLetters for DeadLetterBook {
    /// What has just died is in the first page already: the queues are drained before it.
    async fn list(
        &self,
        filter: &DeadLetterFilter,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, BusError> {
        if filter.after.is_none() {
            self.drain().await?;
        }
        let mut letters = Vec::new();
        let mut after = filter.after.clone();
        while letters.len() < limit {
            let (rows, next) = self.page(after.as_deref()).await?;
            for row in &rows {
                let letter = row::letter(row)?;
                if letters.len() < limit && lets_through(filter, &letter) {
                    letters.push(letter);
                }
            }
            after = next;
            if after.is_none() {
                break;
            }
        }
        Ok(letters)
    }

    /// Sent first: a crash before the row is removed sends it again later, under the same
    /// deduplication id, and the consumer's dedupe row protects when that is long after.
    async fn redrive(&self, id: &str, message: Message) -> Result<bool, BusError> {
        let Some(row) = self.row(id).await? else { return Ok(false) };
        self.send(row::queue(&row)?, &message).await?;
        self.remove(id).await
    }

    async fn park(&self, id: &str) -> Result<bool, BusError> {
        let request = self.clients.dynamo.update_item().table_name(self.clients.site.ops_table());
        let request = request
            .key(PARTITION, text(LETTERS))
            .key(SORT, text(id))
            .condition_expression("attribute_exists(#pk) AND attribute_not_exists(#parked)")
            .update_expression("SET #parked = :now")
            .expression_attribute_names("#pk", PARTITION)
            .expression_attribute_names("#parked", PARKED_AT)
            .expression_attribute_values(":now", number(self.clock.now().as_millis()));
        met(request.send().await, |error| error.is_conditional_check_failed_exception())
    }

    async fn record(&self, run: &ReplayRun) -> Result<(), BusError> {
        let request = self.clients.dynamo.put_item().table_name(self.clients.site.ops_table());
        let request = request.set_item(Some(row::run(run)?));
        request.send().await.map(drop).map_err(failed)
    }

    async fn depths(&self) -> Result<Vec<QueueDepth>, BusError> {
        self.drain().await?;
        let booked = self.count().await?;
        try_join_all(Queue::ALL.map(|queue| {
            let (dead, parked) = booked.get(&queue).copied().unwrap_or_default();
            async move {
                let (visible, in_flight) = self.queued(self.clients.site.queue_url(queue)).await?;
                Ok(QueueDepth { queue, visible, in_flight, dead, parked })
            }
        }))
        .await
    }
}

fn lets_through(filter: &DeadLetterFilter, letter: &DeadLetter) -> bool {
    let DeadLetterFilter { queue, event_type, group, after: _ } = filter;
    queue.is_none_or(|queue| queue == letter.queue)
        && event_type.as_deref().is_none_or(|kind| kind == &*letter.message.event_type)
        && group.as_deref().is_none_or(|group| group == &*letter.message.group)
}
