-- Personal data: how long it is kept, what was erased, and what the law has us keep of that for a year.

-- When the words of the call (its turns and its event log) went, and when all that tells who called.
ALTER TABLE calls ADD COLUMN words_erased_at INTEGER;
ALTER TABLE calls ADD COLUMN erased_at INTEGER;
CREATE INDEX calls_with_words ON calls (tenant_id, answered_at) WHERE words_erased_at IS NULL;
CREATE INDEX calls_with_caller ON calls (tenant_id, answered_at) WHERE erased_at IS NULL;
CREATE INDEX calls_recorded ON calls (tenant_id, answered_at) WHERE recording IN ('partial', 'complete', 'failed');

-- Days; NULL leaves it to the configuration.
CREATE TABLE retention (
    tenant_id        TEXT NOT NULL PRIMARY KEY REFERENCES tenants (id),
    recordings_days  INTEGER,
    transcripts_days INTEGER,
    records_days     INTEGER
) STRICT;

-- Numbers that called and were erased, for a demand of the law within the year that logs must be kept. Nothing shows them.
CREATE TABLE held_numbers (
    tenant_id TEXT    NOT NULL,
    call_id   TEXT    NOT NULL,
    number    TEXT    NOT NULL,
    until     INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, call_id),
    FOREIGN KEY (tenant_id, call_id) REFERENCES calls (tenant_id, id) ON DELETE CASCADE
) STRICT;

CREATE TABLE erasures (
    tenant_id     TEXT    NOT NULL REFERENCES tenants (id),
    id            TEXT    NOT NULL,
    done_at       INTEGER NOT NULL,
    number_masked TEXT    NOT NULL,
    actor         TEXT    NOT NULL,
    calls         INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;
