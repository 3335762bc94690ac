-- How many entries a provider gives in a page: what was asked for last, the most that it ever gave, and the size at which
-- it cut its last pages, so many in a row. page_stated: what the rate limits of the key say of a page, and when they were read.
ALTER TABLE feed
    ADD COLUMN page_asked integer,
    ADD COLUMN page_max   integer NOT NULL DEFAULT 0,
    ADD COLUMN page_cut   integer,
    ADD COLUMN pages_cut  integer NOT NULL DEFAULT 0,
    ADD COLUMN page_stated integer,
    ADD COLUMN page_stated_at timestamptz;
