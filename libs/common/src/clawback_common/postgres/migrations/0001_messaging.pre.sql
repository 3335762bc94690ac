-- Messages out: two outboxes of one shape of life (waiting, sent, set aside), each with a relay of its own,
-- so that a queue of news never stands before an order.

CREATE TABLE outbox_orders (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id     uuid        NOT NULL UNIQUE,
    topic        text        NOT NULL,
    key          text        NOT NULL,
    type         text        NOT NULL,
    value        bytea       NOT NULL,
    traceparent  text,
    queued_at    timestamptz NOT NULL,
    sent_at      timestamptz,
    partition    integer,
    kafka_offset bigint,
    set_aside    text
);
CREATE INDEX outbox_orders_waiting ON outbox_orders (id) WHERE sent_at IS NULL AND set_aside IS NULL;

-- News are references: what they say is rendered when they are sent.
CREATE TABLE outbox_news (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ref          text        NOT NULL,
    version      integer     NOT NULL,
    traceparent  text,
    queued_at    timestamptz NOT NULL,
    sent_at      timestamptz,
    partition    integer,
    kafka_offset bigint,
    set_aside    text
);
CREATE INDEX outbox_news_waiting ON outbox_news (id) WHERE sent_at IS NULL AND set_aside IS NULL;

-- Messages in: effects that are no fold by key happen once an event id.
CREATE TABLE inbox (
    consumer    text        NOT NULL,
    event_id    text        NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (consumer, event_id)
);
CREATE INDEX inbox_age ON inbox (received_at);

-- Records that could not be used, whole, with the reason. The dead letter only points here.
CREATE TABLE quarantine (
    id           uuid        PRIMARY KEY,
    source       text        NOT NULL,
    topic        text        NOT NULL,
    partition    integer     NOT NULL,
    kafka_offset bigint      NOT NULL,
    event_id     text,
    subject      text,
    type         text,
    reason       text        NOT NULL,
    detail       text        NOT NULL,
    record_key   bytea,
    value        bytea,
    headers      jsonb       NOT NULL,
    set_aside_at timestamptz NOT NULL,
    retries      integer     NOT NULL DEFAULT 0,
    resolved_at  timestamptz,
    resolution   text
);
ALTER TABLE quarantine ALTER COLUMN value SET STORAGE EXTERNAL;
CREATE INDEX quarantine_subject ON quarantine (subject) WHERE subject IS NOT NULL AND value IS NOT NULL;
CREATE INDEX quarantine_open ON quarantine (set_aside_at, id) WHERE resolved_at IS NULL;

-- Where we stand on a topic whose records must survive a restore of this database.
CREATE TABLE consumer_offset (
    consumer_group text    NOT NULL,
    topic          text    NOT NULL,
    partition      integer NOT NULL,
    next_offset    bigint  NOT NULL,
    PRIMARY KEY (consumer_group, topic, partition)
) WITH (fillfactor = 50);

-- Something that a person must close.
CREATE TABLE incident (
    id         uuid        PRIMARY KEY,
    kind       text        NOT NULL,
    subject    text,
    detail     text        NOT NULL,
    opened_at  timestamptz NOT NULL,
    closed_at  timestamptz,
    closed_by  text,
    note       text
);
CREATE INDEX incident_open ON incident (opened_at, id) WHERE closed_at IS NULL;
