-- The process that answers calls on this database, and when it was last heard of: a call that is open on another one was
-- cut off.
CREATE TABLE nodes (
    id      TEXT    NOT NULL PRIMARY KEY,
    seen_at INTEGER NOT NULL
) STRICT;

ALTER TABLE calls ADD COLUMN node_id TEXT;
