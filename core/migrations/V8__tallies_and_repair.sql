-- What this phone holds of each group, counted: acknowledged changes under their numbers in the feed.
CREATE TABLE grp_tally (
    grp      BLOB PRIMARY KEY,
    count    INTEGER NOT NULL,
    names    BLOB NOT NULL,                         -- sum of the entries' names
    numbered BLOB NOT NULL                          -- sum of the entries under their numbers
) WITHOUT ROWID;
-- What has to be counted into it, or out of it again, before the transaction ends.
CREATE TABLE tally_step (
    id       INTEGER PRIMARY KEY,
    sign     INTEGER NOT NULL,                      -- 1 or -1
    grp      BLOB NOT NULL,
    record   BLOB NOT NULL,
    hash     BLOB NOT NULL,
    author   BLOB NOT NULL,
    device   BLOB,
    feed_seq INTEGER NOT NULL,
    received INTEGER                                -- null: not known yet
);
CREATE TRIGGER tally_in AFTER INSERT ON change WHEN NEW.feed_seq > 0 BEGIN
    INSERT INTO tally_step (sign, grp, record, hash, author, device, feed_seq, received)
        SELECT 1, grp, NEW.record, NEW.hash, NEW.author, NEW.device, NEW.feed_seq, NEW.received_at
        FROM document WHERE record = NEW.record;
END;
CREATE TRIGGER tally_moved AFTER UPDATE OF feed_seq, author, device, received_at ON change
WHEN OLD.feed_seq IS NOT NEW.feed_seq OR OLD.author IS NOT NEW.author OR OLD.device IS NOT NEW.device
    OR OLD.received_at IS NOT NEW.received_at BEGIN
    INSERT INTO tally_step (sign, grp, record, hash, author, device, feed_seq, received)
        SELECT -1, grp, OLD.record, OLD.hash, OLD.author, OLD.device, OLD.feed_seq, OLD.received_at
        FROM document WHERE record = OLD.record AND OLD.feed_seq > 0;
    INSERT INTO tally_step (sign, grp, record, hash, author, device, feed_seq, received)
        SELECT 1, grp, NEW.record, NEW.hash, NEW.author, NEW.device, NEW.feed_seq, NEW.received_at
        FROM document WHERE record = NEW.record AND NEW.feed_seq > 0;
END;
CREATE TRIGGER tally_out AFTER DELETE ON change WHEN OLD.feed_seq > 0 BEGIN
    INSERT INTO tally_step (sign, grp, record, hash, author, device, feed_seq, received)
        SELECT -1, grp, OLD.record, OLD.hash, OLD.author, OLD.device, OLD.feed_seq, OLD.received_at
        FROM document WHERE record = OLD.record;
END;
INSERT INTO tally_step (sign, grp, record, hash, author, device, feed_seq, received)
    SELECT 1, d.grp, c.record, c.hash, c.author, c.device, c.feed_seq, c.received_at
    FROM change c JOIN document d ON d.record = c.record WHERE c.feed_seq > 0;

-- The newest head of each group that the server signed and that this phone holds all of; the changes that it
-- counts are marked. With it they can be brought back to a server that lost them, whoever wrote them.
CREATE TABLE grp_head (
    grp    BLOB PRIMARY KEY,
    signed BLOB NOT NULL                            -- CBOR
) WITHOUT ROWID;
ALTER TABLE change ADD COLUMN covered INTEGER NOT NULL DEFAULT 0;
CREATE INDEX change_uncovered ON change (record) WHERE covered = 0 AND feed_seq > 0;

-- The server's public key, and a repair under way.
ALTER TABLE sync_state ADD COLUMN server_key BLOB;
ALTER TABLE sync_state ADD COLUMN repair BLOB;      -- CBOR; null: none
-- How often this phone held other entries than the server up to the same place: never, unless there is a fault.
ALTER TABLE sync_state ADD COLUMN defects INTEGER NOT NULL DEFAULT 0;
-- Repairs in a row after which the two still differed.
ALTER TABLE sync_state ADD COLUMN vain_repairs INTEGER NOT NULL DEFAULT 0;
-- Groups whose entries are to be listed, as far as that has come.
CREATE TABLE repair_list (
    grp   BLOB PRIMARY KEY,
    after INTEGER NOT NULL
) WITHOUT ROWID;
-- Changes that a list named: the server has them.
CREATE TABLE repair_there (hash BLOB PRIMARY KEY, grp BLOB NOT NULL) WITHOUT ROWID;
-- Entries to be fetched.
CREATE TABLE repair_want (
    feed_seq INTEGER PRIMARY KEY,
    grp      BLOB NOT NULL
);
-- Changes to be brought back.
CREATE TABLE repair_relay (
    change INTEGER PRIMARY KEY,                     -- id in the log
    grp    BLOB NOT NULL
);
