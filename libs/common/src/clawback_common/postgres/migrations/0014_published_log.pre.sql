-- The log that what was sent of the outbox of news is in: a topic that was made again has another id.
CREATE TABLE published_log (
    topic    text        PRIMARY KEY,
    topic_id uuid        NOT NULL,
    seen_at  timestamptz NOT NULL
);
