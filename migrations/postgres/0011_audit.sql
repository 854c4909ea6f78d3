-- What a key may do (a JSON list of permissions; NULL is everything that its owner may), until when (NULL: no end), and
-- when it was last seen, to about an hour.
ALTER TABLE api_keys ADD COLUMN scopes jsonb;
ALTER TABLE api_keys ADD COLUMN expires_at timestamptz;
ALTER TABLE api_keys ADD COLUMN last_used_at timestamptz;

-- Who changed what, written in the transaction of the change. No foreign keys: an entry outlives what it tells of. An
-- entry without a tenant is the platform's.
CREATE TABLE audit (
    id         uuid        NOT NULL PRIMARY KEY,
    tenant_id  uuid,
    at         timestamptz NOT NULL,
    actor      jsonb       NOT NULL,
    action     text        NOT NULL,
    object     text        NOT NULL,
    old_value  jsonb,
    new_value  jsonb,
    request_id text
);
CREATE INDEX audit_by_tenant ON audit (tenant_id, id DESC);
SELECT vca_protect('audit');
