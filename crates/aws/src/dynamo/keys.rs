//! The design of the tables, on one screen.
//!
//! | attribute | type | what |
//! |---|---|---|
//! | `pk` | S | the partition of the row's key |
//! | `sk` | S | its sort key |
//! | `v` | N | its version: 1 when inserted, one more with each change |
//! | `body` | S | its JSON document, unless that is counters |
//! | `n_{name}` | N | a counter: a body that is a flat object of whole numbers is kept so |
//! | `{index}_pk`, `{index}_sk` | S | its place in an index; absent when it is not in it |
//! | `ttl` | N | when it may be deleted, in seconds since 1970 |
//!
//! | table | index | attributes | what |
//! |---|---|---|---|
//! | order | `by-customer` | `by_customer_pk`, `by_customer_sk` | orders of a customer |
//! | order | `open` | `open_pk`, `open_sk` | orders that have not ended |
//! | each | `outbox-pending` | `outbox_pending_pk`, `outbox_pending_sk` | events to be relayed |
//! | inventory | `expiry` | `expiry_pk`, `expiry_sk` | reservations by expiry |
//! | payment | `refund-open` | `refund_open_pk`, `refund_open_sk` | open refunds |
//! | catalogue | `by-change` | `by_change_pk`, `by_change_sk` | products by their last change |
//! | catalogue | `by-product` | `by_product_pk`, `by_product_sk` | reviews of a product |
//! | customer | `leaving` | `leaving_pk`, `leaving_sk` | who is gone and has left rows behind |
//!
//! An index has keys only: it is a list of whom to read. No name needs a placeholder in an
//! expression, but `ttl`, which no expression has.

use lmall_app::ports::{Index, Table};

/// The names of the attributes of a row, for whoever reads a change stream.
pub mod attribute {
    /// Partition key.
    pub const PARTITION: &str = "pk";
    /// Sort key.
    pub const SORT: &str = "sk";
    /// The version.
    pub const VERSION: &str = "v";
    /// The JSON document, as text. A row of counters has none.
    pub const BODY: &str = "body";
    /// What the name of a counter begins with.
    pub const COUNTER_PREFIX: &str = "n_";
    /// When the row may be deleted, in seconds since 1970.
    pub const EXPIRES: &str = "ttl";
}

/// What an index is called, and the attributes that put a row into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) name: &'static str,
    pub(super) partition: &'static str,
    pub(super) sort: &'static str,
}

/// The place of an index.
pub(super) const fn place(index: Index) -> Place {
    let (name, partition, sort) = match index {
        Index::ByCustomer => ("by-customer", "by_customer_pk", "by_customer_sk"),
        Index::Open => ("open", "open_pk", "open_sk"),
        Index::OutboxPending => ("outbox-pending", "outbox_pending_pk", "outbox_pending_sk"),
        Index::Expiry => ("expiry", "expiry_pk", "expiry_sk"),
        Index::RefundOpen => ("refund-open", "refund_open_pk", "refund_open_sk"),
        Index::ByChange => ("by-change", "by_change_pk", "by_change_sk"),
        Index::ByProduct => ("by-product", "by_product_pk", "by_product_sk"),
        Index::Leaving => ("leaving", "leaving_pk", "leaving_sk"),
    };
    Place { name, partition, sort }
}

/// The indexes of a table.
pub(super) const fn indexes(table: Table) -> &'static [Index] {
    match table {
        Table::Order => &[Index::ByCustomer, Index::Open, Index::OutboxPending],
        Table::Inventory => &[Index::Expiry, Index::OutboxPending],
        Table::Payment => &[Index::RefundOpen, Index::OutboxPending],
        Table::Catalogue => &[Index::ByChange, Index::ByProduct, Index::OutboxPending],
        Table::Customer => &[Index::Leaving, Index::OutboxPending],
    }
}
