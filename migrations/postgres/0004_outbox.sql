-- How a tenant is told of its calls: one document a tenant.
CREATE TABLE notice_settings (
    tenant_id uuid NOT NULL PRIMARY KEY REFERENCES tenants (id),
    document  jsonb NOT NULL
);
SELECT vca_protect('notice_settings');

-- `previous_secret` signs too until `previous_until`, so that a receiver can be given a new one without a gap.
CREATE TABLE webhooks (
    tenant_id       uuid    NOT NULL REFERENCES tenants (id),
    id              uuid    NOT NULL PRIMARY KEY,
    url             text    NOT NULL,
    events          jsonb    NOT NULL,
    secret          text    NOT NULL,
    previous_secret text,
    previous_until  timestamptz,
    enabled         boolean NOT NULL,
    disabled_reason text,
    created_at      timestamptz NOT NULL,
    UNIQUE (tenant_id, id)
);
SELECT vca_protect('webhooks');

-- What is to leave the platform, written in the transaction that it follows from. A pending row is taken by a node for
-- as long as `lease_until` says; `claims` tells a later holder from an earlier one. `attempts` counts tries, of which
-- those before `tries_from` belong to an earlier sending of the same message.
CREATE TABLE outbox (
    tenant_id   uuid    NOT NULL REFERENCES tenants (id),
    id          uuid    NOT NULL PRIMARY KEY,
    call_id     uuid,
    channel     text    NOT NULL,
    topic       text    NOT NULL,
    recipient   text,
    webhook_id  uuid,
    payload     jsonb    NOT NULL,
    state       text    NOT NULL,
    attempts    bigint NOT NULL DEFAULT 0,
    tries_from  bigint NOT NULL DEFAULT 0,
    claims      bigint NOT NULL DEFAULT 0,
    lease_until timestamptz,
    created_at  timestamptz NOT NULL,
    due_at      timestamptz NOT NULL,
    finished_at timestamptz,
    text        text,
    segments    bigint,
    provider    text,
    provider_id text,
    last_error  text,
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, call_id) REFERENCES calls (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, webhook_id) REFERENCES webhooks (tenant_id, id) ON DELETE CASCADE
);
SELECT vca_protect('outbox');
CREATE INDEX outbox_due ON outbox (channel, due_at) WHERE state = 'pending';
CREATE INDEX outbox_by_time ON outbox (tenant_id, created_at DESC, id DESC);
CREATE INDEX outbox_by_call ON outbox (tenant_id, call_id);
CREATE INDEX outbox_by_webhook ON outbox (tenant_id, webhook_id);
CREATE INDEX outbox_by_receipt ON outbox (provider, provider_id) WHERE provider_id IS NOT NULL;

CREATE TABLE message_attempts (
    tenant_id  uuid    NOT NULL,
    message_id uuid    NOT NULL,
    number     bigint NOT NULL,
    at         timestamptz NOT NULL,
    took_ms    bigint NOT NULL,
    status     bigint,
    error      text,
    PRIMARY KEY (tenant_id, message_id, number),
    FOREIGN KEY (tenant_id, message_id) REFERENCES outbox (tenant_id, id) ON DELETE CASCADE
);
SELECT vca_protect('message_attempts');
