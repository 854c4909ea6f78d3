-- Times are microseconds since 1970 UTC (timestamptz in PostgreSQL), documents are JSON text (jsonb), identifiers are
-- their prefixed text (uuid). Every row below a tenant names the tenant, and foreign keys carry it, so that a row
-- cannot point into another tenant's data.

CREATE TABLE tenants (
    id        TEXT    NOT NULL PRIMARY KEY,
    name      TEXT    NOT NULL,
    max_calls INTEGER NOT NULL CHECK (max_calls >= 0)
) STRICT;

CREATE TABLE agent_profiles (
    tenant_id TEXT NOT NULL REFERENCES tenants (id),
    id        TEXT NOT NULL,
    document  TEXT NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;

CREATE TABLE dids (
    number     TEXT NOT NULL PRIMARY KEY,
    tenant_id  TEXT NOT NULL,
    profile_id TEXT NOT NULL,
    FOREIGN KEY (tenant_id, profile_id) REFERENCES agent_profiles (tenant_id, id)
) STRICT;

CREATE TABLE calls (
    tenant_id   TEXT    NOT NULL REFERENCES tenants (id),
    id          TEXT    NOT NULL PRIMARY KEY,
    profile_id  TEXT    NOT NULL,
    did         TEXT    NOT NULL,
    caller      TEXT,
    sip_call_id TEXT    NOT NULL,
    status      TEXT    NOT NULL,
    answered_at INTEGER NOT NULL,
    ended_at    INTEGER,
    end_cause   TEXT,
    outcome     TEXT,
    slots       TEXT    NOT NULL,
    summary     TEXT,
    recording   TEXT    NOT NULL,
    UNIQUE (tenant_id, id)
) STRICT;

CREATE INDEX calls_by_time ON calls (tenant_id, answered_at, id);
CREATE INDEX calls_by_caller ON calls (tenant_id, caller, answered_at);
CREATE INDEX calls_open ON calls (status) WHERE status = 'active';

CREATE TABLE turns (
    tenant_id  TEXT    NOT NULL,
    call_id    TEXT    NOT NULL,
    seq        INTEGER NOT NULL,
    speaker    TEXT    NOT NULL,
    text       TEXT    NOT NULL,
    heard      TEXT,
    started_ms INTEGER NOT NULL,
    ended_ms   INTEGER NOT NULL,
    waterfall  TEXT,
    PRIMARY KEY (tenant_id, call_id, seq),
    FOREIGN KEY (tenant_id, call_id) REFERENCES calls (tenant_id, id) ON DELETE CASCADE
) STRICT;

CREATE TABLE call_events (
    tenant_id TEXT    NOT NULL,
    call_id   TEXT    NOT NULL,
    seq       INTEGER NOT NULL,
    at_ms     INTEGER NOT NULL,
    kind      TEXT    NOT NULL,
    data      TEXT    NOT NULL,
    PRIMARY KEY (tenant_id, call_id, seq),
    FOREIGN KEY (tenant_id, call_id) REFERENCES calls (tenant_id, id) ON DELETE CASCADE
) STRICT;

-- The key itself is not kept: `hash` is its SHA-256, and `lookup` the first 8 bytes of that in hexadecimal, by which a
-- row is found before the whole hash is compared in constant time. A key without a tenant is the platform's.
CREATE TABLE api_keys (
    id         TEXT    NOT NULL PRIMARY KEY,
    tenant_id  TEXT REFERENCES tenants (id),
    name       TEXT    NOT NULL,
    lookup     TEXT    NOT NULL,
    hash       BLOB    NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX api_keys_by_lookup ON api_keys (lookup);
