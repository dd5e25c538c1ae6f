//! Everything that the tables say of one order.

use std::collections::{HashSet, VecDeque};

use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use lmall_domain::{OrderId, order::Order, payment::Payment, stock::Reservation};

use super::order_id;
use crate::{
    OutboxRow,
    consumer::Incoming,
    failure::Failure,
    ports::{Item, Key, Query, Scan, Store, Table},
    row,
};

/// Rows read in one go.
const PAGE: usize = 1_000;

/// Orders read at a time.
const LOADS_AT_ONCE: usize = 16;

/// One order, as all services see it.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) order_id: OrderId,
    pub(super) order: Option<Order>,
    pub(super) reservation: Option<Reservation>,
    pub(super) payment: Option<Payment>,
    /// Outbox rows by table, each with whether it is pending.
    pub(super) outbox: [Vec<(OutboxRow, bool)>; Table::OF_ORDERS.len()],
    /// Ids of handled events, by the table of the consumer.
    pub(super) handled: [HashSet<String>; Table::ALL.len()],
}

impl Case {
    fn new(order_id: OrderId) -> Self {
        Self {
            order_id,
            order: None,
            reservation: None,
            payment: None,
            outbox: Default::default(),
            handled: Default::default(),
        }
    }

    /// Reads one order.
    pub(super) async fn load(store: &dyn Store, order_id: OrderId) -> Result<Self, Failure> {
        let mut case = Self::new(order_id);
        for table in Table::OF_ORDERS {
            let mut after = None;
            loop {
                let query = Query {
                    table,
                    partition: order_id.to_string(),
                    prefix: String::new(),
                    after,
                    limit: PAGE,
                    descending: false,
                };
                let page = store.query(&query).await?;
                page.items.iter().try_for_each(|item| case.add(item))?;
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
        Ok(case)
    }

    fn add(&mut self, item: &Item) -> Result<(), Failure> {
        let place = place(item.key.table);
        let sort = item.key.sort.as_str();
        if let Some(event_id) = sort.strip_prefix(Incoming::SORT_PREFIX) {
            self.handled[place].insert(event_id.to_owned());
        } else if sort.starts_with(OutboxRow::SORT_PREFIX) {
            let row = OutboxRow::from_body(&item.body)
                .map_err(|error| Failure::Corrupt(item.key.clone(), error))?;
            self.outbox[place].push(row);
        } else {
            match item.key.table {
                Table::Order => self.order = Some(row::decode(item)?.value),
                Table::Inventory => self.reservation = Some(row::decode(item)?.value),
                Table::Payment => self.payment = Some(row::decode(item)?.value),
                Table::Catalogue | Table::Customer => {}
            }
        }
        Ok(())
    }
}

/// The place of a table in the arrays of a case.
pub(super) const fn place(table: Table) -> usize {
    match table {
        Table::Order => 0,
        Table::Inventory => 1,
        Table::Payment => 2,
        Table::Catalogue => 3,
        Table::Customer => 4,
    }
}

/// All orders: those that any of the tables knows, each once.
///
/// A scan has an order of its own, so the tables cannot be merged. It is read for the ids only,
/// and each new one is then read by its key.
pub(super) struct Cases<'a> {
    store: &'a dyn Store,
    scan: &'a dyn Scan,
    tables: VecDeque<Table>,
    after: Option<Key>,
    seen: HashSet<OrderId>,
}

impl<'a> Cases<'a> {
    pub(super) fn new(store: &'a dyn Store, scan: &'a dyn Scan) -> Self {
        Self { store, scan, tables: Table::OF_ORDERS.into(), after: None, seen: HashSet::new() }
    }

    /// Some more orders, perhaps none; `None` after the last ones.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Case>>, Failure> {
        let Some(table) = self.tables.front() else { return Ok(None) };
        let items = self.scan.scan(*table, self.after.as_ref(), PAGE).await?;
        self.after = items.last().map(|item| item.key.clone());
        if items.is_empty() {
            self.tables.pop_front();
        }
        let ids = items.iter().filter_map(|item| order_id(&item.key.partition));
        let ids: Vec<_> = ids.filter(|id| self.seen.insert(*id)).collect();
        let cases = ids.into_iter().map(|id| Case::load(self.store, id).boxed());
        let cases: Vec<_> = cases.collect();
        let cases = stream::iter(cases).buffered(LOADS_AT_ONCE).try_collect().await?;
        Ok(Some(cases))
    }
}
