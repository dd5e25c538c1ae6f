//! Orders in a flash sale: who may order, and once.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use async_trait::async_trait;
use lmall_domain::{
    CustomerId, OrderId, Sku, Timestamp,
    order::LineRequest,
    waiting::{Outcome, Ticket},
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::{Orders, Place, TABLE};
use crate::{
    Changeset, Refusal,
    failure::{Failure, Round, committed, rounds},
    ports::{Admissions, Clock, NewRow, Query, Store},
    row,
    waiting::{AdmissionKeys, admission_id},
};

/// SKUs in flash mode at a time: few enough to be kept in memory and read again each second.
pub const FLASH_SKUS_MAX: usize = 100;

/// How long the list of SKUs in flash mode is believed.
const LIST_LIFE: Duration = Duration::from_secs(1);

/// How long the row of an admission outlives it: whoever asks what became of it does so within
/// minutes, and after an outage within days.
const ROW_LIFE: Duration = Duration::from_secs(7 * 86_400);

/// Why an order in a flash sale is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAdmitted {
    /// It came without a token.
    #[error("`{0}` is in a flash sale: join its waiting room, and order with the token from there")]
    NoToken(Sku),
    /// The token is none of ours, or of another customer or product.
    #[error("the admission token is not good for this order")]
    Foreign,
    /// It was good once.
    #[error("the admission has expired")]
    Expired,
    /// It is good for fewer units.
    #[error("the admission is good for {0} at most")]
    Quantity(u32),
    /// There is one token an order, and it is good for one product.
    #[error("an order can have one product of a flash sale only")]
    Several,
    /// It was used for another order.
    #[error("the admission was used for another order")]
    Used,
}

/// What is noted of an admission, once.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    /// The order that used it; none when it is void.
    order_id: Option<OrderId>,
    quantity: u32,
}

impl Note {
    fn outcome(&self) -> Outcome {
        match self.order_id {
            Some(_) => Outcome::Ordered { quantity: self.quantity },
            None => Outcome::Void,
        }
    }
}

/// That a SKU is in flash mode.
#[derive(Debug, Serialize, Deserialize)]
struct FlashRow {
    since: Timestamp,
}

/// Which SKUs are in flash mode, and whose tokens are believed.
pub(crate) struct Flash {
    keys: AdmissionKeys,
    list: Mutex<List>,
}

/// As it was read last.
#[derive(Default)]
struct List {
    read_at: Option<Duration>,
    skus: Arc<BTreeSet<Sku>>,
}

/// An admission that an order uses up.
pub(super) struct Admission {
    ticket: Ticket,
    quantity: u32,
}

impl Admission {
    /// Adds that this order uses it; that it cannot means `AlreadyHandled`.
    pub(super) fn used_by(&self, changes: Changeset, order_id: OrderId) -> Changeset {
        let note = Note { order_id: Some(order_id), quantity: self.quantity };
        changes.insert(note_row(&self.ticket, &note), Refusal::AlreadyHandled)
    }
}

impl Orders {
    /// The same, with flash sales: admissions that are signed with these keys. While there are
    /// none, no sale begins, and nobody can order in one that goes on.
    #[must_use]
    pub fn with_admissions(self, keys: AdmissionKeys) -> Self {
        Self { flash: Some(Arc::new(Flash { keys, list: Mutex::default() })), ..self }
    }

    /// The admission that the wish uses up, if it takes one. Without a flash sale that is one
    /// look at a list in memory.
    pub(super) async fn admission(
        &self,
        wish: &Place,
        lines: &[LineRequest],
        token: Option<&str>,
        now: Timestamp,
    ) -> Result<Result<Option<Admission>, NotAdmitted>, Failure> {
        let Some(flash) = &self.flash else { return Ok(Ok(None)) };
        let skus = flash.skus(&*self.store, &*self.clock).await?;
        let mut in_sale = lines.iter().filter(|line| skus.contains(&line.sku));
        Ok(match (in_sale.next(), in_sale.next()) {
            (None, _) => Ok(None),
            (Some(line), None) => flash.ticket(line, &wish.customer_id, token, now).map(Some),
            (Some(_), Some(_)) => Err(NotAdmitted::Several),
        })
    }

    /// Why an admission could not be used.
    pub(super) async fn why_not(&self, admission: &Admission) -> Result<NotAdmitted, Failure> {
        Ok(match self.outcome(&admission.ticket).await? {
            Some(Outcome::Void) => NotAdmitted::Expired,
            Some(Outcome::Ordered { .. }) | None => NotAdmitted::Used,
        })
    }
}

