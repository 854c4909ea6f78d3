-- What the API keeps about tenants, profiles and trunks.

-- A suspended tenant's numbers are not answered. `created_at` is NULL for tenants that the configuration file named.
ALTER TABLE tenants ADD COLUMN status TEXT NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended'));
ALTER TABLE tenants ADD COLUMN created_at INTEGER;

-- `document` is the draft, `published` the version that answers calls; `revision` changes with every write, so that one
-- editor does not overwrite another.
ALTER TABLE agent_profiles ADD COLUMN revision INTEGER NOT NULL DEFAULT 1;
ALTER TABLE agent_profiles ADD COLUMN published INTEGER;
ALTER TABLE agent_profiles ADD COLUMN updated_at INTEGER;

-- What was published, never changed afterwards.
CREATE TABLE profile_versions (
    tenant_id    TEXT    NOT NULL,
    profile_id   TEXT    NOT NULL,
    version      INTEGER NOT NULL CHECK (version >= 1),
    document     TEXT    NOT NULL,
    published_at INTEGER,
    PRIMARY KEY (tenant_id, profile_id, version),
    FOREIGN KEY (tenant_id, profile_id) REFERENCES agent_profiles (tenant_id, id) ON DELETE CASCADE
) STRICT;

INSERT INTO profile_versions (tenant_id, profile_id, version, document)
SELECT tenant_id, id, 1, document FROM agent_profiles;
UPDATE agent_profiles SET published = 1;

CREATE INDEX dids_by_tenant ON dids (tenant_id, number);
CREATE INDEX dids_by_profile ON dids (tenant_id, profile_id);

-- Lines to carriers, beside those of the configuration file. They are the platform's, no tenant's. `password` leaves
-- the table only to whoever registers at the carrier.
CREATE TABLE trunks (
    name       TEXT    NOT NULL PRIMARY KEY,
    profile    TEXT    NOT NULL,
    settings   TEXT    NOT NULL,
    password   TEXT,
    dids       TEXT    NOT NULL,
    revision   INTEGER NOT NULL DEFAULT 1,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
