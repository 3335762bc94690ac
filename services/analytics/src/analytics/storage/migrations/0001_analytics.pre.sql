-- filter_key: the combinations of everything that a query can filter by. Each article has exactly one filter key, so a
-- sum over filter keys counts no article twice, although an article may have several licences. A row contains names, no
-- content; the number of rows is bounded by the number of sources, and they are never deleted.
-- id: bigint, because an insert that finds an existing row uses up a number too: four bytes would be exhausted in days.
-- digest: SHA-256 of the other three, because a set of licences may be too long for an index.
-- language: '' if unknown. source: its key at its provider. licences: their names, sorted.
CREATE TABLE filter_key (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest   bytea  NOT NULL UNIQUE,
    language text   NOT NULL,
    source   text   NOT NULL,
    licences text[] NOT NULL
);
CREATE INDEX filter_key_source ON filter_key (source);

-- value: the text of each value that articles are counted under. The text is stored only here, and is deleted when
-- nothing is counted under it.
-- id: bigint, as in filter_key. dimension: the id of an entry in domain/dimensions.py.
-- label: a second text about the value, such as the name of a source.
-- refs: the number of rollup rows with this value, and of withheld articles that may be counted under it again.
CREATE TABLE value (
    id        bigint   GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dimension smallint NOT NULL,
    text      text     NOT NULL,
    label     text,
    refs      integer  NOT NULL DEFAULT 0,
    UNIQUE (dimension, text)
) WITH (fillfactor = 80);

-- facet: one row per article id, also when an order arrives before the article, with what is needed to subtract the
-- article's counts again. Orders and sweeps do not delete the row.
-- version, order_no: times in milliseconds, so that a restored database never assigns a number again.
-- revoked, withheld_by_order, revocation_id: the state after the last applied order, order_no.
-- withheld: true while the article is not revoked and any of its causes holds: an order (withheld_by_order), an order
-- that could not be read (withheld_locally), or an unconfirmed order. The end of one cause does not end another.
-- unconfirmed: an order does not follow the last applied one, and compliance has not confirmed it yet.
-- retention_date: the date by which the article is swept.
-- published_at, filter_key_id, words, value_ids: what the article is counted under: its publication, its number of words,
-- and its values in all dimensions; all null when nothing of the article is held.
CREATE TABLE facet (
    article_id        text    PRIMARY KEY,
    version           bigint  NOT NULL DEFAULT 0,
    order_no          bigint  NOT NULL DEFAULT 0,
    revoked           boolean NOT NULL DEFAULT false,
    withheld          boolean NOT NULL DEFAULT false,
    retention_date    timestamptz,
    published_at      timestamptz,
    filter_key_id     bigint,
    words             integer,
    value_ids         bigint[],
    revocation_id     uuid,
    withheld_by_order boolean NOT NULL DEFAULT false,
    withheld_locally  boolean NOT NULL DEFAULT false,
    unconfirmed       boolean NOT NULL DEFAULT false
) WITH (fillfactor = 90);
CREATE INDEX facet_retention_date ON facet (retention_date) WHERE published_at IS NOT NULL;
CREATE INDEX facet_published ON facet (published_at, article_id) WHERE published_at IS NOT NULL AND NOT withheld;
-- The number of articles in each state is estimated from the statistics of these two indexes.
CREATE INDEX facet_withheld ON facet (article_id) WHERE withheld;
CREATE INDEX facet_revoked ON facet (article_id) WHERE revoked;

-- rollup: the number of articles and words per day, filter key and value. A row whose count falls to 0 is deleted. Each
-- article has exactly one source, so the totals per source and per day are sums over that dimension alone.
-- dimension: that of the value; repeated here, so that the primary key keeps together what a query reads.
CREATE TABLE rollup (
    dimension     smallint NOT NULL,
    day           date     NOT NULL,
    filter_key_id bigint   NOT NULL,
    value_id      bigint   NOT NULL,
    articles      integer  NOT NULL,
    words         bigint   NOT NULL,
    PRIMARY KEY (dimension, day, filter_key_id, value_id)
) WITH (fillfactor = 75);

-- counted_articles: what a query counts, by value: the rollups of whole days, and the articles themselves at the ends of
-- a period that does not begin or end at midnight. A function, because several queries count the same; PostgreSQL
-- inlines it.
-- of_dimension: the dimension. first_day, end_day: the whole days, the last exclusive. since, until: the ends, as pairs.
-- in_language, of_source, under_licence: the filter; null: all.
CREATE FUNCTION counted_articles(
    of_dimension smallint, first_day date, end_day date, since timestamptz[], until timestamptz[],
    in_language text, of_source text, under_licence text
) RETURNS TABLE (day date, source text, value_id bigint, articles integer, words bigint)
LANGUAGE sql STABLE AS $$
    SELECT c.day, k.source, c.value_id, c.articles, c.words
    FROM (
        SELECT r.day, r.filter_key_id, r.value_id, r.articles, r.words
        FROM rollup AS r
        WHERE r.dimension = of_dimension AND r.day >= first_day AND r.day < end_day
        UNION ALL
        SELECT (f.published_at AT TIME ZONE 'UTC')::date, f.filter_key_id, v.id, 1, f.words::bigint
        FROM unnest(since, until) AS e (since, until)
        JOIN facet AS f ON f.published_at >= e.since AND f.published_at < e.until AND NOT f.withheld
        JOIN value AS v ON v.id = ANY (f.value_ids) AND v.dimension = of_dimension
    ) AS c
    JOIN filter_key AS k ON k.id = c.filter_key_id
    WHERE (in_language IS NULL OR k.language = in_language) AND (of_source IS NULL OR k.source = of_source)
      AND (under_licence IS NULL OR under_licence = ANY (k.licences))
$$;

-- cache_version: changed by every transaction that changes a count: an answer that was computed under another version
-- is stale. The version is random, because a counter would repeat its values, with other counts, after a restore.
CREATE TABLE cache_version (
    one     boolean PRIMARY KEY DEFAULT true CHECK (one),
    version uuid    NOT NULL DEFAULT gen_random_uuid()
) WITH (fillfactor = 10);
INSERT INTO cache_version DEFAULT VALUES;

-- retention_floor: articles dated before it are refused. A sweep raises it before it deletes anything.
CREATE TABLE retention_floor (
    one    boolean     PRIMARY KEY DEFAULT true CHECK (one),
    before timestamptz NOT NULL
);
INSERT INTO retention_floor (before) VALUES ('-infinity');

-- compliance_run: every compliance run, with its results.
CREATE TABLE compliance_run (
    run_id     uuid        PRIMARY KEY,
    started_at timestamptz NOT NULL,
    ended_at   timestamptz NOT NULL,
    completed  boolean     NOT NULL,
    mock       boolean     NOT NULL,
    noticed    bigint,
    closed     bigint,
    open       bigint,
    overdue    bigint
);
CREATE INDEX compliance_run_ended ON compliance_run (ended_at DESC);
