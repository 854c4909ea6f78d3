-- Personal data: how long it is kept, what was erased, and what the law has us keep of that for a year.

-- When the words of the call (its turns and its event log) went, and when all that tells who called.
ALTER TABLE calls ADD COLUMN words_erased_at timestamptz;
ALTER TABLE calls ADD COLUMN erased_at timestamptz;
CREATE INDEX calls_with_words ON calls (tenant_id, answered_at) WHERE words_erased_at IS NULL;
CREATE INDEX calls_with_caller ON calls (tenant_id, answered_at) WHERE erased_at IS NULL;
CREATE INDEX calls_recorded ON calls (tenant_id, answered_at) WHERE recording IN ('partial', 'complete', 'failed');

-- Days; NULL leaves it to the configuration.
CREATE TABLE retention (
    tenant_id        uuid NOT NULL PRIMARY KEY REFERENCES tenants (id),
    recordings_days  bigint,
    transcripts_days bigint,
    records_days     bigint
);
SELECT vca_protect('retention');

-- Numbers that called and were erased, for a demand of the law within the year that logs must be kept. Nothing shows them.
CREATE TABLE held_numbers (
    tenant_id uuid        NOT NULL,
    call_id   uuid        NOT NULL,
    number    text        NOT NULL,
    until     timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, call_id),
    FOREIGN KEY (tenant_id, call_id) REFERENCES calls (tenant_id, id) ON DELETE CASCADE
);
SELECT vca_protect('held_numbers');

CREATE TABLE erasures (
    tenant_id     uuid        NOT NULL REFERENCES tenants (id),
    id            uuid        NOT NULL,
    done_at       timestamptz NOT NULL,
    number_masked text        NOT NULL,
    actor         text        NOT NULL,
    calls         bigint      NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
SELECT vca_protect('erasures');
