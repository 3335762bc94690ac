-- What became of each record that a sender may ask about. The sender chooses event_id, so it is known by its source too.
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
