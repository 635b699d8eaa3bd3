-- What the programme's rules found, for each unit: derived, can be deleted. It follows the day as well as
-- the records, so it is no part of what two read models of one log have in common.
CREATE TABLE finding (
    grp       BLOB NOT NULL,                       -- the unit
    rule      TEXT NOT NULL,
    record    BLOB NOT NULL,                       -- empty: about the unit
    field     TEXT NOT NULL,
    severity  INTEGER NOT NULL,                    -- 0 error, 1 query, 2 information
    explained INTEGER NOT NULL,
    body      BLOB NOT NULL,                       -- CBOR
    PRIMARY KEY (grp, rule, record, field)
) WITHOUT ROWID;

-- The day as of which a unit was judged; a unit that is not here has still to be.
CREATE TABLE judged (
    grp BLOB PRIMARY KEY,
    day TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX judged_before ON judged (day);
