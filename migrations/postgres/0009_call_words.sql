-- The words of every closed call, for search.
--
-- No GIN index: under row-level security PostgreSQL may use an operator in an index only when it is marked leakproof,
-- and `@@` is not. A search walks the tenant's own calls, the latest first, and looks at one row of words for each.
CREATE TABLE call_words (
    tenant_id uuid     NOT NULL,
    call_id   uuid     NOT NULL,
    words     tsvector NOT NULL,
    PRIMARY KEY (tenant_id, call_id),
    FOREIGN KEY (tenant_id, call_id) REFERENCES calls (tenant_id, id) ON DELETE CASCADE
);

-- Punctuation divides words as it does in SQLite: PostgreSQL's own parser would keep an address or "24-hour" whole. A
-- tsvector ends at a megabyte, and a call must close however long it was.
CREATE FUNCTION vca_words(spoken text) RETURNS tsvector LANGUAGE sql IMMUTABLE RETURN to_tsvector(
    'simple', translate(left(coalesce(spoken, ''), 200000), E'!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~‘’“”–—…।', repeat(' ', 40)));

CREATE FUNCTION vca_keep_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO call_words (tenant_id, call_id, words)
    SELECT NEW.tenant_id, NEW.id, vca_words(string_agg(t.text, ' ' ORDER BY t.seq))
    FROM turns t WHERE t.tenant_id = NEW.tenant_id AND t.call_id = NEW.id;
    RETURN NULL;
END
$$;

CREATE TRIGGER words_of_a_closed_call AFTER UPDATE OF status ON calls FOR EACH ROW
WHEN (OLD.status = 'active' AND NEW.status <> 'active') EXECUTE FUNCTION vca_keep_words();

-- A migration is the platform's work: without this, forced row-level security would show its statements no row.
SELECT set_config('vca.platform', 'on', true);
INSERT INTO call_words (tenant_id, call_id, words)
SELECT c.tenant_id, c.id, vca_words(string_agg(t.text, ' ' ORDER BY t.seq))
FROM calls c LEFT JOIN turns t ON t.tenant_id = c.tenant_id AND t.call_id = c.id
WHERE c.status <> 'active' GROUP BY c.tenant_id, c.id;
SELECT vca_protect('call_words');

CREATE INDEX calls_by_did ON calls (tenant_id, did, answered_at DESC, id DESC);
