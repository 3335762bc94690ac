-- cell: the combinations of everything that a query can filter by: language, source, set of licences. Each article
-- is in exactly one cell, so a sum over cells counts no article twice, although an article may have several
-- licences. A cell contains ids and names, no content; the number of cells is bounded by the number of sources, and
-- they are never deleted.
-- bigint: an insert that finds an existing row uses up a number too, so four bytes would be exhausted within days.
CREATE TABLE cell (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest   bytea  NOT NULL UNIQUE,
    language text   NOT NULL,
    source   text   NOT NULL,
    licences text[] NOT NULL
);
CREATE INDEX cell_source ON cell (source);

-- value: the text of each value that articles are counted under. The text is stored only here, and is deleted when
-- nothing is counted under it. refs: the number of rollup rows with this value, and of withheld articles that may be
-- counted under it again. bigint for the same reason as in cell.
CREATE TABLE value (
    id        bigint   GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dimension smallint NOT NULL,
    text      text     NOT NULL,
    label     text,
    refs      integer  NOT NULL DEFAULT 0,
    UNIQUE (dimension, text)
) WITH (fillfactor = 80);

-- facet: one row per article id, also when an order arrives before the article, with what is needed to subtract the
-- article's counts again. day is null when nothing of the article is held. Orders and sweeps do not delete the row.
-- version, order_no: times in milliseconds, so that a restored database never assigns a number again.
-- withheld: true while the article is not revoked and any of its causes holds: an order (withheld_by_order), an order
-- that could not be read (withheld_locally), or an unconfirmed order. The end of one cause does not end another.
-- unconfirmed: an order does not follow the last applied one, and compliance has not confirmed it yet.
CREATE TABLE facet (
    article_id        text    PRIMARY KEY,
    version           bigint  NOT NULL DEFAULT 0,
    order_no          bigint  NOT NULL DEFAULT 0,
    revoked           boolean NOT NULL DEFAULT false,
    withheld          boolean NOT NULL DEFAULT false,
    kept_from         timestamptz,
    day               date,
    cell_id           bigint,
    words             integer,
    source_id         bigint,
    topic_ids         bigint[],
    revocation_id     uuid,
    withheld_by_order boolean NOT NULL DEFAULT false,
    withheld_locally  boolean NOT NULL DEFAULT false,
    unconfirmed       boolean NOT NULL DEFAULT false
) WITH (fillfactor = 90);
CREATE INDEX facet_kept_from ON facet (kept_from) WHERE day IS NOT NULL;
-- The number of articles in each state is estimated from the statistics of these two indexes.
CREATE INDEX facet_withheld ON facet (article_id) WHERE withheld;
CREATE INDEX facet_revoked ON facet (article_id) WHERE revoked;

-- rollup: the number of articles and words per day, cell and value. A row whose count falls to 0 is deleted. Each
-- article is counted once under its source, so the totals per source and per day are sums over that dimension alone.
CREATE TABLE rollup (
    dimension smallint NOT NULL,
    day       date     NOT NULL,
    cell_id   bigint   NOT NULL,
    value_id  bigint   NOT NULL,
    articles  integer  NOT NULL,
    words     bigint   NOT NULL,
    PRIMARY KEY (dimension, day, cell_id, value_id)
) WITH (fillfactor = 75);

-- generation: changed by every transaction that changes a count: an answer that was computed under another mark is
-- stale. The mark is random, because a counter would repeat its values, with other counts, after a restore.
CREATE TABLE generation (
    one    boolean PRIMARY KEY DEFAULT true CHECK (one),
    number bigint  NOT NULL DEFAULT 0,
    mark   uuid    NOT NULL DEFAULT gen_random_uuid()
) WITH (fillfactor = 10);
INSERT INTO generation DEFAULT VALUES;

-- floor: the retention floor: articles dated before it are refused. A sweep raises it before it deletes anything.
CREATE TABLE floor (
    one    boolean     PRIMARY KEY DEFAULT true CHECK (one),
    before timestamptz NOT NULL
);
INSERT INTO floor (before) VALUES ('-infinity');

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
