-- The log: the truth. Raw changes are never altered; what the server says of them is.
CREATE TABLE change (
    id          INTEGER PRIMARY KEY AUTOINCREMENT, -- local order
    record      BLOB NOT NULL,
    hash        BLOB NOT NULL UNIQUE,
    actor       BLOB NOT NULL,
    seq         INTEGER NOT NULL,
    start_op    INTEGER NOT NULL,
    max_op      INTEGER NOT NULL,
    at          INTEGER NOT NULL,                  -- claimed time, ms
    bytes       BLOB NOT NULL,
    author      BLOB NOT NULL,
    device      BLOB,                              -- null: made at the server
    received_at INTEGER,                           -- server's time, ms; null: never received
    feed_seq    INTEGER,                           -- null: waits to be sent
    first       INTEGER NOT NULL DEFAULT 0,        -- the server asked for it
    later       INTEGER NOT NULL DEFAULT 0,        -- how often the server asked to send it later, alone
    UNIQUE (record, actor, seq)
);
CREATE INDEX change_waiting ON change (later, first DESC, id) WHERE feed_seq IS NULL;
CREATE INDEX change_waiting_of ON change (record) WHERE feed_seq IS NULL;

CREATE TABLE document (
    record BLOB PRIMARY KEY,
    grp    BLOB NOT NULL,
    form   TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX document_of_group ON document (grp);

-- How many changes of each group wait to be sent: every screen shows it, so it is not counted each time.
CREATE TABLE outbox (
    grp     BLOB PRIMARY KEY,
    waiting INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TRIGGER change_waits AFTER INSERT ON change WHEN NEW.feed_seq IS NULL BEGIN
    INSERT INTO outbox (grp, waiting) SELECT grp, 1 FROM document WHERE record = NEW.record
        ON CONFLICT (grp) DO UPDATE SET waiting = waiting + 1;
END;
CREATE TRIGGER change_waits_again AFTER UPDATE OF feed_seq ON change
WHEN OLD.feed_seq IS NOT NULL AND NEW.feed_seq IS NULL BEGIN
    INSERT INTO outbox (grp, waiting) SELECT grp, 1 FROM document WHERE record = NEW.record
        ON CONFLICT (grp) DO UPDATE SET waiting = waiting + 1;
END;
CREATE TRIGGER change_acknowledged AFTER UPDATE OF feed_seq ON change
WHEN OLD.feed_seq IS NULL AND NEW.feed_seq IS NOT NULL BEGIN
    UPDATE outbox SET waiting = waiting - 1 WHERE grp = (SELECT grp FROM document WHERE record = OLD.record);
    DELETE FROM outbox WHERE waiting <= 0
        AND grp = (SELECT grp FROM document WHERE record = OLD.record);
END;
CREATE TRIGGER change_taken_out AFTER DELETE ON change WHEN OLD.feed_seq IS NULL BEGIN
    UPDATE outbox SET waiting = waiting - 1 WHERE grp = (SELECT grp FROM document WHERE record = OLD.record);
    DELETE FROM outbox WHERE waiting <= 0
        AND grp = (SELECT grp FROM document WHERE record = OLD.record);
END;

CREATE TABLE grp (
    id           INTEGER PRIMARY KEY,              -- in the order opened
    grp          BLOB NOT NULL UNIQUE,
    kind         TEXT NOT NULL,
    opened_here  INTEGER NOT NULL DEFAULT 0,
    opened_at    INTEGER NOT NULL,
    acknowledged INTEGER NOT NULL DEFAULT 0,
    refused      BLOB,                             -- CBOR of the reason, where the server would not open it
    withdrawn    INTEGER NOT NULL DEFAULT 0        -- erased once everything of it was sent
);
CREATE INDEX grp_to_open ON grp (id) WHERE opened_here AND NOT acknowledged;
CREATE INDEX grp_withdrawn ON grp (grp) WHERE withdrawn;
CREATE TABLE grp_parent (
    grp    BLOB NOT NULL,
    place  INTEGER NOT NULL,
    parent BLOB NOT NULL,
    PRIMARY KEY (grp, place)
) WITHOUT ROWID;
CREATE INDEX grp_child ON grp_parent (parent, grp);

CREATE TABLE person (
    person  BLOB PRIMARY KEY,
    name    TEXT NOT NULL,
    role    TEXT NOT NULL,
    partner BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE access (
    person BLOB NOT NULL,
    grp    BLOB NOT NULL,
    PRIMARY KEY (person, grp)
) WITHOUT ROWID;

CREATE TABLE sync_state (
    only         INTEGER PRIMARY KEY CHECK (only = 1),
    actor        BLOB NOT NULL,
    cursor_seq   INTEGER NOT NULL DEFAULT 0,
    cursor_chain BLOB NOT NULL,
    own_high     INTEGER NOT NULL DEFAULT 0,
    backfills    BLOB NOT NULL,                    -- CBOR
    server       TEXT,
    token        TEXT,
    device       BLOB,
    person       BLOB,
    partner      BLOB,
    revoked      INTEGER NOT NULL DEFAULT 0
);

-- Every actor that this installation has written as.
CREATE TABLE own_actor (actor BLOB PRIMARY KEY) WITHOUT ROWID;

-- What a finished save gave, so that repeating it gives the same.
CREATE TABLE saved (
    token   BLOB PRIMARY KEY,
    grp     BLOB NOT NULL,
    records BLOB NOT NULL,                         -- ids, 16 bytes each
    at      INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE draft (
    token   BLOB PRIMARY KEY,
    record  BLOB,
    grp     BLOB NOT NULL,
    form    TEXT NOT NULL,
    answers BLOB NOT NULL,                         -- CBOR
    at      INTEGER NOT NULL
) WITHOUT ROWID;

-- Feed entries that cannot be accepted yet, as they came.
CREATE TABLE quarantine (
    id       INTEGER PRIMARY KEY,
    record   BLOB NOT NULL,
    grp      BLOB NOT NULL,
    feed_seq INTEGER NOT NULL,
    entry    BLOB NOT NULL,                        -- CBOR of the feed entry
    reason   TEXT NOT NULL,
    at       INTEGER NOT NULL,
    UNIQUE (record, feed_seq)
);
CREATE INDEX quarantine_of_group ON quarantine (grp);

-- Own changes that the server would not have, and the originals of what was written again.
CREATE TABLE refused (
    hash   BLOB PRIMARY KEY,
    record BLOB NOT NULL,
    grp    BLOB NOT NULL,
    form   TEXT NOT NULL,
    bytes  BLOB NOT NULL,
    edits  BLOB NOT NULL,                          -- CBOR: what it set
    at     INTEGER NOT NULL,
    reason BLOB NOT NULL,                          -- CBOR
    shown  INTEGER NOT NULL                        -- 0: its values live on in a change written again
) WITHOUT ROWID;
CREATE INDEX refused_of ON refused (grp);

-- The read model: derived, can be deleted.
CREATE TABLE record_row (
    id          INTEGER PRIMARY KEY,
    record      BLOB NOT NULL UNIQUE,
    grp         BLOB NOT NULL,
    form        TEXT NOT NULL,
    at          INTEGER NOT NULL,
    touched     INTEGER NOT NULL,
    title       TEXT NOT NULL,
    body        BLOB NOT NULL,                     -- CBOR of the record's view
    to_decide   INTEGER NOT NULL
);
CREATE INDEX record_row_page ON record_row (grp, at, record);
CREATE INDEX record_row_form ON record_row (grp, form, at);
CREATE INDEX record_row_touched ON record_row (grp, touched);
CREATE INDEX record_row_conflicts ON record_row (grp) WHERE to_decide > 0;

CREATE VIRTUAL TABLE search USING fts5 (words, tokenize = "unicode61 remove_diacritics 2", prefix = '2 3');
INSERT INTO search (search, rank) VALUES ('secure-delete', 1);

CREATE TABLE deadline (
    grp   BLOB NOT NULL,
    place INTEGER NOT NULL,                        -- by date
    body  BLOB NOT NULL,                           -- CBOR
    PRIMARY KEY (grp, place)
) WITHOUT ROWID;

CREATE TABLE unit_row (
    grp          BLOB PRIMARY KEY,
    reference    TEXT,
    name         TEXT,
    status       TEXT,
    stage        TEXT,
    area         TEXT,
    supporter    BLOB,
    last_contact INTEGER,
    next_due     TEXT,
    next_rule    TEXT,
    next_label   TEXT,
    next_why     TEXT,
    conflicts    INTEGER NOT NULL,
    touched      INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX unit_due ON unit_row (next_due) WHERE next_due IS NOT NULL;
CREATE INDEX unit_touched ON unit_row (touched);
CREATE INDEX unit_mine ON unit_row (supporter, touched);
