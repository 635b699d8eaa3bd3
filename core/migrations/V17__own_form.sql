-- What the own form of a record finds (what is missing, what is wrong) stands beside what the rules find. It is
-- judged anew with every change of the record, whatever it found before. Findings are derived: every unit is
-- judged again.
DROP TABLE finding;
CREATE TABLE finding (
    grp       BLOB NOT NULL,                       -- the unit
    rule      TEXT NOT NULL,
    record    BLOB NOT NULL,                       -- empty: about the unit
    field     TEXT NOT NULL,
    severity  INTEGER NOT NULL,                    -- 0 error, 1 query, 2 information
    explained INTEGER NOT NULL,
    own_form  INTEGER NOT NULL,                    -- found by the record's own form
    body      BLOB NOT NULL,                       -- CBOR
    PRIMARY KEY (grp, rule, record, field)
) WITHOUT ROWID;
CREATE INDEX finding_of_form ON finding (grp, record) WHERE own_form;
DELETE FROM judged;
