-- article_change: numbers the changes of what readers see of articles. It starts at the time in microseconds, and a
-- worker that starts sets it to the time at least, so that a restored database never assigns a number again.
CREATE SEQUENCE article_change;
SELECT setval('article_change', floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint);

-- article: the identity of an article: one row per id, kept forever for ids that were revoked or ever published. The
-- table is not partitioned: with partitions by time it could have no unique index over ids, and dropping a partition
-- would drop the record of a revocation.
-- version, order_no: times in milliseconds, so that a restored database never assigns a number again.
-- source_order, source_position: of two deliveries of one article the greater pair is newer; the position in the log
-- decides between deliveries that arrived in the same millisecond.
-- document_hash: the same document delivered again is not a new version. Null: unknown, so the next delivery is one.
-- ever_published: the article was live once, so anybody may have received it. True by default: keeping an id for too long does
-- no harm.
-- state: "withheld" has three causes: an order (withheld_by_order), a local one (withheld_locally: an order that could
-- not be read, or a licence that ended), or an unconfirmed order. The end of one cause does not end another.
-- unconfirmed: an order does not follow the last applied one, and compliance has not confirmed it yet.
-- change_no: the number of the last change of version, state or order, whatever statement makes it.
CREATE TABLE article (
    article_id        text        PRIMARY KEY,
    retention_date         timestamptz,
    received_at       timestamptz,
    updated_at        timestamptz NOT NULL,
    source_order      bigint,
    version           bigint      NOT NULL DEFAULT 0,
    order_no          bigint      NOT NULL DEFAULT 0,
    state             text        NOT NULL CHECK (state IN ('live', 'withheld', 'embargoed', 'revoked')),
    reason            text,
    ordered_at        timestamptz,
    embargoed_until   timestamptz,
    licence_ends_at   timestamptz,
    ever_published             boolean     NOT NULL DEFAULT true,
    revocation_id     uuid,
    withheld_by_order boolean     NOT NULL DEFAULT false,
    withheld_locally  boolean     NOT NULL DEFAULT false,
    document_hash     bigint,
    unconfirmed       boolean     NOT NULL DEFAULT false,
    source_position   bigint      NOT NULL DEFAULT 0,
    change_no         bigint      NOT NULL DEFAULT nextval('article_change')
) WITH (fillfactor = 85);
CREATE FUNCTION article_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.change_no := nextval('article_change');
    RETURN NEW;
END $$;
CREATE TRIGGER article_changed BEFORE UPDATE ON article FOR EACH ROW
WHEN ((NEW.version, NEW.state, NEW.order_no) IS DISTINCT FROM (OLD.version, OLD.state, OLD.order_no))
EXECUTE FUNCTION article_changed();
-- The number of articles in each state is estimated from the statistics of these three indexes.
CREATE INDEX article_revoked ON article (article_id) WHERE state = 'revoked';
CREATE INDEX article_withheld ON article (article_id) WHERE state = 'withheld';
CREATE INDEX article_embargoed ON article (embargoed_until) WHERE state = 'embargoed';
CREATE INDEX article_licence ON article (licence_ends_at) WHERE licence_ends_at IS NOT NULL;
CREATE INDEX article_readable ON article (change_no) WHERE state = 'live';
CREATE INDEX article_never_published ON article (retention_date) WHERE NOT ever_published;

-- article_content: the documents, partitioned by month of retention_date, so that a whole month can be dropped. There is
-- no default partition: a row without a partition is a mistake. key_bucket is reserved for the key that encrypts the
-- document.
-- terms, published_at, sentiment, word_count: values of the document by which lists are filtered. They are content, and
-- are deleted with it.
-- search: the words and terms of the document. Null: a worker has not computed it yet.
CREATE TABLE article_content (
    retention_date  timestamptz NOT NULL,
    article_id text        NOT NULL,
    version    bigint      NOT NULL,
    document   text        STORAGE EXTERNAL NOT NULL,
    key_bucket integer,
    published_at timestamptz,
    sentiment  double precision,
    word_count integer,
    terms      text[]      NOT NULL DEFAULT '{}',
    search     tsvector,
    PRIMARY KEY (retention_date, article_id)
) PARTITION BY RANGE (retention_date);
CREATE INDEX article_content_search ON article_content USING gin (search);
CREATE INDEX article_content_unsearchable ON article_content (version) WHERE search IS NULL;
CREATE TABLE article_content_past PARTITION OF article_content FOR VALUES FROM (MINVALUE) TO ('2000-01-01 00:00:00+00');

