-- Identity: one row an id, for ever where the id was revoked or given to anyone. A unique index over ids cannot
-- stand on a table partitioned by time, and dropping a partition would drop the tombstone: so it is not partitioned.
CREATE TABLE article (
    article_id      text        PRIMARY KEY,
    kept_from       timestamptz,
    received_at     timestamptz,
    updated_at      timestamptz NOT NULL,
    source_order    bigint,
    version         integer     NOT NULL DEFAULT 0,
    order_no        integer     NOT NULL DEFAULT 0,
    state           text        NOT NULL CHECK (state IN ('live', 'withheld', 'embargoed', 'revoked')),
    reason          text,
    ordered_at      timestamptz,
    embargoed_until timestamptz,
    licence_ends_at timestamptz
) WITH (fillfactor = 85);
CREATE INDEX article_revoked ON article (article_id) WHERE state = 'revoked';
CREATE INDEX article_embargo ON article (embargoed_until) WHERE state = 'embargoed';
CREATE INDEX article_licence ON article (licence_ends_at) WHERE licence_ends_at IS NOT NULL;

-- Content: by month of kept_from, so that a month is dropped as a whole. No default partition: a row without a
-- month is a mistake. key_bucket is reserved for the key that seals the document.
CREATE TABLE article_content (
    kept_from  timestamptz NOT NULL,
    article_id text        NOT NULL,
    version    integer     NOT NULL,
    document   text        NOT NULL,
    key_bucket integer,
    PRIMARY KEY (kept_from, article_id)
) PARTITION BY RANGE (kept_from);
ALTER TABLE article_content ALTER COLUMN document SET STORAGE EXTERNAL;

CREATE TABLE article_content_past PARTITION OF article_content FOR VALUES FROM (MINVALUE) TO ('2000-01-01 00:00:00+00');

-- A feed's cursor, who drains it at present, and how it has been doing.
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
    updated_at       timestamptz NOT NULL
);

-- One pass over a feed, until a short page.
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
    error      text
);
CREATE INDEX feed_poll_feed ON feed_poll (feed, started_at DESC);

-- When a provider's key may be used next, shared by all processes.
CREATE TABLE key_pace (
    key_name      text        PRIMARY KEY,
    next_at       timestamptz NOT NULL,
    urgent_until  timestamptz NOT NULL
);

-- What providers said must go; open until the order that cites it was seen here.
CREATE TABLE notice (
    notice_id    uuid        PRIMARY KEY,
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
    order_no     integer
);
CREATE INDEX notice_open ON notice (next_send_at) WHERE answered_at IS NULL;
CREATE INDEX notice_article ON notice (article_id);

-- Webhooks as they came, until they are processed. Then the body goes and the fact stays.
CREATE TABLE delivery (
    provider     text        NOT NULL,
    webhook_id   text        NOT NULL,
    body_sha256  bytea       NOT NULL,
    body         bytea,
    answer       jsonb       NOT NULL,
    traceparent  text,
    received_at  timestamptz NOT NULL,
    processed_at timestamptz,
    PRIMARY KEY (provider, webhook_id)
);
ALTER TABLE delivery ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE INDEX delivery_waiting ON delivery (received_at) WHERE processed_at IS NULL;

-- Answers to repeated submissions over HTTP.
CREATE TABLE submission (
    caller          text        NOT NULL,
    idempotency_key text        NOT NULL,
    body_sha256     bytea       NOT NULL,
    answer          jsonb       NOT NULL,
    received_at     timestamptz NOT NULL,
    PRIMARY KEY (caller, idempotency_key)
);

-- Every call to a provider. Never the key.
CREATE TABLE api_call (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    feed       text        NOT NULL,
    endpoint   text        NOT NULL,
    started_at timestamptz NOT NULL,
    took_ms    integer     NOT NULL,
    http_status integer,
    code       integer,
    bytes      integer,
    items      integer,
    cursor     text,
    outcome    text        NOT NULL,
    poll_id    uuid
);
CREATE INDEX api_call_started ON api_call USING brin (started_at);
