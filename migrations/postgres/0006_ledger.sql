-- What tenants pay and what calls cost, in paise. Months are those of India, written `2026-11`. Nothing here hangs on the
-- row of a call: what was charged is kept when the call's record is erased.

CREATE TABLE plans (
    tenant_id uuid  NOT NULL PRIMARY KEY REFERENCES tenants (id),
    document  jsonb NOT NULL
);
SELECT vca_protect('plans');

-- One row for every call that was closed, also for one that costs nothing.
CREATE TABLE charges (
    tenant_id     uuid        NOT NULL REFERENCES tenants (id),
    call_id       uuid        NOT NULL,
    month         text        NOT NULL,
    answered_at   timestamptz NOT NULL,
    did           text        NOT NULL,
    seconds       bigint      NOT NULL CHECK (seconds >= 0),
    minutes       bigint      NOT NULL CHECK (minutes >= 0),
    extra_minutes bigint      NOT NULL CHECK (extra_minutes BETWEEN 0 AND minutes),
    price_paise   bigint      NOT NULL,
    cost_paise    bigint      NOT NULL,
    PRIMARY KEY (tenant_id, call_id)
);
CREATE INDEX charges_by_month ON charges (tenant_id, month, answered_at, call_id);
SELECT vca_protect('charges');

-- The lines that `cost_paise` of a call is the sum of.
CREATE TABLE ledger (
    tenant_id uuid   NOT NULL,
    call_id   uuid   NOT NULL,
    kind      text   NOT NULL,
    item      text   NOT NULL,
    quantity  bigint NOT NULL CHECK (quantity >= 0),
    paise     bigint NOT NULL,
    PRIMARY KEY (tenant_id, call_id, kind, item),
    FOREIGN KEY (tenant_id, call_id) REFERENCES charges (tenant_id, call_id) ON DELETE CASCADE
);
SELECT vca_protect('ledger');

-- The sums of a month, kept with every charge: read at the start of every call.
CREATE TABLE usage_months (
    tenant_id     uuid   NOT NULL REFERENCES tenants (id),
    month         text   NOT NULL,
    calls         bigint NOT NULL CHECK (calls >= 0),
    minutes       bigint NOT NULL CHECK (minutes >= 0),
    extra_minutes bigint NOT NULL CHECK (extra_minutes >= 0),
    price_paise   bigint NOT NULL,
    cost_paise    bigint NOT NULL,
    PRIMARY KEY (tenant_id, month)
);
SELECT vca_protect('usage_months');
