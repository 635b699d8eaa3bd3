-- Who has a unit from when to when, as the latest state of its records says: access follows from it. Derived:
-- the records are in the feed.
CREATE TABLE holders (
    tenant   INTEGER NOT NULL,
    record   BLOB NOT NULL CHECK (length(record) = 16),
    group_id BLOB NOT NULL CHECK (length(group_id) = 16),
    form     TEXT NOT NULL,
    person   BLOB NOT NULL CHECK (length(person) = 16),
    from_day TEXT NOT NULL,
    to_day   TEXT,                -- the last day; none while it goes on
    PRIMARY KEY (tenant, record)
) WITHOUT ROWID;
CREATE INDEX holders_of_group ON holders (tenant, group_id, person);

-- The day as of which access follows from them, and the forms that they were read from: they are read again
-- where a programme names others.
CREATE TABLE holders_read (
    tenant INTEGER NOT NULL,
    forms  TEXT NOT NULL,
    day    TEXT,
    PRIMARY KEY (tenant)
) WITHOUT ROWID;

-- Who has a group, now or once.
CREATE INDEX grants_of_group ON grants (tenant, group_id);
