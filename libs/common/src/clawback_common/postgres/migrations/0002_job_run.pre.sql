-- Every run of every job, also one that found nothing to do: a quiet day leaves a record.
CREATE TABLE job_run (
    id         uuid        PRIMARY KEY,
    job        text        NOT NULL,
    cause      text        NOT NULL,
    subject    text,
    exclusive  boolean     NOT NULL,
    started_at timestamptz NOT NULL,
    beat_at    timestamptz NOT NULL,
    ended_at   timestamptz,
    outcome    text        NOT NULL CHECK (outcome IN ('running', 'done', 'failed', 'skipped', 'attention')),
    counts     jsonb       NOT NULL DEFAULT '{}',
    retries    integer     NOT NULL DEFAULT 0,
    error      text,
    CHECK ((outcome = 'running') = (ended_at IS NULL))
);
CREATE INDEX job_run_newest ON job_run (started_at DESC, id DESC);
CREATE INDEX job_run_of_job ON job_run (job, started_at DESC);

-- Of a job that must not run twice at once, one row can be running.
CREATE UNIQUE INDEX job_run_alone ON job_run (job) WHERE outcome = 'running' AND exclusive;
