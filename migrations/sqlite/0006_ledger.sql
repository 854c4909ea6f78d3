-- What tenants pay and what calls cost, in paise. Months are those of India, written `2026-11`. Nothing here hangs on the
-- row of a call: what was charged is kept when the call's record is erased.

CREATE TABLE plans (
    tenant_id TEXT NOT NULL PRIMARY KEY REFERENCES tenants (id),
    document  TEXT NOT NULL
) STRICT;

-- One row for every call that was closed, also for one that costs nothing.
CREATE TABLE charges (
    tenant_id     TEXT    NOT NULL REFERENCES tenants (id),
    call_id       TEXT    NOT NULL,
    month         TEXT    NOT NULL,
    answered_at   INTEGER NOT NULL,
    did           TEXT    NOT NULL,
    seconds       INTEGER NOT NULL CHECK (seconds >= 0),
    minutes       INTEGER NOT NULL CHECK (minutes >= 0),
    extra_minutes INTEGER NOT NULL CHECK (extra_minutes BETWEEN 0 AND minutes),
    price_paise   INTEGER NOT NULL,
    cost_paise    INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, call_id)
) STRICT;
CREATE INDEX charges_by_month ON charges (tenant_id, month, answered_at, call_id);

-- The lines that `cost_paise` of a call is the sum of.
CREATE TABLE ledger (
    tenant_id TEXT    NOT NULL,
    call_id   TEXT    NOT NULL,
    kind      TEXT    NOT NULL,
    item      TEXT    NOT NULL,
    quantity  INTEGER NOT NULL CHECK (quantity >= 0),
    paise     INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, call_id, kind, item),
    FOREIGN KEY (tenant_id, call_id) REFERENCES charges (tenant_id, call_id) ON DELETE CASCADE
) STRICT;

-- The sums of a month, kept with every charge: read at the start of every call.
CREATE TABLE usage_months (
    tenant_id     TEXT    NOT NULL REFERENCES tenants (id),
    month         TEXT    NOT NULL,
    calls         INTEGER NOT NULL CHECK (calls >= 0),
    minutes       INTEGER NOT NULL CHECK (minutes >= 0),
    extra_minutes INTEGER NOT NULL CHECK (extra_minutes >= 0),
    price_paise   INTEGER NOT NULL,
    cost_paise    INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, month)
) STRICT;
