-- What waits for a coordinator at the server, and what became of it: never what it says, so it stays when the
-- group goes from this phone. In the log such a change has the feed number 0 until it gets a real one.
CREATE TABLE review (
    name       BLOB PRIMARY KEY,                   -- hash of the change; of an opening, id of the group
    grp        BLOB NOT NULL,
    form       TEXT NOT NULL,                      -- of an opening, the kind of group
    at         INTEGER NOT NULL,                   -- when it was written here
    sent_at    INTEGER NOT NULL,                   -- server's time
    reason     BLOB NOT NULL,                      -- CBOR
    decided_at INTEGER,                            -- server's time; null: nobody has decided
    refused    TEXT                                -- the coordinator's code; null with a decision: taken
) WITHOUT ROWID;
CREATE INDEX review_of_group ON review (grp);

-- Groups that were erased for good. Nothing of them is taken in again, whoever sends it.
CREATE TABLE erased (
    grp    BLOB PRIMARY KEY,
    at     INTEGER NOT NULL,                       -- server's time
    reason TEXT,                                   -- a code, where the server told it
    unsent INTEGER NOT NULL,                       -- changes that went with it before they were sent
    drafts INTEGER NOT NULL,                       -- drafts that went with it
    held   INTEGER NOT NULL,                       -- 1: something of it was on this phone
    seen   INTEGER NOT NULL DEFAULT 0              -- 1: the person has been told
) WITHOUT ROWID;

ALTER TABLE grp ADD COLUMN in_review BLOB;          -- CBOR of the reason, where its opening waits for a coordinator
ALTER TABLE grp ADD COLUMN withdrawn_at INTEGER;    -- server's time at which this phone heard of it
-- The draft of a group that is no longer on this phone: it can be read, exported or dropped, not saved.
ALTER TABLE draft ADD COLUMN apart INTEGER NOT NULL DEFAULT 0;
CREATE INDEX draft_of_group ON draft (grp);
-- With which guard and programme the entries in quarantine were judged last.
ALTER TABLE sync_state ADD COLUMN judged_with BLOB NOT NULL DEFAULT x'';
