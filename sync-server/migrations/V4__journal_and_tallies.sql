-- How far the control journal, a file outside the database, has been taken in: its length up to there and
-- the chain of its entries. A backup carries the place at which it was made.
CREATE TABLE journal_place (
    tenant INTEGER PRIMARY KEY,
    bytes  INTEGER NOT NULL,
    chain  BLOB NOT NULL CHECK (length(chain) = 32)
);
-- What has to be journalled with the transaction under way and has no entry of its own in the feed. Empty
-- between transactions.
CREATE TABLE journal_notes (
    tenant INTEGER NOT NULL,
    note   INTEGER PRIMARY KEY,
    body   BLOB NOT NULL
);
