-- Attachments of which this phone has the bytes, or is fetching them. The bytes lie in files beside the database,
-- each sealed with a key of its own: without its row a file is noise.
CREATE TABLE attachment (
    grp        BLOB NOT NULL,
    hash       BLOB NOT NULL,                      -- BLAKE3 of the content
    bytes      INTEGER NOT NULL,
    file       BLOB NOT NULL UNIQUE,               -- 16 random bytes: the name of the file tells nothing
    key        BLOB NOT NULL,
    taken      INTEGER NOT NULL,                   -- 1: taken on this phone; 0: fetched from the server
    held       INTEGER NOT NULL,                   -- 1: whole
    named      INTEGER NOT NULL,                   -- 1: something saved names it; else it goes after a while
    since      INTEGER NOT NULL,
    used_at    INTEGER NOT NULL,
    sent_at    INTEGER,                            -- the server had it whole; null: waits to be sent
    safe       INTEGER NOT NULL DEFAULT 0,         -- 1: and a record at the server names it
    there      INTEGER NOT NULL DEFAULT 0,         -- bytes that the server said it holds
    tries      INTEGER NOT NULL DEFAULT 0,         -- failures in a row
    next_at    INTEGER NOT NULL DEFAULT 0,
    waits_for  TEXT,                               -- why the last try failed
    stopped    INTEGER NOT NULL DEFAULT 0,         -- 1: not tried again until somebody asks
    PRIMARY KEY (grp, hash)
) WITHOUT ROWID;
CREATE INDEX attachment_to_send ON attachment (next_at) WHERE held AND named AND sent_at IS NULL;

-- Which attachments the records name now: derived, can be deleted.
CREATE TABLE media_use (
    record     BLOB NOT NULL,
    field      TEXT NOT NULL,
    grp        BLOB NOT NULL,
    hash       BLOB NOT NULL,
    bytes      INTEGER NOT NULL,
    media_type TEXT NOT NULL,
    scope      TEXT NOT NULL,
    PRIMARY KEY (record, field, hash)
) WITHOUT ROWID;
CREATE INDEX media_use_of ON media_use (grp, hash);
