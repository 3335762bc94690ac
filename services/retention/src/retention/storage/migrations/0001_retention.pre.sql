-- sweep: requests to the owners of a data class to delete, archive or maintain it. A sweep is open until every owner
-- has answered, and the request is sent again until then.
CREATE TABLE sweep (
    sweep_id     uuid        PRIMARY KEY,
    data_class   text        NOT NULL,
    action       text        NOT NULL CHECK (action IN ('delete', 'archive', 'vacuum', 'analyze', 'reindex')),
    owners       text[]      NOT NULL CHECK (cardinality(owners) > 0),
    before       timestamptz,
    dry_run      boolean     NOT NULL,
    cause        text        NOT NULL,
    requested_at timestamptz NOT NULL,
    requested_by text        NOT NULL,
    attempt      integer     NOT NULL DEFAULT 1,
    hold_ids     uuid[]      NOT NULL,
    traceparent  text,
    state        text        NOT NULL DEFAULT 'requested' CHECK (state IN ('requested', 'done', 'attention')),
    sent_at      timestamptz NOT NULL,
    next_send_at timestamptz,
    closed_at    timestamptz,
    CHECK ((state = 'requested') = (closed_at IS NULL)),
    CHECK ((state = 'requested') = (next_send_at IS NOT NULL))
);
COMMENT ON COLUMN sweep.hold_ids IS 'The holds that the latest sending named.';
CREATE INDEX sweep_newest ON sweep (requested_at DESC, sweep_id DESC);
CREATE INDEX sweep_open ON sweep (next_send_at) WHERE state = 'requested';
CREATE INDEX sweep_done ON sweep (data_class, closed_at) WHERE state = 'done';
CREATE INDEX sweep_swept ON sweep (data_class, closed_at DESC)
    WHERE state = 'done' AND NOT dry_run AND action IN ('delete', 'archive');

-- sweep_answer: the last answer of each owner to a sweep. A late answer to an older attempt changes nothing.
CREATE TABLE sweep_answer (
    sweep_id    uuid        NOT NULL REFERENCES sweep,
    owner       text        NOT NULL,
    attempt     integer     NOT NULL,
    outcome     text        NOT NULL CHECK (outcome IN ('completed', 'failed')),
    started_at  timestamptz NOT NULL,
    ended_at    timestamptz NOT NULL,
    found       bigint      NOT NULL DEFAULT 0,
    removed     bigint      NOT NULL DEFAULT 0,
    held        bigint      NOT NULL DEFAULT 0,
    kept        bigint      NOT NULL DEFAULT 0,
    archived    bigint      NOT NULL DEFAULT 0,
    archives    jsonb       NOT NULL DEFAULT '[]',
    tables      jsonb       NOT NULL DEFAULT '[]',
    error       text,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (sweep_id, owner),
    CHECK ((outcome = 'failed') = (error IS NOT NULL))
);

-- hold: legal holds: records that no sweep may delete. In force are: placed (protects already, waits for a second
-- person), confirmed, and lifting (protects until a second person has confirmed that it ends).
CREATE TABLE hold (
    hold_id       uuid        PRIMARY KEY,
    data_class    text        NOT NULL,
    article_ids   text[]      NOT NULL DEFAULT '{}',
    dated_from    timestamptz,
    dated_until   timestamptz,
    reason        text        NOT NULL,
    state         text        NOT NULL
                  CHECK (state IN ('placed', 'confirmed', 'lifting', 'lifted', 'withdrawn')),
    placed_by     text        NOT NULL,
    placed_at     timestamptz NOT NULL,
    confirmed_by  text,
    confirmed_at  timestamptz,
    lift_requested_by text,
    lift_requested_at timestamptz,
    lift_reason   text,
    ended_by      text,
    ended_at      timestamptz,
    CHECK (dated_from < dated_until),
    CHECK (confirmed_by <> placed_by),
    CHECK (state <> 'lifted' OR ended_by <> lift_requested_by),
    CHECK ((state IN ('lifted', 'withdrawn')) = (ended_at IS NOT NULL))
);
CREATE INDEX hold_newest ON hold (placed_at DESC, hold_id DESC);
CREATE INDEX hold_in_force ON hold (data_class, hold_id) WHERE state IN ('placed', 'confirmed', 'lifting');
CREATE INDEX hold_ended ON hold (data_class, ended_at DESC, hold_id) WHERE ended_at IS NOT NULL;

-- hold_change: who did what to a hold, and when. Rows are never changed.
CREATE TABLE hold_change (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hold_id    uuid        NOT NULL REFERENCES hold,
    changed_at timestamptz NOT NULL,
    changed_by text        NOT NULL,
    change     text        NOT NULL,
    note       text        NOT NULL
);
CREATE INDEX hold_change_of ON hold_change (hold_id, id);

-- policy_in_force: the retention policies of the worker that started last. A process with other policies may not
-- request a sweep.
CREATE TABLE policy_in_force (
    data_class text        PRIMARY KEY,
    terms      text        NOT NULL,
    noted_at   timestamptz NOT NULL
);
COMMENT ON COLUMN policy_in_force.terms IS 'Age, action and owners, as text.';
