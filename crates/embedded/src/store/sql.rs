//! The statements of each table.

use lmall_app::ports::{Index, Table};

/// One text a statement, so that preparing one is looking it up.
pub(super) struct Sql {
    pub(super) get: &'static str,
    pub(super) query: &'static str,
    pub(super) query_descending: &'static str,
    pub(super) query_index: &'static str,
    pub(super) query_index_descending: &'static str,
    pub(super) scan: &'static str,
    pub(super) expired: &'static str,
    pub(super) check: &'static str,
    pub(super) read: &'static str,
    pub(super) insert: &'static str,
    pub(super) replace: &'static str,
    pub(super) adjust: &'static str,
    pub(super) delete: &'static str,
    pub(super) enter: &'static str,
    pub(super) leave: &'static str,
}

macro_rules! sql {
    ($item:literal, $index:literal) => {
        Sql {
            get: concat!(
                "SELECT version, body FROM ",
                $item,
                " WHERE partition = ?1 AND sort = ?2"
            ),
            query: concat!(
                "SELECT partition, sort, version, body, sort FROM ",
                $item,
                " WHERE partition = ?1 AND sort >= ?2 AND sort < ?3 ORDER BY sort LIMIT ?4"
            ),
            query_descending: concat!(
                "SELECT partition, sort, version, body, sort FROM ",
                $item,
                " WHERE partition = ?1 AND sort >= ?2 AND sort < ?3 ORDER BY sort DESC LIMIT ?4"
            ),
            // CROSS JOIN keeps the planner from turning the two round.
            query_index: concat!(
                "SELECT item.partition, item.sort, version, body, place.sort FROM ",
                $index,
                " AS place CROSS JOIN ",
                $item,
                " AS item ON item.id = place.item",
                " WHERE place.name = ?1 AND place.partition = ?2 AND place.sort >= ?3",
                " AND place.sort < ?4 ORDER BY place.sort LIMIT ?5"
            ),
            query_index_descending: concat!(
                "SELECT item.partition, item.sort, version, body, place.sort FROM ",
                $index,
                " AS place CROSS JOIN ",
                $item,
                " AS item ON item.id = place.item",
                " WHERE place.name = ?1 AND place.partition = ?2 AND place.sort >= ?3",
                " AND place.sort < ?4 ORDER BY place.sort DESC LIMIT ?5"
            ),
            scan: concat!(
                "SELECT partition, sort, version, body FROM ",
                $item,
                " WHERE (partition, sort) > (?1, ?2) ORDER BY partition, sort LIMIT ?3"
            ),
            expired: concat!(
                "SELECT id, expires_at < ?2 FROM ",
                $item,
                " WHERE id > ?1 ORDER BY id LIMIT ?3"
            ),
            check: concat!(
                "SELECT id, version, indexes FROM ",
                $item,
                " WHERE partition = ?1 AND sort = ?2"
            ),
            read: concat!("SELECT id, body FROM ", $item, " WHERE partition = ?1 AND sort = ?2"),
            insert: concat!(
                "INSERT INTO ",
                $item,
                " (partition, sort, version, expires_at, indexes, body)",
                " VALUES (?1, ?2, 1, ?3, ?4, ?5) ON CONFLICT DO NOTHING"
            ),
            replace: concat!(
                "UPDATE ",
                $item,
                " SET version = version + 1, expires_at = ?2, indexes = ?3,",
                " body = ?4 WHERE id = ?1"
            ),
            adjust: concat!(
                "UPDATE ",
                $item,
                " SET version = version + 1, body = ?2 WHERE id = ?1"
            ),
            delete: concat!(
                "DELETE FROM ",
                $item,
                " WHERE id = ?1 AND (?2 IS NULL OR expires_at < ?2) RETURNING indexes"
            ),
            enter: concat!(
                "INSERT OR REPLACE INTO ",
                $index,
                " (name, partition, sort, item)",
                " VALUES (?1, ?2, ?3, ?4)"
            ),
            leave: concat!(
                "DELETE FROM ",
                $index,
                " WHERE name = ?1 AND partition = ?2 AND sort = ?3 AND item = ?4"
            ),
        }
    };
}

static ORDER: Sql = sql!("order_item", "order_index");
static INVENTORY: Sql = sql!("inventory_item", "inventory_index");
static PAYMENT: Sql = sql!("payment_item", "payment_index");
static CATALOGUE: Sql = sql!("catalogue_item", "catalogue_index");
static CUSTOMER: Sql = sql!("customer_item", "customer_index");

/// The statements of that table.
pub(super) const fn of(table: Table) -> &'static Sql {
    match table {
        Table::Order => &ORDER,
        Table::Inventory => &INVENTORY,
        Table::Payment => &PAYMENT,
        Table::Catalogue => &CATALOGUE,
        Table::Customer => &CUSTOMER,
    }
}

/// The place of the table in [`Table::ALL`].
pub(super) const fn position(table: Table) -> usize {
    match table {
        Table::Order => 0,
        Table::Inventory => 1,
        Table::Payment => 2,
        Table::Catalogue => 3,
        Table::Customer => 4,
    }
}

/// The number that stands for the index in the file.
pub(super) const fn index_number(index: Index) -> i64 {
    match index {
        Index::ByCustomer => 1,
        Index::Open => 2,
        Index::OutboxPending => 3,
        Index::Expiry => 4,
        Index::RefundOpen => 5,
        Index::ByChange => 6,
        Index::ByProduct => 7,
        Index::Leaving => 9,
    }
}
