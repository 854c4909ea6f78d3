-- People who sign in. `password` is a PHC string (argon2id). A platform admin belongs to no tenant, everybody else to one.
CREATE TABLE users (
    id         uuid        NOT NULL PRIMARY KEY,
    tenant_id  uuid REFERENCES tenants (id) ON DELETE CASCADE,
    email      text        NOT NULL UNIQUE,
    name       text        NOT NULL,
    role       text        NOT NULL,
    password   text        NOT NULL,
    disabled   boolean     NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL,
    CHECK ((role = 'platform_admin') = (tenant_id IS NULL))
);
CREATE INDEX users_by_tenant ON users (tenant_id, id);
SELECT vca_protect('users');

-- Tokens themselves are not kept: `hash` is the SHA-256, `lookup` its first 8 bytes in hexadecimal, as in api_keys.
CREATE TABLE sessions (
    id           uuid        NOT NULL PRIMARY KEY,
    user_id      uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    tenant_id    uuid,
    lookup       text        NOT NULL,
    hash         bytea       NOT NULL UNIQUE,
    created_at   timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL
);
CREATE INDEX sessions_by_lookup ON sessions (lookup);
CREATE INDEX sessions_by_user ON sessions (user_id);
SELECT vca_protect('sessions');

CREATE TABLE invitations (
    id         uuid        NOT NULL PRIMARY KEY,
    tenant_id  uuid REFERENCES tenants (id) ON DELETE CASCADE,
    email      text        NOT NULL,
    role       text        NOT NULL,
    lookup     text        NOT NULL,
    hash       bytea       NOT NULL UNIQUE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CHECK ((role = 'platform_admin') = (tenant_id IS NULL))
);
CREATE INDEX invitations_by_lookup ON invitations (lookup);
CREATE INDEX invitations_by_tenant ON invitations (tenant_id, id);
SELECT vca_protect('invitations');

-- Answers to POST requests that carried an Idempotency-Key, for 24 hours. `status` is NULL while the first one runs.
CREATE TABLE idempotency (
    principal    text        NOT NULL,
    key          text        NOT NULL,
    tenant_id    uuid,
    request_hash bytea       NOT NULL,
    status       bigint,
    content_type text,
    body         bytea,
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (principal, key)
);
CREATE INDEX idempotency_by_time ON idempotency (created_at);
SELECT vca_protect('idempotency');
