-- What the server said last that it understands: until it has, packs go in the form that every version reads.
ALTER TABLE sync_state ADD COLUMN server_features INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sync_state ADD COLUMN server_dictionary BLOB;
-- A pack names what both sides hold by its number in the feed.
CREATE INDEX change_number ON change (feed_seq) WHERE feed_seq IS NOT NULL;
CREATE INDEX quarantine_number ON quarantine (feed_seq);
