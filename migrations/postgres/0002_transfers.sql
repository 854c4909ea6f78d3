-- Attempts to hand a caller to a person, a JSON list in their order, and how long the caller talked to people in all:
-- the second leg's minutes, which are billed.
ALTER TABLE calls ADD COLUMN transfers jsonb NOT NULL DEFAULT '[]';
ALTER TABLE calls ADD COLUMN bridged_ms bigint NOT NULL DEFAULT 0 CHECK (bridged_ms >= 0);
