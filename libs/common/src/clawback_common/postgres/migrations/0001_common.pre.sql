-- Tables that every service has: outgoing and incoming messages, consumers, jobs, leases, sweeps and legal holds.

-- outbox_priority: the outbox of complete events: orders, receipts, alerts, dead letters. Articles have an outbox and a
-- relay of their own, so that a backlog of articles never delays an order. A row is waiting, sent, or failed (set_aside
-- contains the reason).
CREATE TABLE outbox_priority (
    id           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
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
CREATE INDEX outbox_priority_waiting ON outbox_priority (id) WHERE sent_at IS NULL AND set_aside IS NULL;
CREATE INDEX outbox_priority_sent ON outbox_priority (sent_at) WHERE sent_at IS NOT NULL;
CREATE INDEX outbox_priority_failed ON outbox_priority (queued_at) WHERE set_aside IS NOT NULL;

-- outbox_bulk: the outbox of articles. A row is only a reference: the event is built when it is sent, from the article
-- as it is then. A version is a time in milliseconds.
CREATE TABLE outbox_bulk (
    id           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ref          text        NOT NULL,
    version      bigint      NOT NULL,
    traceparent  text,
    queued_at    timestamptz NOT NULL,
    sent_at      timestamptz,
    partition    integer,
    kafka_offset bigint,
    set_aside    text
);
CREATE INDEX outbox_bulk_waiting ON outbox_bulk (id) WHERE sent_at IS NULL AND set_aside IS NULL;
CREATE INDEX outbox_bulk_sent ON outbox_bulk (sent_at) WHERE sent_at IS NOT NULL;
CREATE INDEX outbox_bulk_failed ON outbox_bulk (queued_at) WHERE set_aside IS NOT NULL;

-- outbox_delay: lanes of the outbox whose oldest row waits too long, and when this was last reported. At most one row
-- per lane.
CREATE TABLE outbox_delay (
    lane        text        PRIMARY KEY,
    reported_at timestamptz NOT NULL
);

-- published_log: the id of each topic that articles were published to. A topic that was deleted and created again has
-- another id, and its records are lost.
CREATE TABLE published_log (
    topic    text        PRIMARY KEY,
    topic_id uuid        NOT NULL,
    seen_at  timestamptz NOT NULL
);

-- inbox: events that a consumer has processed, so that an effect that is not idempotent happens once per event. The
-- source is part of the key: a sender that reuses the event id of another sender must not suppress that event. The
-- source is empty when no known sender has signed the event.
CREATE TABLE inbox (
    consumer    text        NOT NULL,
    event_id    text        NOT NULL,
    received_at timestamptz NOT NULL,
    source      text        NOT NULL DEFAULT '',
    PRIMARY KEY (consumer, source, event_id)
);
CREATE INDEX inbox_age ON inbox (received_at);

-- quarantine: records that could not be processed, complete and with the reason. A dead letter refers to a row here.
-- subjects: the ids that the record may be about, from its key and its body; a takedown finds it by any of them.
-- purge_at: when key, value and headers are deleted at the latest; null after that.
-- arrived_at: the time of the record on the broker, or of the request; later attempts do not change it.
-- sender: who signed the record; a sender may ask what became of it by its event_id.
CREATE TABLE quarantine (
    id           uuid        PRIMARY KEY,
    source       text        NOT NULL,
    topic        text        NOT NULL,
    partition    integer     NOT NULL,
    kafka_offset bigint      NOT NULL,
    event_id     text,
    type         text,
    reason       text        NOT NULL,
    detail       text        NOT NULL,
    record_key   bytea,
    value        bytea       STORAGE EXTERNAL,
    headers      jsonb       NOT NULL,
    set_aside_at timestamptz NOT NULL,
    retries      integer     NOT NULL DEFAULT 0,
    resolved_at  timestamptz,
    resolution   text,
    subjects     text[]      NOT NULL DEFAULT '{}',
    purge_at     timestamptz,
    arrived_at   timestamptz,
    sender       text
);
CREATE INDEX quarantine_open ON quarantine (set_aside_at, id) WHERE resolved_at IS NULL;
CREATE INDEX quarantine_subjects ON quarantine USING gin (subjects) WHERE purge_at IS NOT NULL;
CREATE INDEX quarantine_event ON quarantine (event_id) WHERE event_id IS NOT NULL;
CREATE INDEX quarantine_purge ON quarantine (purge_at) WHERE purge_at IS NOT NULL;
CREATE INDEX quarantine_purged ON quarantine (set_aside_at) WHERE purge_at IS NULL;

-- incident: something that a person must close.
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
CREATE INDEX incident_closed ON incident (closed_at) WHERE closed_at IS NOT NULL;

-- consumer_offset: the position on topics whose records must be read again after this database is restored. Few rows,
-- updated often: the fillfactor leaves room for HOT updates.
CREATE TABLE consumer_offset (
    consumer_group text    NOT NULL,
    topic          text    NOT NULL,
    partition      integer NOT NULL,
    next_offset    bigint  NOT NULL,
    PRIMARY KEY (consumer_group, topic, partition)
) WITH (fillfactor = 50);

-- stalled_lane: partitions whose processing waits because every record fails in the same way: since when, at which
-- record, and why.
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

-- unconfirmed_order: orders that do not follow the last applied one, until compliance has confirmed them. One row per
-- article, for its greatest order number; deleted when compliance answers.
CREATE TABLE unconfirmed_order (
    article_id    text        PRIMARY KEY,
    order_no      bigint      NOT NULL,
    revocation_id uuid        NOT NULL,
    traceparent   text,
    seen_at       timestamptz NOT NULL,
    next_check_at   timestamptz NOT NULL
);
CREATE INDEX unconfirmed_order_due ON unconfirmed_order (next_check_at);

-- job_run: every run of every job, also a run that found nothing to do: a missing row means that the job did not run.
CREATE TABLE job_run (
    id         uuid        PRIMARY KEY,
    job        text        NOT NULL,
    cause      text        NOT NULL,
    subject    text,
    exclusive  boolean     NOT NULL,
    started_at timestamptz NOT NULL,
    heartbeat_at    timestamptz NOT NULL,
    ended_at   timestamptz,
    outcome    text        NOT NULL CHECK (outcome IN ('running', 'done', 'failed', 'skipped', 'attention')),
    counts     jsonb       NOT NULL DEFAULT '{}',
    retries    integer     NOT NULL DEFAULT 0,
    error      text,
    CHECK ((outcome = 'running') = (ended_at IS NULL))
);
CREATE INDEX job_run_newest ON job_run (started_at DESC, id DESC);
CREATE INDEX job_run_of_job ON job_run (job, started_at DESC);
CREATE INDEX job_run_done ON job_run (job, ended_at DESC) WHERE outcome IN ('done', 'attention');
CREATE INDEX job_run_running ON job_run (job) WHERE outcome = 'running';
CREATE INDEX job_run_age ON job_run (ended_at);
-- An exclusive job has at most one running row.
CREATE UNIQUE INDEX job_run_alone ON job_run (job) WHERE outcome = 'running' AND exclusive;

-- lease: the holder of each right that only one process may have at a time. A new holder has a higher token (fencing);
-- until is a time of this database's clock. Few rows, updated often.
CREATE TABLE lease (
    name   text        PRIMARY KEY,
    token  bigint      NOT NULL,
    holder uuid,
    until  timestamptz NOT NULL
) WITH (fillfactor = 50);

-- sweep_task: sweeps that retention has requested of this service. A row is written before the offset of the request is
-- committed, and records the progress, so that another worker continues after one has died. The answer is kept, to be
-- sent again when the request is repeated.
CREATE TABLE sweep_task (
    sweep_id    uuid        PRIMARY KEY,
    data_class  text        NOT NULL,
    action      text        NOT NULL,
    request     text        NOT NULL,
    attempt     integer     NOT NULL,
    noted_at    timestamptz NOT NULL,
    next_at     timestamptz NOT NULL,
    started_at  timestamptz,
    claimed_by    uuid,
    failures    integer     NOT NULL DEFAULT 0,
    progress    jsonb       NOT NULL DEFAULT '{}',
    ended_at    timestamptz,
    outcome     text        CHECK (outcome IN ('completed', 'failed')),
    answer      text,
    traceparent text,
    CHECK ((outcome IS NULL) = (ended_at IS NULL))
);
CREATE INDEX sweep_task_waiting ON sweep_task (next_at, sweep_id) WHERE outcome IS NULL;

-- known_hold: legal holds that this service has received. A sweep request that omits a hold in force is refused, so the
-- hold also protects against a sender that leaves it out. A hold is ended by two people, or withdrawn by the person who
-- placed it.
CREATE TABLE known_hold (
    data_class   text        NOT NULL,
    hold_id      uuid        NOT NULL,
    scope        jsonb       NOT NULL,
    placed_by    text,
    confirmed_by text,
    known_at     timestamptz NOT NULL,
    ended_at     timestamptz,
    ended_by     text[],
    PRIMARY KEY (data_class, hold_id),
    CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);
CREATE INDEX known_hold_in_force ON known_hold (data_class) WHERE ended_at IS NULL;
CREATE INDEX known_hold_ended ON known_hold (ended_at) WHERE ended_at IS NOT NULL;

-- floor_change: who lowered the retention floor, when and why. Rows are never changed.
CREATE TABLE floor_change (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    changed_at timestamptz NOT NULL,
    changed_by text        NOT NULL,
    reason     text        NOT NULL,
    former     timestamptz,
    floor      timestamptz NOT NULL
);

-- alert_state: the service's own alerts: when each was last raised, so that it is repeated at intervals and resolved
-- once.
CREATE TABLE alert_state (
    fingerprint text        PRIMARY KEY,
    watcher     text        NOT NULL,
    name        text        NOT NULL,
    labels      jsonb       NOT NULL,
    severity    text        NOT NULL,
    summary     text        NOT NULL,
    occurrence  integer     NOT NULL,
    raised_at   timestamptz NOT NULL,
    sent_at     timestamptz NOT NULL,
    resolved_at timestamptz
);
CREATE INDEX alert_state_raised ON alert_state (watcher) WHERE resolved_at IS NULL;
CREATE INDEX alert_state_resolved ON alert_state (resolved_at) WHERE resolved_at IS NOT NULL;

-- first_start: when monitoring first started. The age of a job that never ran counts from here.
CREATE TABLE first_start (
    only_row   boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
    started_at timestamptz NOT NULL
);

-- heartbeat: when a role was last seen running. A command in another process reads it.
CREATE TABLE heartbeat (
    role    text        PRIMARY KEY,
    seen_at timestamptz NOT NULL
);

-- is_held: whether a legal hold names a record or spans its date. A record without a date is held by any span.
CREATE FUNCTION is_held(record_id text, dated timestamptz, held_ids text[], held_spans tstzmultirange) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(record_id = ANY (held_ids), false) OR coalesce(dated <@ held_spans, NOT isempty(held_spans));
