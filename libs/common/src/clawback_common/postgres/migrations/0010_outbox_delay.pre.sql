-- Lanes of an outbox whose oldest row waits too long, and when a person was paged for it last. A row per lane at most.
CREATE TABLE outbox_delay (
    lane        text        PRIMARY KEY,
    reported_at timestamptz NOT NULL
);
