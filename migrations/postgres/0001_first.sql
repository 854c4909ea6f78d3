-- The same tables as SQLite's, in native types. All of them stand in the schema `vca`.
--
-- Two locks keep tenants apart: the queries name the tenant, and row-level security shows a statement the rows of the
-- tenant that its transaction has named (`SET LOCAL vca.tenant`) and no others. Statements run as the role `vca_app`,
-- which owns nothing and may not bypass that.

DO $$
BEGIN
    CREATE ROLE vca_app NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
EXCEPTION
    -- The role belongs to the whole server: another database of it may have made it, even this moment.
    WHEN duplicate_object OR unique_violation THEN NULL;
END
$$;

-- Whoever migrates and connects may take the role; a superuser may anyway.
DO $$
BEGIN
    EXECUTE format('GRANT vca_app TO %I', current_user);
EXCEPTION
    WHEN duplicate_object OR unique_violation OR invalid_grant_operation OR insufficient_privilege THEN NULL;
END
$$;

GRANT USAGE ON SCHEMA vca TO vca_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA vca GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO vca_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA vca GRANT USAGE, SELECT ON SEQUENCES TO vca_app;

-- The tenant that this transaction is for; NULL when it has named none.
CREATE FUNCTION vca_tenant() RETURNS uuid LANGUAGE sql STABLE
    RETURN NULLIF(current_setting('vca.tenant', true), '')::uuid;

-- Whether this transaction is the platform's own: look-ups before the tenant is known, and the operator's work.
CREATE FUNCTION vca_platform() RETURNS boolean LANGUAGE sql STABLE
    RETURN COALESCE(current_setting('vca.platform', true) = 'on', false);

-- Puts the second lock on a table. `whose` is its column of the tenant. The sub-selects let the planner ask once a
-- statement instead of once a row.
CREATE FUNCTION vca_protect(protected regclass, whose name DEFAULT 'tenant_id') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', protected);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', protected);
    EXECUTE format(
        'CREATE POLICY of_one_tenant ON %s USING ((SELECT vca_platform()) OR %I = (SELECT vca_tenant()))',
        protected, whose);
END
$$;

CREATE TABLE tenants (
    id        uuid   NOT NULL PRIMARY KEY,
    name      text   NOT NULL,
    max_calls bigint NOT NULL CHECK (max_calls >= 0)
);
SELECT vca_protect('tenants', 'id');

CREATE TABLE agent_profiles (
    tenant_id uuid  NOT NULL REFERENCES tenants (id),
    id        uuid  NOT NULL,
    document  jsonb NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
SELECT vca_protect('agent_profiles');

CREATE TABLE dids (
    number     text NOT NULL PRIMARY KEY,
    tenant_id  uuid NOT NULL,
    profile_id uuid NOT NULL,
    FOREIGN KEY (tenant_id, profile_id) REFERENCES agent_profiles (tenant_id, id)
);
CREATE INDEX dids_by_tenant ON dids (tenant_id, profile_id);
SELECT vca_protect('dids');

CREATE TABLE calls (
    tenant_id   uuid        NOT NULL REFERENCES tenants (id),
    id          uuid        NOT NULL PRIMARY KEY,
    profile_id  uuid        NOT NULL,
    did         text        NOT NULL,
    caller      text,
    sip_call_id text        NOT NULL,
    status      text        NOT NULL,
    answered_at timestamptz NOT NULL,
    ended_at    timestamptz,
    end_cause   text,
    outcome     text,
    slots       jsonb       NOT NULL,
    summary     text,
    recording   text        NOT NULL,
    UNIQUE (tenant_id, id)
);
CREATE INDEX calls_by_time ON calls (tenant_id, answered_at DESC, id DESC);
CREATE INDEX calls_by_caller ON calls (tenant_id, caller, answered_at DESC, id DESC);
CREATE INDEX calls_by_outcome ON calls (tenant_id, outcome, answered_at DESC, id DESC);
CREATE INDEX calls_open ON calls (tenant_id, answered_at) WHERE status = 'active';
SELECT vca_protect('calls');

CREATE TABLE turns (
    tenant_id  uuid   NOT NULL,
    call_id    uuid   NOT NULL,
    seq        bigint NOT NULL,
    speaker    text   NOT NULL,
    text       text   NOT NULL,
    heard      text,
    started_ms bigint NOT NULL,
    ended_ms   bigint NOT NULL,
    waterfall  jsonb,
    PRIMARY KEY (tenant_id, call_id, seq),
    FOREIGN KEY (tenant_id, call_id) REFERENCES calls (tenant_id, id) ON DELETE CASCADE
);
SELECT vca_protect('turns');

CREATE TABLE call_events (
    tenant_id uuid   NOT NULL,
    call_id   uuid   NOT NULL,
    seq       bigint NOT NULL,
    at_ms     bigint NOT NULL,
    kind      text   NOT NULL,
    data      jsonb  NOT NULL,
    PRIMARY KEY (tenant_id, call_id, seq),
    FOREIGN KEY (tenant_id, call_id) REFERENCES calls (tenant_id, id) ON DELETE CASCADE
);
SELECT vca_protect('call_events');

-- The key itself is not kept: `hash` is its SHA-256, and `lookup` the first 8 bytes of that in hexadecimal, by which a
-- row is found before the whole hash is compared in constant time. A key without a tenant is the platform's.
CREATE TABLE api_keys (
    id         uuid        NOT NULL PRIMARY KEY,
    tenant_id  uuid REFERENCES tenants (id),
    name       text        NOT NULL,
    lookup     text        NOT NULL,
    hash       bytea       NOT NULL UNIQUE,
    created_at timestamptz NOT NULL
);
CREATE INDEX api_keys_by_lookup ON api_keys (lookup);
CREATE INDEX api_keys_by_tenant ON api_keys (tenant_id);
SELECT vca_protect('api_keys');
