//! Everything that the three tables say of one order.

use std::collections::{HashSet, VecDeque};

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

/// One order, as all services see it.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) order_id: OrderId,
    pub(super) order: Option<Order>,
    pub(super) reservation: Option<Reservation>,
    pub(super) payment: Option<Payment>,
    /// Outbox rows by table, each with whether it is pending.
    pub(super) outbox: [Vec<(OutboxRow, bool)>; 3],
    /// Ids of handled events, by the table of the consumer.
    pub(super) handled: [HashSet<String>; 3],
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
        for table in Table::ALL {
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
    }
}

/// All orders, by merging the three tables: each is in the order of its partitions.
pub(super) struct Cases<'a> {
    streams: [Stream<'a>; 3],
}

impl<'a> Cases<'a> {
    pub(super) fn new(scan: &'a dyn Scan) -> Self {
        Self { streams: Table::ALL.map(|table| Stream::new(scan, table)) }
    }

    /// The next order; `None` after the last one.
    pub(super) async fn next(&mut self) -> Result<Option<Case>, Failure> {
        let mut first: Option<String> = None;
        for stream in &mut self.streams {
            if let Some(partition) = stream.peek().await? {
                let earlier = first.as_deref().is_none_or(|first| partition < first);
                if earlier {
                    first = Some(partition.to_owned());
                }
            }
        }
        let Some((partition, id)) =
            first.and_then(|first| Some((order_id(&first)?, first))).map(|(id, first)| (first, id))
        else {
            return Ok(None);
        };
        let mut case = Case::new(id);
        for stream in &mut self.streams {
            while let Some(item) = stream.next_of(&partition).await? {
                case.add(&item)?;
            }
        }
        Ok(Some(case))
    }
}

/// The rows of a table whose partition is an order id. Digits sort before letters, so those
/// come first; the stream ends at the first other partition.
struct Stream<'a> {
    scan: &'a dyn Scan,
    table: Table,
    after: Option<Key>,
    ahead: VecDeque<Item>,
    ended: bool,
}

impl<'a> Stream<'a> {
    fn new(scan: &'a dyn Scan, table: Table) -> Self {
        Self { scan, table, after: None, ahead: VecDeque::new(), ended: false }
    }

    async fn peek(&mut self) -> Result<Option<&str>, Failure> {
        if self.ahead.is_empty() && !self.ended {
            let items = self.scan.scan(self.table, self.after.as_ref(), PAGE).await?;
            self.after = items.last().map(|item| item.key.clone());
            let all = items.len();
            let is_order = |item: &Item| order_id(&item.key.partition).is_some();
            self.ahead = items.into_iter().take_while(is_order).collect();
            self.ended = self.ahead.len() < all || all == 0;
        }
        Ok(self.ahead.front().map(|item| item.key.partition.as_str()))
    }

    async fn next_of(&mut self, partition: &str) -> Result<Option<Item>, Failure> {
        let same = self.peek().await?.is_some_and(|next| next == partition);
        Ok(if same { self.ahead.pop_front() } else { None })
    }
}
