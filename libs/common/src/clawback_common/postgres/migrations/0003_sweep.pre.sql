-- What an owner of data was asked to do with a class of it: noted before the request's offset is committed, with how
-- far it is, so that a worker that dies leaves the rest to the next. The answer stays, to be given again.
CREATE TABLE sweep_task (
    sweep_id   uuid        PRIMARY KEY,
    data_class text        NOT NULL,
    action     text        NOT NULL,
    request    text        NOT NULL,
    attempt    integer     NOT NULL,
    noted_at   timestamptz NOT NULL,
    next_at    timestamptz NOT NULL,
    started_at timestamptz,
    taken_by   uuid,
    failures   integer     NOT NULL DEFAULT 0,
    progress   jsonb       NOT NULL DEFAULT '{}',
    ended_at   timestamptz,
    outcome    text        CHECK (outcome IN ('completed', 'failed')),
    answer     text,
    traceparent text,
    CHECK ((outcome IS NULL) = (ended_at IS NULL))
);
CREATE INDEX sweep_task_waiting ON sweep_task (next_at, sweep_id) WHERE outcome IS NULL;
