-- How a tenant is told of its calls: one document a tenant.
CREATE TABLE notice_settings (
    tenant_id TEXT NOT NULL PRIMARY KEY REFERENCES tenants (id),
    document  TEXT NOT NULL
) STRICT;

-- `previous_secret` signs too until `previous_until`, so that a receiver can be given a new one without a gap.
CREATE TABLE webhooks (
    tenant_id       TEXT    NOT NULL REFERENCES tenants (id),
    id              TEXT    NOT NULL PRIMARY KEY,
    url             TEXT    NOT NULL,
    events          TEXT    NOT NULL,
    secret          TEXT    NOT NULL,
    previous_secret TEXT,
    previous_until  INTEGER,
    enabled         INTEGER NOT NULL,
    disabled_reason TEXT,
    created_at      INTEGER NOT NULL,
    UNIQUE (tenant_id, id)
) STRICT;

-- What is to leave the platform, written in the transaction that it follows from. A pending row is taken by a node for
-- as long as `lease_until` says; `claims` tells a later holder from an earlier one. `attempts` counts tries, of which
-- those before `tries_from` belong to an earlier sending of the same message.
CREATE TABLE outbox (
    tenant_id   TEXT    NOT NULL REFERENCES tenants (id),
    id          TEXT    NOT NULL PRIMARY KEY,
    call_id     TEXT,
    channel     TEXT    NOT NULL,
    topic       TEXT    NOT NULL,
    recipient   TEXT,
    webhook_id  TEXT,
    payload     TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    attempts    INTEGER NOT NULL DEFAULT 0,
    tries_from  INTEGER NOT NULL DEFAULT 0,
    claims      INTEGER NOT NULL DEFAULT 0,
    lease_until INTEGER,
    created_at  INTEGER NOT NULL,
    due_at      INTEGER NOT NULL,
    finished_at INTEGER,
    text        TEXT,
    segments    INTEGER,
    provider    TEXT,
    provider_id TEXT,
    last_error  TEXT,
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, call_id) REFERENCES calls (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, webhook_id) REFERENCES webhooks (tenant_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX outbox_due ON outbox (channel, due_at) WHERE state = 'pending';
CREATE INDEX outbox_by_time ON outbox (tenant_id, created_at, id);
CREATE INDEX outbox_by_call ON outbox (tenant_id, call_id);
CREATE INDEX outbox_by_webhook ON outbox (tenant_id, webhook_id);
CREATE INDEX outbox_by_receipt ON outbox (provider, provider_id) WHERE provider_id IS NOT NULL;

CREATE TABLE message_attempts (
    tenant_id  TEXT    NOT NULL,
    message_id TEXT    NOT NULL,
    number     INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    took_ms    INTEGER NOT NULL,
    status     INTEGER,
    error      TEXT,
    PRIMARY KEY (tenant_id, message_id, number),
    FOREIGN KEY (tenant_id, message_id) REFERENCES outbox (tenant_id, id) ON DELETE CASCADE
) STRICT;
