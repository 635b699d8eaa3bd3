-- What the server tells of people whose groups are not on this phone: brothers and sisters, by name and age. It is
-- no part of the log, and replaced as a whole.
CREATE TABLE relative (
    grp      BLOB NOT NULL,                         -- the unit
    place    INTEGER NOT NULL,
    name     TEXT NOT NULL,
    age      INTEGER,                               -- whole years on the day it was told
    PRIMARY KEY (grp, place)
) WITHOUT ROWID;
ALTER TABLE sync_state ADD COLUMN relatives_at INTEGER; -- when it was told last; null: ask
