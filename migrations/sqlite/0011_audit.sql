-- What a key may do (a JSON list of permissions; NULL is everything that its owner may), until when (NULL: no end), and
-- when it was last seen, to about an hour.
ALTER TABLE api_keys ADD COLUMN scopes TEXT;
ALTER TABLE api_keys ADD COLUMN expires_at INTEGER;
ALTER TABLE api_keys ADD COLUMN last_used_at INTEGER;

-- Who changed what, written in the transaction of the change. No foreign keys: an entry outlives what it tells of. An
-- entry without a tenant is the platform's.
CREATE TABLE audit (
    id         TEXT    NOT NULL PRIMARY KEY,
    tenant_id  TEXT,
    at         INTEGER NOT NULL,
    actor      TEXT    NOT NULL,
    action     TEXT    NOT NULL,
    object     TEXT    NOT NULL,
    old_value  TEXT,
    new_value  TEXT,
    request_id TEXT
) STRICT;

CREATE INDEX audit_by_tenant ON audit (tenant_id, id);
