-- A notice is identified by its id and its article: an id alone can be taken by whoever sends it first.
ALTER TABLE notice DROP CONSTRAINT notice_pkey, ADD PRIMARY KEY (notice_id, article_id);
ALTER TABLE poll_notice ADD COLUMN article_id text;
UPDATE poll_notice AS p SET article_id = n.article_id FROM notice AS n WHERE n.notice_id = p.notice_id;
DELETE FROM poll_notice WHERE article_id IS NULL;
ALTER TABLE poll_notice ALTER COLUMN article_id SET NOT NULL, DROP CONSTRAINT poll_notice_pkey,
    ADD PRIMARY KEY (poll_id, notice_id, article_id);
