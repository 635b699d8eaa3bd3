-- The furthest place that the server has named: while a pull comes in parts it is ahead of the cursor, and own
-- changes up to it count as acknowledged. A server that was restored cannot show it.
ALTER TABLE sync_state ADD COLUMN seen_seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sync_state ADD COLUMN seen_chain BLOB NOT NULL DEFAULT x'00000000000000000000000000000000';
