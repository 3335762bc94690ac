-- What dates from before the floor is refused by every door: it was swept, or is about to be.
CREATE TABLE floor (
    only_row  boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
    kept_from timestamptz NOT NULL,
    raised_at timestamptz
);
INSERT INTO floor (kept_from) VALUES ('-infinity');

-- Content that a legal hold spares when its month goes. By id, so that a takedown finds it as it finds the other.
CREATE TABLE article_held (
    article_id text        PRIMARY KEY,
    kept_from  timestamptz NOT NULL,
    version    integer     NOT NULL,
    document   text        NOT NULL,
    key_bucket integer,
    held_at    timestamptz NOT NULL
);
ALTER TABLE article_held ALTER COLUMN document SET STORAGE EXTERNAL;

-- Whether anybody may have been given it: it was live once, so published and readable. True for all that came before
-- this column, and for what does not say: an id that is kept too long harms nobody.
ALTER TABLE article ADD COLUMN given boolean NOT NULL DEFAULT true;
CREATE INDEX article_not_given ON article (kept_from) WHERE NOT given;
CREATE INDEX quarantine_age ON quarantine (set_aside_at);

-- Articles of a pass that were refused, for what is so old was swept.
ALTER TABLE feed_poll ADD COLUMN too_old integer NOT NULL DEFAULT 0;
