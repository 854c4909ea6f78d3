-- What the API keeps about tenants, profiles and trunks.

-- A suspended tenant's numbers are not answered. `created_at` is NULL for tenants that the configuration file named.
ALTER TABLE tenants ADD COLUMN status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended'));
ALTER TABLE tenants ADD COLUMN created_at timestamptz;

-- `document` is the draft, `published` the version that answers calls; `revision` changes with every write, so that one
-- editor does not overwrite another.
ALTER TABLE agent_profiles ADD COLUMN revision bigint NOT NULL DEFAULT 1;
ALTER TABLE agent_profiles ADD COLUMN published bigint;
ALTER TABLE agent_profiles ADD COLUMN updated_at timestamptz;

-- What was published, never changed afterwards.
CREATE TABLE profile_versions (
    tenant_id    uuid   NOT NULL,
    profile_id   uuid   NOT NULL,
    version      bigint NOT NULL CHECK (version >= 1),
    document     jsonb  NOT NULL,
    published_at timestamptz,
    PRIMARY KEY (tenant_id, profile_id, version),
    FOREIGN KEY (tenant_id, profile_id) REFERENCES agent_profiles (tenant_id, id) ON DELETE CASCADE
);

-- A migration is the platform's work: without this, forced row-level security would show its statements no row.
SELECT set_config('vca.platform', 'on', true);
INSERT INTO profile_versions (tenant_id, profile_id, version, document)
SELECT tenant_id, id, 1, document FROM agent_profiles;
UPDATE agent_profiles SET published = 1;
SELECT vca_protect('profile_versions');

CREATE INDEX dids_by_number ON dids (tenant_id, number);

-- Lines to carriers, beside those of the configuration file. They are the platform's, no tenant's. `password` leaves
-- the table only to whoever registers at the carrier.
CREATE TABLE trunks (
    name       text        NOT NULL PRIMARY KEY,
    profile    text        NOT NULL,
    settings   jsonb       NOT NULL,
    password   text,
    dids       jsonb       NOT NULL,
    revision   bigint      NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
ALTER TABLE trunks ENABLE ROW LEVEL SECURITY;
ALTER TABLE trunks FORCE ROW LEVEL SECURITY;
CREATE POLICY of_the_platform ON trunks USING ((SELECT vca_platform()));
