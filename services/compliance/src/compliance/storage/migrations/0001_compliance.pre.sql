-- article: the current state of each article and the number of its last order. This row is locked to assign the next
-- number. "withheld": neither shown nor removed, until a later order.
-- order_no: a time in milliseconds, so that a restored database never assigns a number again.
CREATE TABLE article (
    article_id    text        PRIMARY KEY,
    order_no      bigint      NOT NULL,
    state         text        NOT NULL CHECK (state IN ('live', 'withheld', 'revoked')),
    revocation_id uuid,
    updated_at    timestamptz NOT NULL
) WITH (fillfactor = 80);

-- revocation: every order ever issued, of all kinds. seq is the position in the feed that consumers read after an
-- absence. previous_order is the number of the order before it on the same article.
CREATE TABLE revocation (
    revocation_id    uuid        PRIMARY KEY,
    seq              bigint      GENERATED ALWAYS AS IDENTITY UNIQUE,
    article_id       text        NOT NULL REFERENCES article,
    order_no         bigint      NOT NULL CHECK (order_no > 0),
    kind             text        NOT NULL CHECK (kind IN ('revoked', 'reinstated', 'withheld')),
    reason           text        NOT NULL,
    reinstates            uuid        REFERENCES revocation,
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
    resend_from   timestamptz NOT NULL,
    next_send_at     timestamptz,
    closed_at        timestamptz,
    traceparent      text,
    previous_order   bigint,
    UNIQUE (article_id, order_no),
    CHECK ((kind = 'reinstated') = (reinstates IS NOT NULL))
) WITH (fillfactor = 80);
CREATE INDEX revocation_open ON revocation (next_send_at) WHERE closed_at IS NULL;
CREATE INDEX revocation_closed ON revocation (closed_at) WHERE closed_at IS NOT NULL;
CREATE INDEX revocation_reinstates ON revocation (reinstates) WHERE reinstates IS NOT NULL;
CREATE INDEX revocation_ordered ON revocation (ordered_at);
CREATE INDEX revocation_reinstated ON revocation (ordered_by, ordered_at) WHERE kind = 'reinstated';
CREATE INDEX revocation_withheld ON revocation (seq) WHERE kind = 'withheld';
CREATE INDEX revocation_backlog ON revocation (seq) WHERE backlog;

-- notice: who submitted which revocation notice, when, and the order that it led to. A notice is identified by its
-- id and its article: an id alone could be taken by whoever sends it first.
-- counted_for: the subject or feed whose approval limit the notice used.
CREATE TABLE notice (
    notice_id     uuid        NOT NULL,
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
    note          text,
    counted_for   text,
    request_id    uuid,
    PRIMARY KEY (notice_id, article_id)
);
CREATE INDEX notice_article ON notice (article_id, received_at);
CREATE INDEX notice_revocation ON notice (revocation_id);
CREATE INDEX notice_counted ON notice (counted_for, received_at) WHERE counted_for IS NOT NULL;
CREATE INDEX notice_of_request ON notice (request_id, article_id) WHERE request_id IS NOT NULL;

-- poll_notice: which poll delivered which notices. It is a table of its own because a later poll may deliver the same
-- notice again.
CREATE TABLE poll_notice (
    poll_id    uuid NOT NULL,
    notice_id  uuid NOT NULL,
    article_id text NOT NULL,
    PRIMARY KEY (poll_id, notice_id, article_id)
);
CREATE INDEX poll_notice_notice ON poll_notice (notice_id);

-- notice_request: requests that a second person decides on, and that are carried out in batches.
-- withheld, executed: how many of article_ids, counted from the first, are withheld and done.
CREATE TABLE notice_request (
    request_id     uuid        PRIMARY KEY,
    article_ids    text[]      NOT NULL,
    reason         text        NOT NULL,
    revoked_at     timestamptz,
    note           text,
    made_by        text        NOT NULL,
    made_at        timestamptz NOT NULL,
    confirmed_by   text,
    confirmed_at   timestamptz,
    kind           text        NOT NULL DEFAULT 'revoke'
                   CHECK (kind IN ('revoke', 'reinstate', 'remove_holder')),
    entry          text        NOT NULL DEFAULT 'http' CHECK (entry IN ('http', 'kafka')),
    holder         text,
    body_sha256    bytea,
    traceparent    text,
    needs_approval boolean     NOT NULL DEFAULT true,
    expires_at     timestamptz NOT NULL,
    refused_by     text,
    refused_at     timestamptz,
    decision_note  text,
    withheld       integer     NOT NULL DEFAULT 0,
    executed    integer     NOT NULL DEFAULT 0,
    executed_at    timestamptz,
    CHECK (confirmed_at IS NULL OR refused_at IS NULL),
    CHECK ((kind = 'remove_holder') = (holder IS NOT NULL))
);
CREATE INDEX notice_request_made ON notice_request (made_at, request_id);
CREATE INDEX notice_request_unfinished ON notice_request (made_at, request_id) WHERE executed_at IS NULL;

