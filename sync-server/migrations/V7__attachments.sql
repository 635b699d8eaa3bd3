-- Attachments: their bytes lie in files beside the database, one folder for each group.

-- Those that are whole: the hash was checked and the file is durable.
CREATE TABLE blobs (
    tenant      INTEGER NOT NULL,
    group_id    BLOB NOT NULL CHECK (length(group_id) = 16),
    hash        BLOB NOT NULL CHECK (length(hash) = 32),  -- BLAKE3 of the content
    bytes       INTEGER NOT NULL,
    device      BLOB CHECK (length(device) = 16),         -- who sent it; null: found beside a restored store
    received_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, group_id, hash)
) WITHOUT ROWID;
CREATE INDEX blobs_device ON blobs (tenant, device);

-- Those that are on their way.
CREATE TABLE blob_parts (
    tenant     INTEGER NOT NULL,
    group_id   BLOB NOT NULL CHECK (length(group_id) = 16),
    hash       BLOB NOT NULL CHECK (length(hash) = 32),
    bytes      INTEGER NOT NULL,                          -- when it is whole
    device     BLOB NOT NULL CHECK (length(device) = 16), -- who sent the first piece
    started_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, group_id, hash)
) WITHOUT ROWID;
CREATE INDEX blob_parts_device ON blob_parts (tenant, device);

-- Which records of the feed name an attachment, now or at some time: the history shows it too.
CREATE TABLE blob_refs (
    tenant   INTEGER NOT NULL,
    group_id BLOB NOT NULL CHECK (length(group_id) = 16),
    hash     BLOB NOT NULL CHECK (length(hash) = 32),
    record   BLOB NOT NULL CHECK (length(record) = 16),
    field    TEXT NOT NULL,
    PRIMARY KEY (tenant, group_id, hash, record, field)
) WITHOUT ROWID;
