-- Every table has the tenant as first key column: the data of one tenant lies together and can move
-- to a partition or shard of its own.

-- The feed: everything that happened, in the order in which it became durable. Truth; all else in
-- this file can be checked against it.
CREATE TABLE feed (
    tenant      INTEGER NOT NULL,
    seq         INTEGER NOT NULL,
    kind        INTEGER NOT NULL CHECK (kind IN (0, 1)),  -- 0 change, 1 control
    -- Who is sent the entry: those granted the group, this person, or everyone of the partner.
    group_id    BLOB CHECK (length(group_id) = 16),
    person      BLOB CHECK (length(person) = 16),
    partner     BLOB CHECK (length(partner) = 16),
    -- Changes only.
    record      BLOB CHECK (length(record) = 16),
    hash        BLOB CHECK (length(hash) = 32),
    actor       BLOB CHECK (length(actor) = 16),
    actor_seq   INTEGER,
    author      BLOB CHECK (length(author) = 16),
    device      BLOB CHECK (length(device) = 16),
    received_at INTEGER NOT NULL,
    body        BLOB NOT NULL,                            -- change chunk, or control event in CBOR
    chain       BLOB NOT NULL CHECK (length(chain) = 16),
    PRIMARY KEY (tenant, seq),
    CHECK (kind = 1 OR (group_id IS NOT NULL AND record IS NOT NULL AND hash IS NOT NULL
                        AND actor IS NOT NULL AND actor_seq IS NOT NULL AND author IS NOT NULL))
) WITHOUT ROWID;

CREATE UNIQUE INDEX feed_hash ON feed (tenant, hash) WHERE hash IS NOT NULL;
CREATE UNIQUE INDEX feed_record ON feed (tenant, record, actor, actor_seq) WHERE record IS NOT NULL;
CREATE INDEX feed_group ON feed (tenant, group_id, seq) WHERE group_id IS NOT NULL;
CREATE INDEX feed_person ON feed (tenant, person, seq) WHERE person IS NOT NULL;
CREATE INDEX feed_partner ON feed (tenant, partner, seq) WHERE partner IS NOT NULL;

CREATE TABLE groups (
    tenant    INTEGER NOT NULL,
    id        BLOB NOT NULL CHECK (length(id) = 16),
    kind      TEXT NOT NULL,
    partner   BLOB NOT NULL,
    opened_by BLOB NOT NULL,
    PRIMARY KEY (tenant, id)
) WITHOUT ROWID;

CREATE TABLE group_parents (
    tenant INTEGER NOT NULL,
    child  BLOB NOT NULL,
    parent BLOB NOT NULL,
    PRIMARY KEY (tenant, child, parent)
) WITHOUT ROWID;
CREATE INDEX group_children ON group_parents (tenant, parent);

-- `seq` and `until` are the feed numbers of the grant and of its end.
CREATE TABLE grants (
    tenant   INTEGER NOT NULL,
    person   BLOB NOT NULL,
    group_id BLOB NOT NULL,
    seq      INTEGER NOT NULL,
    until    INTEGER,
    direct   INTEGER NOT NULL,  -- 0: came along with a group that this one is a parent of
    PRIMARY KEY (tenant, person, group_id, seq)
) WITHOUT ROWID;
CREATE UNIQUE INDEX grants_current ON grants (tenant, person, group_id) WHERE until IS NULL;

CREATE TABLE partners (
    tenant INTEGER NOT NULL,
    id     BLOB NOT NULL CHECK (length(id) = 16),
    name   TEXT NOT NULL,
    PRIMARY KEY (tenant, id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX partners_name ON partners (tenant, name);

CREATE TABLE people (
    tenant  INTEGER NOT NULL,
    id      BLOB NOT NULL CHECK (length(id) = 16),
    partner BLOB NOT NULL,
    name    TEXT NOT NULL,
    role    TEXT NOT NULL,
    areas   TEXT NOT NULL,      -- JSON array of area codes
    PRIMARY KEY (tenant, id)
) WITHOUT ROWID;

CREATE TABLE devices (
    tenant       INTEGER NOT NULL,
    id           BLOB NOT NULL CHECK (length(id) = 16),
    person       BLOB NOT NULL,
    token_hash   BLOB NOT NULL CHECK (length(token_hash) = 32),
    name         TEXT NOT NULL,
    enrolled_at  INTEGER NOT NULL,
    revoked_at   INTEGER,
    last_seen    INTEGER,
    waiting      INTEGER NOT NULL DEFAULT 0,
    app          TEXT,
    PRIMARY KEY (tenant, id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX devices_token ON devices (tenant, token_hash);

-- Whose an automerge actor is; no device: a server process.
CREATE TABLE actors (
    tenant INTEGER NOT NULL,
    actor  BLOB NOT NULL CHECK (length(actor) = 16),
    device BLOB,
    PRIMARY KEY (tenant, actor)
) WITHOUT ROWID;

-- Secrets are kept as BLAKE3 hashes only.
CREATE TABLE enrolment_codes (
    tenant  INTEGER NOT NULL,
    hash    BLOB NOT NULL CHECK (length(hash) = 32),
    person  BLOB NOT NULL,
    expires INTEGER NOT NULL,
    used    INTEGER,
    PRIMARY KEY (tenant, hash)
) WITHOUT ROWID;

CREATE TABLE console_links (
    tenant  INTEGER NOT NULL,
    hash    BLOB NOT NULL CHECK (length(hash) = 32),
    person  BLOB NOT NULL,
    expires INTEGER NOT NULL,
    PRIMARY KEY (tenant, hash)
) WITHOUT ROWID;

CREATE TABLE sessions (
    tenant    INTEGER NOT NULL,
    hash      BLOB NOT NULL CHECK (length(hash) = 32),
    person    BLOB NOT NULL,
    expires   INTEGER NOT NULL,
    last_used INTEGER NOT NULL,
    PRIMARY KEY (tenant, hash)
) WITHOUT ROWID;
