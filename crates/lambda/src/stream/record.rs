//! A record of a change stream, read as an outbox row.

use aws_lambda_events::event::dynamodb::EventRecord;
use lmall_app::OutboxRow;
use lmall_aws::dynamo::attribute;
use serde_dynamo::{AttributeValue, Item};

/// Why a record that tells of a new outbox row cannot be read as one.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// An attribute is missing, or is not text.
    #[error("its attribute `{0}` is missing or not text")]
    Attribute(&'static str),
    /// The body is not an outbox row.
    #[error("its body is not an outbox row")]
    Body(#[source] serde_json::Error),
    /// The body is another row's.
    #[error("its body is that of `{0}`")]
    Stranger(String),
}

/// The outbox row that a record tells of; `None` when it tells of anything else: a row that was
/// changed or deleted, or a row of another kind.
///
/// # Errors
/// When it tells of a new outbox row that cannot be read.
pub fn outbox_insert(record: &EventRecord) -> Option<Result<OutboxRow, Unreadable>> {
    if record.event_name != "INSERT" {
        return None;
    }
    let keys = &record.change.keys;
    let sort = match text(keys, attribute::SORT) {
        Ok(sort) if sort.starts_with(OutboxRow::SORT_PREFIX) => sort,
        Ok(_) => return None,
        Err(unreadable) => return Some(Err(unreadable)),
    };
    Some(read(sort, keys, &record.change.new_image))
}

fn read(sort: &str, keys: &Item, image: &Item) -> Result<OutboxRow, Unreadable> {
    let partition = text(keys, attribute::PARTITION)?;
    let body = text(image, attribute::BODY)?;
    let (row, _) = OutboxRow::from_body(body.as_bytes()).map_err(Unreadable::Body)?;
    let key = row.key();
    if key.partition != partition || key.sort != sort {
        return Err(Unreadable::Stranger(row.event_id.as_str().to_owned()));
    }
    Ok(row)
}

fn text<'a>(item: &'a Item, name: &'static str) -> Result<&'a str, Unreadable> {
    let Some(AttributeValue::S(text)) = item.get(name) else {
        return Err(Unreadable::Attribute(name));
    };
    Ok(text)
}
