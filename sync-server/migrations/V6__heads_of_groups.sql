-- How many changes each group has, and which: brought up to date with every transaction that appends to the
-- feed, so that nobody counts when a phone asks. All of it can be computed again from the feed.
CREATE TABLE group_heads (
    tenant     INTEGER NOT NULL,
    group_id   BLOB NOT NULL CHECK (length(group_id) = 16),
    count      INTEGER NOT NULL,
    names      BLOB NOT NULL CHECK (length(names) = 16),      -- sum of the entries' names
    numbered   BLOB NOT NULL CHECK (length(numbered) = 16),   -- sum of the entries under their numbers
    commitment BLOB NOT NULL CHECK (length(commitment) = 32), -- what is signed
    PRIMARY KEY (tenant, group_id)
) WITHOUT ROWID;
-- The number of the last entry that is counted.
CREATE TABLE heads_place (
    tenant INTEGER PRIMARY KEY,
    seq    INTEGER NOT NULL
);
-- How often a phone held other entries than the server up to the same place: never, unless somewhere is a fault.
ALTER TABLE devices ADD COLUMN defects INTEGER NOT NULL DEFAULT 0;
