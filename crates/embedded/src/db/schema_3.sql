-- Version 3: the tables of the product and the user service, made like those of version 1.

CREATE TABLE catalogue_item (
    id INTEGER PRIMARY KEY,
    partition TEXT NOT NULL,
    sort TEXT NOT NULL,
    version INTEGER NOT NULL,
    expires_at INTEGER,
    indexes TEXT,
    body TEXT NOT NULL
);
CREATE UNIQUE INDEX catalogue_item_key ON catalogue_item (partition, sort);
CREATE TABLE catalogue_index (
    name INTEGER NOT NULL,
    partition TEXT NOT NULL,
    sort TEXT NOT NULL,
    item INTEGER NOT NULL,
    PRIMARY KEY (name, partition, sort)
) WITHOUT ROWID;

CREATE TABLE customer_item (
    id INTEGER PRIMARY KEY,
    partition TEXT NOT NULL,
    sort TEXT NOT NULL,
    version INTEGER NOT NULL,
    expires_at INTEGER,
    indexes TEXT,
    body TEXT NOT NULL
);
CREATE UNIQUE INDEX customer_item_key ON customer_item (partition, sort);
CREATE TABLE customer_index (
    name INTEGER NOT NULL,
    partition TEXT NOT NULL,
    sort TEXT NOT NULL,
    item INTEGER NOT NULL,
    PRIMARY KEY (name, partition, sort)
) WITHOUT ROWID;
