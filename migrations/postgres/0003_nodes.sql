-- The processes that answer calls on this database, and when each was last heard of: a call that is open on a process
-- which is gone was cut off. No tenant's, so that only the platform's transactions see it.
CREATE TABLE nodes (
    id      uuid        NOT NULL PRIMARY KEY,
    seen_at timestamptz NOT NULL
);
ALTER TABLE nodes ENABLE ROW LEVEL SECURITY;
ALTER TABLE nodes FORCE ROW LEVEL SECURITY;
CREATE POLICY of_the_platform ON nodes USING ((SELECT vca_platform()));

ALTER TABLE calls ADD COLUMN node_id uuid;
