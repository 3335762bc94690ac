-- Conditions that hold: when each was raised last, so that it is repeated, and resolved once.
CREATE TABLE watch (
    fingerprint text        PRIMARY KEY,
    watcher     text        NOT NULL,
    name        text        NOT NULL,
    labels      jsonb       NOT NULL,
    severity    text        NOT NULL,
    summary     text        NOT NULL,
    occurrence  integer     NOT NULL,
    raised_at   timestamptz NOT NULL,
    said_at     timestamptz NOT NULL,
    resolved_at timestamptz
);
CREATE INDEX watch_raised ON watch (watcher) WHERE resolved_at IS NULL;

-- How far in time a feed is read, by its newest entry: what is left of the provider's window is judged from here.
ALTER TABLE feed ADD COLUMN reached_at timestamptz;