-- holder: everybody who holds copies of articles and must remove them.
-- content_retention_h: hours after which an expiry holder has deleted its copies by age. It is bounded because every order
-- computes a time from it: a value out of range would make every takedown fail.
-- signing_keys: the public keys that the holder signs its receipts with, by the key id that a signature names.
CREATE TABLE holder (
    name            text        PRIMARY KEY,
    kind            text        NOT NULL CHECK (kind IN ('store', 'consumer', 'expiry')),
    consumer_group  text,
    purpose         text        NOT NULL,
    filter          jsonb       NOT NULL DEFAULT '{}',
    copy_kinds      text[]      NOT NULL CHECK (cardinality(copy_kinds) > 0),
    holdings_url    text,
    contact         text,
    content_retention_h double precision CHECK (content_retention_h > 0)
                    CONSTRAINT holder_forgets_after_h_max CHECK (content_retention_h <= 87600),
    status          text        NOT NULL CHECK (status IN ('active', 'left')),
    registered_at   timestamptz NOT NULL,
    registered_by   text        NOT NULL,
    left_at         timestamptz,
    signing_keys    jsonb       NOT NULL DEFAULT '{}',
    CHECK (kind <> 'expiry' OR content_retention_h IS NOT NULL)
);
CREATE UNIQUE INDEX holder_group ON holder (consumer_group) WHERE status = 'active';

-- holder_change: who changed the registration of a holder, when, and what it was after the change.
CREATE TABLE holder_change (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text        NOT NULL,
    changed_at timestamptz NOT NULL,
    changed_by text        NOT NULL,
    change     text        NOT NULL,
    now        jsonb       NOT NULL
);
CREATE INDEX holder_change_name ON holder_change (name, id);

-- obligation: what one holder owes for one order. There is no state for giving up: an obligation is overdue when due_at
-- has passed.
-- resend_at: a holder that still held what it had reported removed is sent the order again from this time on, not
-- before.
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
    check_at       timestamptz,
    closes_at     timestamptz,
    evidence      jsonb,
    updated_at    timestamptz NOT NULL,
    resend_at     timestamptz,
    PRIMARY KEY (revocation_id, holder)
) WITH (fillfactor = 70);
CREATE INDEX obligation_due ON obligation (due_at, revocation_id, holder)
    WHERE state IN ('open', 'notified', 'removed') AND kind <> 'expiry';
CREATE INDEX obligation_removed ON obligation (holder, check_at) WHERE state = 'removed';
CREATE INDEX obligation_expiry ON obligation (closes_at) WHERE kind = 'expiry' AND state IN ('open', 'notified');
CREATE INDEX obligation_expired ON obligation (revocation_id) WHERE kind = 'expiry' AND state = 'verified';
CREATE INDEX obligation_superseded ON obligation (revocation_id) WHERE state = 'superseded';
CREATE INDEX obligation_open ON obligation (revocation_id) WHERE state = 'open' AND kind <> 'expiry';
-- What a holder owes, the most urgent first.
CREATE INDEX obligation_by_holder ON obligation (holder, due_at, revocation_id)
    WHERE state IN ('open', 'notified', 'removed');
-- What a holder still held although it had reported it removed.
CREATE INDEX obligation_reopened ON obligation (holder)
    WHERE reopened > 0 AND state IN ('open', 'notified', 'removed');

-- receipt: every answer of a holder, also one that fits no order, with its effect on the obligation (meaning).
-- A receipt is identified by what it answers, who answers and what it says, not by receipt_id: the sender chooses that,
-- and a guessed id must not keep the real receipt out of the record. Every different answer is recorded, also under an
-- attempt or a receipt id that was used before: otherwise an answer could close an obligation and be in no record.
-- authenticated: false for a receipt that its holder has not signed. It is recorded next to the holder's own, and never
-- replaces it.
CREATE TABLE receipt (
    receipt_id    uuid        NOT NULL,
    article_id    text        NOT NULL,
    order_no      bigint      NOT NULL,
    holder        text        NOT NULL,
    attempt       integer     NOT NULL,
    removals      jsonb       NOT NULL,
    answered_at   timestamptz NOT NULL,
    received_at   timestamptz NOT NULL,
    received_via       text        NOT NULL,
    meaning       text        NOT NULL,
    id            bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    authenticated boolean     NOT NULL DEFAULT true,
    answer_sha256 bytea       NOT NULL DEFAULT '',
    UNIQUE (article_id, order_no, holder, attempt, authenticated, answer_sha256)
);
CREATE INDEX receipt_age ON receipt (received_at);
-- Receipts that answer nothing are recorded up to a bound, which is counted here.
CREATE INDEX receipt_stray ON receipt (received_at)
    WHERE meaning IN ('unknown_order', 'not_obliged', 'unauthenticated');

-- control_missing: control articles that a store reports as gone although it must hold them, and since when. At most a
-- few per store.
CREATE TABLE control_missing (
    store         text        NOT NULL,
    article_id    text        NOT NULL,
    missing_since timestamptz NOT NULL,
    PRIMARY KEY (store, article_id)
);

-- run: every compliance run. The counts are of what its own polls delivered; open_in_all counts everything that was
-- open when it ended.
CREATE TABLE run (
    run_id      uuid        PRIMARY KEY,
    cause       text        NOT NULL,
    requested_by    text        NOT NULL,
    requested_at    timestamptz NOT NULL,
    state       text        NOT NULL CHECK (state IN ('requested', 'running', 'completed', 'failed')),
    outcome     text,
    started_at  timestamptz,
    ended_at    timestamptz,
    polls       jsonb       NOT NULL DEFAULT '[]',
    noticed     integer,
    closed      integer,
    open        integer,
    overdue     integer,
    mock        boolean     NOT NULL,
    error       text,
    open_in_all integer
);
CREATE INDEX run_by_request ON run (requested_at, run_id);
CREATE INDEX run_requested ON run (requested_at, run_id) WHERE state = 'requested';
CREATE INDEX run_running ON run (run_id) WHERE state = 'running';
CREATE INDEX run_completed ON run (ended_at) WHERE state = 'completed';
CREATE INDEX run_ended ON run (ended_at DESC) WHERE state IN ('completed', 'failed');
