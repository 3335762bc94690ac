-- A notice is identified by its id and its article, and answered by an order on that article alone.
ALTER TABLE notice DROP CONSTRAINT notice_pkey, ADD PRIMARY KEY (notice_id, article_id);
