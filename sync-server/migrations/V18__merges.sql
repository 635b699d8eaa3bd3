-- Groups that a coordinator found to be one: which was kept, which others' links were led to it, and what
-- undoing it gives back. Both groups stay as they are; only links change.
CREATE TABLE merges (
    tenant    INTEGER NOT NULL,
    id        BLOB NOT NULL CHECK (length(id) = 16),
    kept      BLOB NOT NULL CHECK (length(kept) = 16),
    other     BLOB NOT NULL CHECK (length(other) = 16),
    by_person BLOB NOT NULL CHECK (length(by_person) = 16),
    at        INTEGER NOT NULL,
    undone_at INTEGER,
    body      BLOB NOT NULL,    -- all of it in CBOR, as the control journal keeps it
    PRIMARY KEY (tenant, id)
) WITHOUT ROWID;
-- A group is led to one other at a time.
CREATE UNIQUE INDEX merges_standing ON merges (tenant, other) WHERE undone_at IS NULL;
CREATE INDEX merges_kept ON merges (tenant, kept) WHERE undone_at IS NULL;
