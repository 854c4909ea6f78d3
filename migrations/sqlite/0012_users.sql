-- People who sign in. `password` is a PHC string (argon2id). A platform admin belongs to no tenant, everybody else to one.
CREATE TABLE users (
    id         TEXT    NOT NULL PRIMARY KEY,
    tenant_id  TEXT REFERENCES tenants (id) ON DELETE CASCADE,
    email      TEXT    NOT NULL UNIQUE,
    name       TEXT    NOT NULL,
    role       TEXT    NOT NULL,
    password   TEXT    NOT NULL,
    disabled   INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    CHECK ((role = 'platform_admin') = (tenant_id IS NULL))
) STRICT;

CREATE INDEX users_by_tenant ON users (tenant_id, id);

-- Tokens themselves are not kept: `hash` is the SHA-256, `lookup` its first 8 bytes in hexadecimal, as in api_keys.
CREATE TABLE sessions (
    id           TEXT    NOT NULL PRIMARY KEY,
    user_id      TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    tenant_id    TEXT,
    lookup       TEXT    NOT NULL,
    hash         BLOB    NOT NULL UNIQUE,
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL
) STRICT;

CREATE INDEX sessions_by_lookup ON sessions (lookup);
CREATE INDEX sessions_by_user ON sessions (user_id);

CREATE TABLE invitations (
    id         TEXT    NOT NULL PRIMARY KEY,
    tenant_id  TEXT REFERENCES tenants (id) ON DELETE CASCADE,
    email      TEXT    NOT NULL,
    role       TEXT    NOT NULL,
    lookup     TEXT    NOT NULL,
    hash       BLOB    NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    CHECK ((role = 'platform_admin') = (tenant_id IS NULL))
) STRICT;

CREATE INDEX invitations_by_lookup ON invitations (lookup);
CREATE INDEX invitations_by_tenant ON invitations (tenant_id, id);

-- Answers to POST requests that carried an Idempotency-Key, for 24 hours. `status` is NULL while the first one runs.
CREATE TABLE idempotency (
    principal    TEXT    NOT NULL,
    key          TEXT    NOT NULL,
    tenant_id    TEXT,
    request_hash BLOB    NOT NULL,
    status       INTEGER,
    content_type TEXT,
    body         BLOB,
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (principal, key)
) STRICT;

CREATE INDEX idempotency_by_time ON idempotency (created_at);
