//! A changeset as a request.

use std::fmt::Write as _;

use aws_sdk_dynamodb::types::{
    ConditionCheck, Delete, Put, ReturnValuesOnConditionCheckFailure::AllOld, TransactWriteItem,
    Update,
};
use lmall_app::{
    Changeset, Refusal, Write,
    ports::{Key, NewRow},
};
use lmall_domain::limits::{TRANSACTION_BYTES_MAX, TRANSACTION_WRITES_MAX};

use super::{
    Names,
    item::{self, Attributes, NotAnItem, number},
    keys::attribute,
};

/// The condition of an insertion.
const ABSENT: &str = "attribute_not_exists(pk)";

/// The condition of a replacement or a deletion.
const SAME_VERSION: &str = "v = :v";

/// A changeset that DynamoDB would not take. Nothing of it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotARequest {
    #[error("a changeset without a write")]
    Empty,
    #[error("a changeset of {0} writes; at most {TRANSACTION_WRITES_MAX} are possible")]
    TooMany(usize),
    #[error("a changeset of {0} bytes; at most {TRANSACTION_BYTES_MAX} are possible")]
    TooLarge(usize),
    #[error("a counter with a name that is no identifier")]
    NoSuchCounter,
    #[error(transparent)]
    Item(#[from] NotAnItem),
}

/// The writes of a changeset, its event last, each with what its refusal means.
pub(super) struct Plan<'a> {
    writes: &'a [(Write, Refusal)],
    event: Option<(Write, Refusal)>,
}

impl<'a> Plan<'a> {
    /// The plan of a changeset.
    pub(super) fn new(changeset: &'a Changeset) -> Result<Self, NotARequest> {
        let event = changeset.outbox().map(|row| (Write::Insert(row.pending()), Refusal::Stale));
        let plan = Self { writes: changeset.writes(), event };
        match plan.writes().count() {
            0 => Err(NotARequest::Empty),
            count if count > TRANSACTION_WRITES_MAX => Err(NotARequest::TooMany(count)),
            _ => Ok(plan),
        }
    }

    /// The writes, in order.
    pub(super) fn writes(&self) -> impl Iterator<Item = &(Write, Refusal)> {
        self.writes.iter().chain(&self.event)
    }

    /// The write, when it is the only one and can be sent alone, which a condition cannot.
    pub(super) fn only(&self) -> Option<&(Write, Refusal)> {
        let mut writes = self.writes();
        let first = writes.next().filter(|(write, _)| !matches!(write, Write::Absent(_)));
        if writes.next().is_none() { first } else { None }
    }

    /// The actions of a transaction.
    pub(super) fn actions(&self, names: &Names) -> Result<Vec<TransactWriteItem>, NotARequest> {
        let mut bytes = 0;
        let mut actions = Vec::with_capacity(self.writes.len() + 1);
        for (write, _) in self.writes() {
            let (action, size) = Action::new(write)?;
            bytes += size;
            actions.push(action.in_transaction(names.of(write.key().table)));
        }
        if bytes > TRANSACTION_BYTES_MAX {
            return Err(NotARequest::TooLarge(bytes));
        }
        Ok(actions)
    }
}

/// One write, as DynamoDB takes it.
#[derive(Debug)]
pub(super) enum Action {
    Put { item: Attributes, condition: &'static str, values: Option<Attributes> },
    Update { key: Attributes, update: String, condition: String, values: Attributes },
    Delete { key: Attributes, condition: &'static str, values: Attributes },
    Check { key: Attributes, condition: &'static str },
}

impl Action {
    /// The action, and the bytes that it carries, or a little more.
    pub(super) fn new(write: &Write) -> Result<(Self, usize), NotARequest> {
        match write {
            Write::Insert(row) => Self::put(row, 1, ABSENT, None),
            Write::Replace(row, version) => {
                Self::put(row, version + 1, SAME_VERSION, Some(version_value(*version)))
            }
            Write::Adjust(key, deltas) => Self::adjust(key, deltas),
            Write::Delete(key, version) => {
                let values = version_value(*version);
                let key = item::key(key)?;
                Ok((Self::Delete { key, condition: SAME_VERSION, values }, 0))
            }
            Write::Absent(key) => Ok((Self::Check { key: item::key(key)?, condition: ABSENT }, 0)),
        }
    }

    fn put(
        row: &NewRow,
        version: u64,
        condition: &'static str,
        values: Option<Attributes>,
    ) -> Result<(Self, usize), NotARequest> {
        let (item, bytes) = item::encode(row, version)?;
        Ok((Self::Put { item, condition, values }, bytes))
    }

    /// That a counter which falls has enough is a condition. One that rises has none: what goes
    /// into the ledger is bounded long before a number of DynamoDB is.
    fn adjust(key: &Key, deltas: &[(&'static str, i64)]) -> Result<(Self, usize), NotARequest> {
        let key = item::key(key)?;
        let mut values = Attributes::with_capacity(2 * deltas.len() + 1);
        values.insert(":one".to_owned(), number(1));
        let mut update = format!("ADD {} :one", attribute::VERSION);
        let mut condition = "attribute_exists(pk) AND attribute_not_exists(body)".to_owned();
        for (place, (name, delta)) in deltas.iter().enumerate() {
            let is_plain = |c: u8| c.is_ascii_alphanumeric() || c == b'_';
            if name.is_empty() || !name.bytes().all(is_plain) {
                return Err(NotARequest::NoSuchCounter);
            }
            let name = format!("{}{name}", attribute::COUNTER_PREFIX);
            write!(update, ", {name} :d{place}").expect("a text takes everything");
            values.insert(format!(":d{place}"), number(delta));
            if *delta < 0 {
                write!(condition, " AND {name} >= :m{place}").expect("a text takes everything");
                values.insert(format!(":m{place}"), number(delta.unsigned_abs()));
            }
        }
        Ok((Self::Update { key, update, condition, values }, 0))
    }

    fn in_transaction(self, table: &str) -> TransactWriteItem {
        let whole = "every required member is set";
        let action = TransactWriteItem::builder();
        let action = match self {
            Self::Put { item, condition, values } => {
                let put = Put::builder().table_name(table).set_item(Some(item));
                let put = put.condition_expression(condition);
                action.put(put.set_expression_attribute_values(values).build().expect(whole))
            }
            Self::Update { key, update, condition, values } => {
                let change = Update::builder().table_name(table).set_key(Some(key));
                let change = change.update_expression(update).condition_expression(condition);
                let change = change.set_expression_attribute_values(Some(values));
                // Whether it has counters at all: see `verdict`.
                let change = change.return_values_on_condition_check_failure(AllOld);
                action.update(change.build().expect(whole))
            }
            Self::Delete { key, condition, values } => {
                let delete = Delete::builder().table_name(table).set_key(Some(key));
                let delete = delete.condition_expression(condition);
                let delete = delete.set_expression_attribute_values(Some(values));
                action.delete(delete.build().expect(whole))
            }
            Self::Check { key, condition } => {
                let check = ConditionCheck::builder().table_name(table).set_key(Some(key));
                let check = check.condition_expression(condition);
                action.condition_check(check.build().expect(whole))
            }
        };
        action.build()
    }
}

fn version_value(version: u64) -> Attributes {
    Attributes::from([(":v".to_owned(), number(version))])
}
