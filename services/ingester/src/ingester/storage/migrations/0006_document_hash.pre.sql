-- The same document again is no new version. Null for what was stored before: its next delivery is one.
ALTER TABLE article ADD COLUMN document_hash bigint;
