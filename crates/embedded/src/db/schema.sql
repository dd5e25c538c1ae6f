-- Version 1. A version is never edited once it was released: the next one is a new file, added
-- to MIGRATIONS in schema.rs.
--
-- Rows have an `id` of their own, and the key is an index on them. A table clustered by the key
-- (WITHOUT ROWID) was measured: inner pages then hold whole bodies, which makes the tree deep,
-- and inserts land in the middle of pages. It cost half as much CPU again.

CREATE TABLE order_item (
    id INTEGER PRIMARY KEY,
    partition TEXT NOT NULL,
    sort TEXT NOT NULL,
    version INTEGER NOT NULL,
    expires_at INTEGER,          -- milliseconds since 1970
    indexes TEXT,                -- the row's entries in order_index: [[name, partition, sort], ...]
    body TEXT NOT NULL           -- JSON
);
CREATE UNIQUE INDEX order_item_key ON order_item (partition, sort);
CREATE TABLE order_index (
    name INTEGER NOT NULL,       -- 1 by customer, 2 open, 3 outbox pending, 4 expiry, 5 refund open
    partition TEXT NOT NULL,
    sort TEXT NOT NULL,
    item INTEGER NOT NULL,       -- order_item.id
    PRIMARY KEY (name, partition, sort)
) WITHOUT ROWID;

CREATE TABLE inventory_item (
    id INTEGER PRIMARY KEY,
    partition TEXT NOT NULL,
    sort TEXT NOT NULL,
    version INTEGER NOT NULL,
    expires_at INTEGER,
    indexes TEXT,
    body TEXT NOT NULL
);
CREATE UNIQUE INDEX inventory_item_key ON inventory_item (partition, sort);
CREATE TABLE inventory_index (
    name INTEGER NOT NULL,
    partition TEXT NOT NULL,
    sort TEXT NOT NULL,
    item INTEGER NOT NULL,
    PRIMARY KEY (name, partition, sort)
) WITHOUT ROWID;

CREATE TABLE payment_item (
    id INTEGER PRIMARY KEY,
    partition TEXT NOT NULL,
    sort TEXT NOT NULL,
    version INTEGER NOT NULL,
    expires_at INTEGER,
    indexes TEXT,
    body TEXT NOT NULL
);
CREATE UNIQUE INDEX payment_item_key ON payment_item (partition, sort);
CREATE TABLE payment_index (
    name INTEGER NOT NULL,
    partition TEXT NOT NULL,
    sort TEXT NOT NULL,
    item INTEGER NOT NULL,
    PRIMARY KEY (name, partition, sort)
) WITHOUT ROWID;

-- What is sent and not yet acknowledged: one row a message and queue, in the order of sending.
-- Who holds a message is known in memory only: a holder does not outlive the process.
CREATE TABLE message (
    seq INTEGER PRIMARY KEY,
    queue INTEGER NOT NULL,      -- 1 order, 2 inventory, 3 payment, 4 analytics
    receive_count INTEGER NOT NULL,
    replays INTEGER NOT NULL,
    grp TEXT NOT NULL,
    dedup_id TEXT NOT NULL,
    event_type TEXT NOT NULL,
    trace TEXT,                  -- JSON
    body TEXT NOT NULL           -- JSON
);

CREATE TABLE dead_letter (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    queue INTEGER NOT NULL,
    receive_count INTEGER NOT NULL,
    replays INTEGER NOT NULL,
    permanent INTEGER NOT NULL,
    dead_at INTEGER NOT NULL,
    parked_at INTEGER,
    grp TEXT NOT NULL,
    dedup_id TEXT NOT NULL,
    event_type TEXT NOT NULL,
    trace TEXT,
    cause TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX dead_letter_queue ON dead_letter (queue, parked_at);

-- Deduplication ids of the last minutes, in three generations. The younger one is written to,
-- the elder one is asked too, and what is older than that is emptied bit by bit. When the
-- younger one is as old as the window, each moves up by one.
CREATE TABLE dedup_0 (
    key TEXT PRIMARY KEY NOT NULL,   -- scope and id; 1 order events, 2 payment events, 16 + queue: sent to a queue
    sent_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE dedup_1 (
    key TEXT PRIMARY KEY NOT NULL,
    sent_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE dedup_2 (
    key TEXT PRIMARY KEY NOT NULL,
    sent_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE dedup_generation (
    younger INTEGER NOT NULL,
    since INTEGER NOT NULL
);
INSERT INTO dedup_generation VALUES (0, 0);