-- search_vector: the words of a document's title (A), subtitle, summary and tags (B), authors (C) and body (D), and its
-- terms as hashes, each of them one word. Long texts are cut, because a vector has at most 1 MB.
CREATE FUNCTION search_vector(document jsonb, terms text[]) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN setweight(to_tsvector('simple', coalesce(left(document ->> 'title', 20000), '')), 'A')
    || setweight(to_tsvector('simple', left(
           concat_ws(' ', document ->> 'subtitle', document ->> 'summary', document ->> 'tags'), 20000)), 'B')
    || setweight(to_tsvector('simple', coalesce(left(document ->> 'authors', 10000), '')), 'C')
    || to_tsvector('simple', coalesce(left(document ->> 'body', 100000), ''))
    || array_to_tsvector(ARRAY(SELECT 'x' || md5(one) FROM unnest(terms) AS t (one)));

-- is_selected: whether the values of a document are within limits; a null is no limit.
CREATE FUNCTION is_selected(
    published_at timestamptz, sentiment double precision, word_count integer,
    since timestamptz, until timestamptz, sentiment_min double precision, sentiment_max double precision,
    word_count_min double precision, word_count_max double precision
) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (since IS NULL OR published_at >= since) AND (until IS NULL OR published_at < until)
    AND (sentiment_min IS NULL OR sentiment >= sentiment_min) AND (sentiment_max IS NULL OR sentiment <= sentiment_max)
    AND (word_count_min IS NULL OR word_count >= word_count_min)
    AND (word_count_max IS NULL OR word_count <= word_count_max);

-- article_held: documents that a legal hold protects when their month is dropped. The key is the article id, so that a
-- takedown finds and deletes them too.
CREATE TABLE article_held (
    article_id text        PRIMARY KEY,
    retention_date  timestamptz NOT NULL,
    version    bigint      NOT NULL,
    document   text        STORAGE EXTERNAL NOT NULL,
    key_bucket integer,
    held_at    timestamptz NOT NULL
);

-- retention_floor: articles dated before it are refused from every source, because they were swept or are
-- about to be.
CREATE TABLE retention_floor (
    only_row  boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
    retention_date timestamptz NOT NULL,
    raised_at timestamptz
);
INSERT INTO retention_floor (retention_date) VALUES ('-infinity');

-- quarantine, a table of every service: here its rows belong to the data class of articles and are swept by age.
CREATE INDEX quarantine_age ON quarantine (set_aside_at);

-- feed: the cursor of each provider's feed, the poll that runs at present, and the state of the feed.
-- last_pass_at: when the last poll ended, by the database's clock, so that the next one is due once for all processes.
-- reached_at: the time of the newest entry that was read; what is left of the provider's window is computed from it.
-- page_requested, page_max, page_cut, pages_cut: the number of entries last asked for in a page, the most ever received in
-- one, the size at which the provider cut its last pages, and how many pages in a row.
-- page_stated, page_stated_at: the page limit in the provider's rate limits of the key, and when it was read.
-- endpoint, key_digest: a cursor is valid only for this address and API key; of the key only a fingerprint is stored.
-- Null: not known yet.
CREATE TABLE feed (
    name             text        PRIMARY KEY,
    kind             text        NOT NULL CHECK (kind IN ('articles', 'revoked')),
    cursor           text,
    state            text        NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'ok', 'failing', 'stopped')),
    state_reason     text,
    state_since      timestamptz NOT NULL,
    last_complete_at timestamptz,
    full_pages       integer     NOT NULL DEFAULT 0,
    lease_poll       uuid,
    lease_until      timestamptz,
    updated_at       timestamptz NOT NULL,
    last_pass_at     timestamptz,
    failed_passes    integer     NOT NULL DEFAULT 0,
    reached_at       timestamptz,
    page_requested       integer,
    page_max         integer     NOT NULL DEFAULT 0,
    page_cut         integer,
    pages_cut        integer     NOT NULL DEFAULT 0,
    page_stated      integer,
    page_stated_at   timestamptz,
    endpoint         text,
    key_digest         text
);

-- feed_poll: one poll of a feed: it reads pages until one is not full.
-- too_old: articles that were refused because they are dated before the retention floor.
CREATE TABLE feed_poll (
    poll_id    uuid        PRIMARY KEY,
    feed       text        NOT NULL,
    cause      text        NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at   timestamptz,
    pages      integer     NOT NULL DEFAULT 0,
    received   integer     NOT NULL DEFAULT 0,
    noticed    integer     NOT NULL DEFAULT 0,
    caught_up  boolean     NOT NULL DEFAULT false,
    error      text,
    too_old    integer     NOT NULL DEFAULT 0
);
CREATE INDEX feed_poll_feed ON feed_poll (feed, started_at DESC);
CREATE INDEX feed_poll_age ON feed_poll (started_at) WHERE ended_at IS NOT NULL;

