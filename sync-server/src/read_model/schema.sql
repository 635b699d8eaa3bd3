-- The console's read model: what pages ask for, one indexed query each. Everything here is derived
-- from the log; the file is deleted and rebuilt freely.

-- How far the log has been projected: committed together with what was projected. The chain tells a log
-- that was restored from a backup meanwhile.
CREATE TABLE position (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    seq INTEGER NOT NULL,
    chain BLOB NOT NULL
) STRICT;
INSERT INTO position VALUES (1, 0, zeroblob(16));

CREATE TABLE person (
    person BLOB NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    partner BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX person_of_partner ON person (partner, name, person);

CREATE TABLE device (
    device BLOB NOT NULL PRIMARY KEY,
    person BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE group_row (
    "group" BLOB NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    partner BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- `place` is that in the order in which the group tells its links.
CREATE TABLE parent (
    child BLOB NOT NULL,
    parent BLOB NOT NULL,
    place INTEGER NOT NULL,
    PRIMARY KEY (child, parent)
) STRICT, WITHOUT ROWID;
CREATE INDEX child_of ON parent (parent, child);

CREATE TABLE access (
    person BLOB NOT NULL,
    "group" BLOB NOT NULL,
    PRIMARY KEY (person, "group")
) STRICT, WITHOUT ROWID;
CREATE INDEX access_of_group ON access ("group");

-- One row per record. `body` is the record's view as JSON. `at` places it in time (milliseconds);
-- `timeline` says that it is one of many in its group and has such a time.
CREATE TABLE record_row (
    record BLOB NOT NULL UNIQUE,
    "group" BLOB NOT NULL,
    form TEXT NOT NULL,
    at INTEGER,
    timeline INTEGER NOT NULL,
    title TEXT NOT NULL,
    shown INTEGER NOT NULL,
    decisions INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX record_of_form ON record_row ("group", form, at, record);
CREATE INDEX record_in_time ON record_row ("group", at, record) WHERE timeline = 1;
CREATE INDEX record_in_dispute ON record_row ("group", shown, decisions) WHERE shown + decisions > 0;

-- Records whose changes do not make a whole document: told, never hidden.
CREATE TABLE unreadable (
    record BLOB NOT NULL PRIMARY KEY,
    "group" BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- One row per change: the history. `entry` is the history entry as JSON.
CREATE TABLE change_row (
    hash BLOB NOT NULL UNIQUE,
    record BLOB NOT NULL,
    "group" BLOB NOT NULL,
    at INTEGER NOT NULL,
    entry TEXT NOT NULL
) STRICT;
CREATE INDEX change_of_record ON change_row (record, at, hash);
CREATE INDEX change_of_group ON change_row ("group", at, record, hash);

-- One row per unit (a case): a line of the lists. Ranks are the place of a code in its list.
CREATE TABLE unit_row (
    "group" BLOB NOT NULL PRIMARY KEY,
    partner BLOB NOT NULL,
    area TEXT NOT NULL,
    reference TEXT NOT NULL,
    name TEXT NOT NULL,
    search TEXT NOT NULL,
    birth TEXT,
    status TEXT,
    status_rank INTEGER,
    stage TEXT,
    stage_rank INTEGER,
    supporter BLOB,
    supporter_name TEXT,
    last_contact INTEGER,
    due TEXT,
    due_rule TEXT,
    due_label TEXT,
    due_why TEXT,
    due_whose TEXT,
    shown INTEGER NOT NULL,
    decisions INTEGER NOT NULL,
    conflicts INTEGER NOT NULL,
    updated INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- Each sort of the list is one of these, read in order and stopped after a page.
CREATE INDEX unit_by_reference ON unit_row (partner, area, reference, "group");
CREATE INDEX unit_by_name ON unit_row (partner, area, name, reference, "group");
CREATE INDEX unit_by_supporter ON unit_row (partner, area, supporter_name, reference, "group", supporter);
CREATE INDEX unit_by_status ON unit_row (partner, area, status_rank, reference, "group", status);
CREATE INDEX unit_by_stage ON unit_row (partner, area, stage_rank, reference, "group", stage);
CREATE INDEX unit_by_contact ON unit_row (partner, area, last_contact, reference, "group");
CREATE INDEX unit_by_due ON unit_row (partner, area, due, reference, "group");
CREATE INDEX unit_by_conflicts ON unit_row (partner, area, conflicts, reference, "group", decisions);
-- Each filter, and the counts, are found here.
CREATE INDEX unit_of_supporter ON unit_row (partner, area, supporter, status, stage, due);
CREATE INDEX unit_of_status ON unit_row (partner, area, status, stage, due);
CREATE INDEX unit_of_stage ON unit_row (partner, area, stage, status, due);
CREATE INDEX unit_of_text ON unit_row (partner, area, search, "group");
CREATE INDEX unit_of_person ON unit_row (supporter);

-- What the programme's rules found, for each unit. It follows the day as well as the log, so it is no part
-- of what two read models of one log have in common.
CREATE TABLE finding (
    "group" BLOB NOT NULL,
    rule TEXT NOT NULL,
    record BLOB NOT NULL,
    field TEXT NOT NULL,
    severity INTEGER NOT NULL,
    explained INTEGER NOT NULL,
    -- Found by the own form of the record: judged anew with every change of it.
    own_form INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY ("group", rule, record, field)
) STRICT, WITHOUT ROWID;
CREATE INDEX finding_of_form ON finding ("group", record) WHERE own_form;

-- How much was found for a unit, and the day as of which it was judged whole; empty: it has still to be.
CREATE TABLE unit_finding (
    "group" BLOB NOT NULL PRIMARY KEY,
    errors INTEGER NOT NULL,
    queries INTEGER NOT NULL,
    judged TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX unit_with_findings ON unit_finding ("group") WHERE errors + queries > 0;
CREATE INDEX unit_judged ON unit_finding (judged);
