-- What was imported from a partner's spreadsheets, so that the same rows again add nothing. Keys and
-- contents are hashes: no cell can be read out of them.
CREATE TABLE import_keys (
    tenant  INTEGER NOT NULL,
    partner BLOB NOT NULL CHECK (length(partner) = 16),
    key     BLOB NOT NULL CHECK (length(key) = 32),
    -- The group or record that the key stands for; of a row, the last of its groups.
    target  BLOB NOT NULL CHECK (length(target) = 16),
    -- Of a row: pairs of an 8-byte hash of a field and an 8-byte hash of its value. Else empty.
    content BLOB NOT NULL,
    PRIMARY KEY (tenant, partner, key)
) WITHOUT ROWID;
CREATE INDEX import_keys_target ON import_keys (tenant, target);