#[async_trait]
impl Admissions for Orders {
    async fn set_flash(&self, sku: &Sku, is_on: bool) -> Result<bool, Failure> {
        let Some(flash) = &self.flash else {
            return Err(Failure::Never("there are no flash sales here".to_owned()));
        };
        if is_on && flash.keys.is_empty() {
            return Err(Failure::NotYet("there are no keys for admissions yet"));
        }
        let key = row::flash_key(sku);
        let is_set = rounds(&*self.clock, 0, async || {
            let found = self.store.get(&key).await?;
            let changes = match (&found, is_on) {
                (Some(_), true) | (None, false) => return Ok(Round::Done(true)),
                (None, true) => {
                    if read_list(&*self.store).await?.len() >= FLASH_SKUS_MAX {
                        return Ok(Round::Done(false));
                    }
                    let value = FlashRow { since: self.clock.now() };
                    Changeset::new().put(row::plain(key.clone(), &value), 0)
                }
                (Some(item), false) => {
                    let delete = crate::Write::Delete(key.clone(), item.version);
                    Changeset::new().with(delete, Refusal::Stale)
                }
            };
            // A refusal or an unknown outcome: the next look tells.
            let written = committed(self.store.commit(changes).await)?;
            Ok(if written.is_ok() { Round::Done(true) } else { Round::Again })
        })
        .await?;
        *flash.list.lock() = List::default();
        Ok(is_set)
    }

    async fn outcome(&self, ticket: &Ticket) -> Result<Option<Outcome>, Failure> {
        let item = self.store.get(&row::admission_key(&admission_id(ticket))).await?;
        let note = item.as_ref().map(row::decode::<Note>).transpose()?;
        Ok(note.map(|note| note.value.outcome()))
    }

    async fn end(&self, ticket: &Ticket) -> Result<Outcome, Failure> {
        rounds(&*self.clock, u64::from(ticket.place), async || {
            let note = Note { order_id: None, quantity: 0 };
            let changes = Changeset::new().insert(note_row(ticket, &note), Refusal::AlreadyHandled);
            if committed(self.store.commit(changes).await)?.is_ok() {
                return Ok(Round::Done(Outcome::Void));
            }
            Ok(self.outcome(ticket).await?.map_or(Round::Again, Round::Done))
        })
        .await
    }
}

impl Flash {
    /// The admission of a token, if it is good for this line at this time.
    fn ticket(
        &self,
        line: &LineRequest,
        customer_id: &CustomerId,
        token: Option<&str>,
        now: Timestamp,
    ) -> Result<Admission, NotAdmitted> {
        let token = token.ok_or_else(|| NotAdmitted::NoToken(line.sku.clone()))?;
        let ticket = self.keys.verify(token).map_err(|_| NotAdmitted::Foreign)?;
        if ticket.sku != line.sku || ticket.customer_id != *customer_id {
            Err(NotAdmitted::Foreign)
        } else if ticket.expires_at <= now {
            Err(NotAdmitted::Expired)
        } else if ticket.quantity < line.quantity {
            Err(NotAdmitted::Quantity(ticket.quantity))
        } else {
            Ok(Admission { ticket, quantity: line.quantity })
        }
    }

    /// The SKUs in flash mode, as of a second ago at most.
    async fn skus(
        &self,
        store: &dyn Store,
        clock: &dyn Clock,
    ) -> Result<Arc<BTreeSet<Sku>>, Failure> {
        let now = clock.monotonic();
        {
            let mut list = self.list.lock();
            if let Some(read_at) = list.read_at {
                if now.saturating_sub(read_at) < LIST_LIFE {
                    return Ok(Arc::clone(&list.skus));
                }
                // Whoever comes meanwhile goes by the old one: one read a second is enough.
                list.read_at = Some(now);
            }
        }
        let skus = Arc::new(read_list(store).await?);
        *self.list.lock() = List { read_at: Some(now), skus: Arc::clone(&skus) };
        Ok(skus)
    }
}

async fn read_list(store: &dyn Store) -> Result<BTreeSet<Sku>, Failure> {
    let query = Query {
        table: TABLE,
        partition: row::FLASH.to_owned(),
        prefix: String::new(),
        after: None,
        limit: FLASH_SKUS_MAX,
        descending: false,
    };
    let page = store.query(&query).await?;
    Ok(page.items.iter().filter_map(|item| item.key.sort.parse().ok()).collect())
}

fn note_row(ticket: &Ticket, note: &Note) -> NewRow {
    let mut row = row::plain(row::admission_key(&admission_id(ticket)), note);
    row.expires_at = Some(ticket.expires_at.after(ROW_LIFE));
    row
}
