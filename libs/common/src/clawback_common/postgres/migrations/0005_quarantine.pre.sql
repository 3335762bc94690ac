-- A record in quarantine may be about several ids (its key's, its body's): a takedown finds it by any of them. Its bytes
-- have a date on which they go at the latest; none when they are gone.
ALTER TABLE quarantine ADD COLUMN subjects text[] NOT NULL DEFAULT '{}', ADD COLUMN purge_at timestamptz;
UPDATE quarantine
SET subjects = CASE WHEN subject IS NULL THEN '{}' ELSE ARRAY[subject] END,
    purge_at = set_aside_at + CASE WHEN subject IS NULL THEN interval '12 hours' ELSE interval '30 days' END
WHERE value IS NOT NULL;
CREATE INDEX quarantine_subjects ON quarantine USING gin (subjects) WHERE purge_at IS NOT NULL;
CREATE INDEX quarantine_purge ON quarantine (purge_at) WHERE purge_at IS NOT NULL;

-- A lane that waits because every record fails in the same way: since when, at which record, and why.
CREATE TABLE stalled_lane (
    consumer_group text        NOT NULL,
    topic          text        NOT NULL,
    partition      integer     NOT NULL,
    kafka_offset   bigint      NOT NULL,
    kind           text        NOT NULL,
    stalled_at     timestamptz NOT NULL,
    reported_at    timestamptz NOT NULL,
    PRIMARY KEY (consumer_group, topic, partition)
);
