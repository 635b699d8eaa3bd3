-- What the file beside the database says too, where backups do not reach: they differ in a copy. Null until
-- the profile was opened by a version that keeps it.
ALTER TABLE sync_state ADD COLUMN installation BLOB;
