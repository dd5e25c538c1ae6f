-- Version 2: what replayed dead letters, when and how many, for 400 days.

CREATE TABLE replay_run (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    started_at INTEGER NOT NULL,     -- milliseconds since 1970
    "trigger" TEXT NOT NULL,         -- schedule, operator
    queue TEXT,                      -- the filter: only of this queue,
    event_type TEXT,                 -- type
    grp TEXT,                        -- and group
    replayed INTEGER NOT NULL,
    parked INTEGER NOT NULL
);
CREATE INDEX replay_run_started ON replay_run (started_at);
