-- Everything by which a reader may narrow what is counted: language, source, the set of licences. Each article lies in
-- exactly one cell, so sums over cells count no article twice, though it may have several licences. Ids and names that
-- are no content; the number of cells is bounded by what sources there are, and they stay.
CREATE TABLE cell (
    id       integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest   bytea   NOT NULL UNIQUE,
    language text    NOT NULL,
    source   text    NOT NULL,
    licences text[]  NOT NULL
);
CREATE INDEX cell_source ON cell (source);

-- The text of a value stands here alone, and goes when nothing is counted under it. refs: rows of rollup with this
-- value, and withheld articles that may be counted under it again.
CREATE TABLE value (
    id        integer  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dimension smallint NOT NULL,
    text      text     NOT NULL,
    label     text,
    refs      integer  NOT NULL DEFAULT 0,
    UNIQUE (dimension, text)
) WITH (fillfactor = 80);

-- Identity: one row an id, also where the order came first; and what is needed to take its counts away again. day is
-- null when nothing of the article is held. The row outlives orders and sweeps.
CREATE TABLE facet (
    article_id text        PRIMARY KEY,
    version    integer     NOT NULL DEFAULT 0,
    order_no   integer     NOT NULL DEFAULT 0,
    revoked    boolean     NOT NULL DEFAULT false,
    withheld   boolean     NOT NULL DEFAULT false,
    kept_from  timestamptz,
    day        date,
    cell_id    integer,
    words      integer,
    source_id  integer,
    topic_ids  integer[]
) WITH (fillfactor = 90);
CREATE INDEX facet_kept_from ON facet (kept_from) WHERE day IS NOT NULL;

-- How many articles, and words, a day has under a value, by cell. A row that would say 0 is not there. Each article is
-- counted once under its source: so sources, and days, are sums over that dimension alone.
CREATE TABLE rollup (
    dimension smallint NOT NULL,
    day       date     NOT NULL,
    cell_id   integer  NOT NULL,
    value_id  integer  NOT NULL,
    articles  integer  NOT NULL,
    words     bigint   NOT NULL,
    PRIMARY KEY (dimension, day, cell_id, value_id)
) WITH (fillfactor = 75);

-- Articles that date from before this are refused. A sweep raises it before it removes anything.
CREATE TABLE floor (
    one    boolean     PRIMARY KEY DEFAULT true CHECK (one),
    before timestamptz NOT NULL
);
INSERT INTO floor (before) VALUES ('-infinity');

-- Changed by every transaction that changes a count: an answer that was computed under another mark is stale. Random,
-- because a number would come again, with other counts, after a restore.
CREATE TABLE generation (
    one    boolean PRIMARY KEY DEFAULT true CHECK (one),
    number bigint  NOT NULL DEFAULT 0,
    mark   uuid    NOT NULL DEFAULT gen_random_uuid()
) WITH (fillfactor = 10);
INSERT INTO generation DEFAULT VALUES;

-- Every compliance run, as it ended.
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
