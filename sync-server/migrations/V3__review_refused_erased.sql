-- What phones sent and the feed did not get, as it came.
CREATE TABLE set_aside (
    tenant      INTEGER NOT NULL,
    id          INTEGER NOT NULL,
    state       INTEGER NOT NULL CHECK (state IN (0, 1)), -- 0 waits for a coordinator, 1 refused
    -- Of a change its hash; of an opening, and of bytes that are no change, BLAKE3 of the body.
    hash        BLOB NOT NULL CHECK (length(hash) = 32),
    group_id    BLOB NOT NULL CHECK (length(group_id) = 16),
    record      BLOB CHECK (length(record) = 16),         -- null: the group was to be opened
    form        TEXT,
    author      BLOB NOT NULL CHECK (length(author) = 16),
    device      BLOB NOT NULL CHECK (length(device) = 16),
    reason      TEXT NOT NULL,                            -- why it is here, as a code
    received_at INTEGER NOT NULL,
    decision    TEXT,                                     -- the code with which a coordinator refused it
    decided_at  INTEGER,
    body        BLOB NOT NULL,                            -- change chunk, or opening in CBOR
    PRIMARY KEY (tenant, id)
) WITHOUT ROWID;
-- The same bytes from another phone are another matter: nobody takes another one's place.
CREATE UNIQUE INDEX set_aside_hash ON set_aside (tenant, hash, device);
CREATE INDEX set_aside_group ON set_aside (tenant, group_id);
CREATE INDEX set_aside_device ON set_aside (tenant, device, state, id);

-- Groups that were erased. The feed keeps the numbers, hashes and chain of their changes; the bodies are
-- empty.
CREATE TABLE erasures (
    tenant   INTEGER NOT NULL,
    group_id BLOB NOT NULL CHECK (length(group_id) = 16),
    seq      INTEGER NOT NULL,                            -- feed number of the entry that says so
    at       INTEGER NOT NULL,
    reason   TEXT NOT NULL,                               -- a code
    PRIMARY KEY (tenant, group_id)
) WITHOUT ROWID;
