-- What the read model was derived by: another version of the code, or of the programme, builds it again.
ALTER TABLE sync_state ADD COLUMN derived_version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sync_state ADD COLUMN derived_programme BLOB NOT NULL DEFAULT x'';