-- feed_cursor_change: cursors that were not set by reading a page: a person set them, or they were reset because they
-- belonged to another provider or key.
CREATE TABLE feed_cursor_change (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    feed       text        NOT NULL,
    changed_at timestamptz NOT NULL,
    changed_by text        NOT NULL,
    reason     text        NOT NULL,
    former     text,
    cursor     text,
    gap        text
);

-- feed_gap: spans of a feed that were never delivered. Each is reported while its incident is open.
CREATE TABLE feed_gap (
    incident_id uuid        PRIMARY KEY,
    feed        text        NOT NULL,
    gap_from    timestamptz,
    gap_until   timestamptz NOT NULL
);

-- feed_not_understood: the number of articles with a field that could not be read, by hour, feed and field. The
-- field '*' counts the articles that have any such field.
CREATE TABLE feed_not_understood (
    hour     timestamptz NOT NULL,
    feed     text        NOT NULL,
    field    text        NOT NULL,
    articles integer     NOT NULL,
    PRIMARY KEY (hour, feed, field)
);

-- key_pace: when each provider's API key may be used next, shared by all processes.
CREATE TABLE key_pace (
    key_name     text        PRIMARY KEY,
    next_at      timestamptz NOT NULL,
    urgent_until timestamptz NOT NULL
);

-- api_call: every call to a provider, without the key. Rows arrive in the order of time, so a BRIN index is enough.
CREATE TABLE api_call (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    feed        text        NOT NULL,
    endpoint    text        NOT NULL,
    started_at  timestamptz NOT NULL,
    took_ms     integer     NOT NULL,
    http_status integer,
    code        integer,
    bytes       integer,
    items       integer,
    cursor      text,
    outcome     text        NOT NULL,
    poll_id     uuid
);
CREATE INDEX api_call_started ON api_call USING brin (started_at);

-- notice: revocation notices from providers, open until the order that cites the notice has arrived. A notice is
-- identified by its id and its article, and only an order on that article answers it.
CREATE TABLE notice (
    notice_id    uuid        NOT NULL,
    article_id   text        NOT NULL,
    feed         text        NOT NULL,
    reason       text        NOT NULL,
    noticed_at   timestamptz NOT NULL,
    revoked_at   timestamptz,
    earliest_at  timestamptz,
    poll_id      uuid,
    traceparent  text,
    attempts     integer     NOT NULL DEFAULT 1,
    next_send_at timestamptz NOT NULL,
    answered_at  timestamptz,
    order_no     bigint,
    PRIMARY KEY (notice_id, article_id)
);
CREATE INDEX notice_open ON notice (next_send_at) WHERE answered_at IS NULL;
CREATE INDEX notice_answered ON notice (answered_at) WHERE answered_at IS NOT NULL;
CREATE INDEX notice_article ON notice (article_id);

-- delivery: webhooks as they arrived. When one is processed its body is deleted and the row is kept until it is purged
-- by age.
CREATE TABLE delivery (
    provider     text        NOT NULL,
    webhook_id   text        NOT NULL,
    body_sha256  bytea       NOT NULL,
    body         bytea       STORAGE EXTERNAL,
    answer       jsonb       NOT NULL,
    traceparent  text,
    received_at  timestamptz NOT NULL,
    processed_at timestamptz,
    PRIMARY KEY (provider, webhook_id)
);
CREATE INDEX delivery_waiting ON delivery (received_at) WHERE processed_at IS NULL;
CREATE INDEX delivery_age ON delivery (received_at) WHERE processed_at IS NOT NULL;

-- submission: the responses to HTTP submissions, to answer a repeated request (idempotency key) in the same way.
CREATE TABLE submission (
    caller          text        NOT NULL,
    idempotency_key text        NOT NULL,
    body_sha256     bytea       NOT NULL,
    answer          jsonb       NOT NULL,
    received_at     timestamptz NOT NULL,
    PRIMARY KEY (caller, idempotency_key)
);
CREATE INDEX submission_age ON submission (received_at);

-- submitted: the outcome of each record whose sender may ask about it. The sender chooses the event_id, so the
-- source is part of the key.
CREATE TABLE submitted (
    event_id    text        NOT NULL,
    source      text        NOT NULL,
    article_id  text        NOT NULL,
    outcome     text        NOT NULL CHECK (outcome IN ('stored', 'not_newer', 'too_old', 'revoked')),
    version     bigint,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (event_id, source)
);
CREATE INDEX submitted_age ON submitted (received_at);
