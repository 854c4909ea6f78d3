-- The words of every closed call, for search. The index holds no text of its own; entries of a deleted call are
-- dead at once and leave the file with the next merge.
--
-- Two letters that only a mark tells apart are two words, and Devanagari's vowel signs belong to theirs.
CREATE TABLE call_texts (
    id        INTEGER PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    call_id   TEXT NOT NULL,
    UNIQUE (tenant_id, call_id),
    FOREIGN KEY (tenant_id, call_id) REFERENCES calls (tenant_id, id) ON DELETE CASCADE
) STRICT;

CREATE VIRTUAL TABLE call_words USING fts5 (
    words, content = '', contentless_delete = 1, tokenize = "unicode61 remove_diacritics 0 categories 'L* N* M* Co'"
);

CREATE TRIGGER words_of_a_closed_call AFTER UPDATE OF status ON calls
WHEN old.status = 'active' AND new.status <> 'active'
BEGIN
    INSERT INTO call_texts (tenant_id, call_id) VALUES (new.tenant_id, new.id);
    INSERT INTO call_words (rowid, words)
    SELECT x.id, (SELECT group_concat(t.text, ' ') FROM turns t WHERE t.tenant_id = new.tenant_id AND t.call_id = new.id)
    FROM call_texts x WHERE x.tenant_id = new.tenant_id AND x.call_id = new.id;
END;

CREATE TRIGGER words_of_a_deleted_call AFTER DELETE ON call_texts
BEGIN
    DELETE FROM call_words WHERE rowid = old.id;
END;

INSERT INTO call_texts (tenant_id, call_id) SELECT tenant_id, id FROM calls WHERE status <> 'active';
INSERT INTO call_words (rowid, words)
SELECT x.id, (SELECT group_concat(t.text, ' ') FROM turns t WHERE t.tenant_id = x.tenant_id AND t.call_id = x.call_id)
FROM call_texts x;

CREATE INDEX calls_by_did ON calls (tenant_id, did, answered_at, id);
CREATE INDEX calls_by_outcome ON calls (tenant_id, outcome, answered_at, id);
