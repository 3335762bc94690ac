-- The authoritative number of the last order on each article; a row here is what an order is taken from.
CREATE TABLE article (
    article_id    text        PRIMARY KEY,
    order_no      integer     NOT NULL,
    state         text        NOT NULL CHECK (state IN ('live', 'revoked')),
    revocation_id uuid,
    updated_at    timestamptz NOT NULL
) WITH (fillfactor = 80);

-- Every order ever given, of both kinds. "seq" is the position in the feed that consumers read after an absence.
CREATE TABLE revocation (
    revocation_id    uuid        PRIMARY KEY,
    seq              bigint      GENERATED ALWAYS AS IDENTITY UNIQUE,
    article_id       text        NOT NULL REFERENCES article,
    order_no         integer     NOT NULL CHECK (order_no > 0),
    kind             text        NOT NULL CHECK (kind IN ('revoked', 'reinstated')),
    reason           text        NOT NULL,
    lifts            uuid        REFERENCES revocation,
    clock_started_at timestamptz NOT NULL,
    due_at           timestamptz NOT NULL,
    revoked_at       timestamptz,
    ordered_at       timestamptz NOT NULL,
    ordered_by       text        NOT NULL,
    lifted_at        timestamptz,
    lifted_by        text,
    backlog          boolean     NOT NULL DEFAULT false,
    attempts         integer     NOT NULL DEFAULT 1,
    sent_event_id    uuid,
    pressing_since   timestamptz NOT NULL,
    next_send_at     timestamptz,
    closed_at        timestamptz,
    traceparent      text,
    UNIQUE (article_id, order_no),
    CHECK ((kind = 'reinstated') = (lifts IS NOT NULL))
) WITH (fillfactor = 80);
CREATE INDEX revocation_open ON revocation (next_send_at) WHERE closed_at IS NULL;

-- Who said so, and when: each notice once, with the order that it got for ever.
CREATE TABLE notice (
    notice_id     uuid        PRIMARY KEY,
    article_id    text        NOT NULL,
    reason        text        NOT NULL,
    noticed_by    text        NOT NULL,
    noticed_at    timestamptz NOT NULL,
    revoked_at    timestamptz,
    earliest_at   timestamptz,
    poll_id       uuid,
    received_at   timestamptz NOT NULL,
    revocation_id uuid        NOT NULL REFERENCES revocation,
    backlog       boolean     NOT NULL,
    note          text
);
CREATE INDEX notice_article ON notice (article_id, received_at);
CREATE INDEX notice_revocation ON notice (revocation_id);

-- A later poll may bring a notice again, so which poll brought which notice stands apart.
CREATE TABLE poll_notice (
    poll_id   uuid NOT NULL,
    notice_id uuid NOT NULL,
    PRIMARY KEY (poll_id, notice_id)
);

CREATE TABLE holder (
    name            text        PRIMARY KEY,
    kind            text        NOT NULL CHECK (kind IN ('store', 'consumer', 'expiry')),
    consumer_group  text,
    purpose         text        NOT NULL,
    filter          jsonb       NOT NULL DEFAULT '{}',
    copy_kinds      text[]      NOT NULL CHECK (cardinality(copy_kinds) > 0),
    holdings_url    text,
    contact         text,
    forgets_after_h double precision CHECK (forgets_after_h > 0),
    status          text        NOT NULL CHECK (status IN ('active', 'left')),
    registered_at   timestamptz NOT NULL,
    registered_by   text        NOT NULL,
    left_at         timestamptz,
    CHECK (kind <> 'expiry' OR forgets_after_h IS NOT NULL)
);
CREATE UNIQUE INDEX holder_group ON holder (consumer_group) WHERE status = 'active';

CREATE TABLE holder_change (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text        NOT NULL,
    changed_at timestamptz NOT NULL,
    changed_by text        NOT NULL,
    change     text        NOT NULL,
    now        jsonb       NOT NULL
);
CREATE INDEX holder_change_name ON holder_change (name, id);

-- One order, one holder. No state means "given up"; overdue is a fact about time.
CREATE TABLE obligation (
    revocation_id uuid        NOT NULL REFERENCES revocation,
    holder        text        NOT NULL REFERENCES holder,
    kind          text        NOT NULL,
    copy_kinds    text[]      NOT NULL,
    answers       jsonb       NOT NULL DEFAULT '{}',
    due_at        timestamptz NOT NULL,
    state         text        NOT NULL DEFAULT 'open'
                  CHECK (state IN ('open', 'notified', 'removed', 'verified', 'superseded')),
    attempts      integer     NOT NULL DEFAULT 0,
    opened_at     timestamptz NOT NULL,
    notified_at   timestamptz,
    removed_at    timestamptz,
    verified_at   timestamptz,
    superseded_at timestamptz,
    reopened      integer     NOT NULL DEFAULT 0,
    look_at       timestamptz,
    closes_at     timestamptz,
    evidence      jsonb,
    updated_at    timestamptz NOT NULL,
    PRIMARY KEY (revocation_id, holder)
) WITH (fillfactor = 70);
CREATE INDEX obligation_due ON obligation (due_at, revocation_id, holder)
    WHERE state IN ('open', 'notified', 'removed') AND kind <> 'expiry';
CREATE INDEX obligation_removed ON obligation (holder, look_at) WHERE state = 'removed';
CREATE INDEX obligation_expiry ON obligation (closes_at)
    WHERE kind = 'expiry' AND state IN ('open', 'notified');
CREATE INDEX obligation_unclosed_holder ON obligation (holder) WHERE state IN ('open', 'notified', 'removed');

-- Each answer once, also one that fits no order: what it meant for the obligation stands beside it.
CREATE TABLE receipt (
    receipt_id  uuid        PRIMARY KEY,
    article_id  text        NOT NULL,
    order_no    integer     NOT NULL,
    holder      text        NOT NULL,
    attempt     integer     NOT NULL,
    removals    jsonb       NOT NULL,
    answered_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    came_by     text        NOT NULL,
    meaning     text        NOT NULL
);
CREATE INDEX receipt_order ON receipt (article_id, order_no);

CREATE TABLE run (
    run_id       uuid        PRIMARY KEY,
    cause        text        NOT NULL,
    asked_by     text        NOT NULL,
    asked_at     timestamptz NOT NULL,
    state        text        NOT NULL CHECK (state IN ('requested', 'running', 'completed', 'failed')),
    outcome      text,
    started_at   timestamptz,
    ended_at     timestamptz,
    polls        jsonb       NOT NULL DEFAULT '[]',
    noticed      integer,
    closed       integer,
    open         integer,
    overdue      integer,
    mock         boolean     NOT NULL,
    error        text
);
CREATE INDEX run_asked ON run (asked_at, run_id);
CREATE INDEX run_completed ON run (ended_at) WHERE state = 'completed';

-- Notices on many ids wait here until a second person has confirmed them.
CREATE TABLE notice_request (
    request_id   uuid        PRIMARY KEY,
    article_ids  text[]      NOT NULL,
    reason       text        NOT NULL,
    revoked_at   timestamptz,
    note         text,
    made_by      text        NOT NULL,
    made_at      timestamptz NOT NULL,
    confirmed_by text,
    confirmed_at timestamptz
);

-- Conditions that were found to hold: when each was said last, so that it is repeated, and taken back once.
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

-- Since when we watch: a check that never ran is judged from here.
CREATE TABLE beginning (
    only_row   boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
    started_at timestamptz NOT NULL
);

-- When the worker was last seen at work, for a run in another process to tell.
CREATE TABLE heartbeat (
    role    text        PRIMARY KEY,
    seen_at timestamptz NOT NULL
);
