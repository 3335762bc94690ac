-- One row a condition, however often it is said. Occurrence 0: only its end was heard of so far.
CREATE TABLE alert (
    fingerprint     text        PRIMARY KEY,
    name            text        NOT NULL,
    service         text        NOT NULL,
    severity        text        NOT NULL CHECK (severity IN ('critical', 'warning', 'info')),
    summary         text        NOT NULL,
    labels          jsonb       NOT NULL,
    is_event        boolean     NOT NULL,
    status          text        NOT NULL CHECK (status IN ('firing', 'resolved')),
    occurrence      integer     NOT NULL,
    count           bigint      NOT NULL,
    first_at        timestamptz NOT NULL,
    last_at         timestamptz NOT NULL,
    resolved_at     timestamptz,
    resolved_by     text,
    acknowledged_at timestamptz,
    acknowledged_by text,
    CHECK (status = 'firing' OR resolved_at IS NOT NULL OR occurrence = 0)
) WITH (fillfactor = 80);
CREATE INDEX alert_firing ON alert (fingerprint) WHERE status = 'firing';
CREATE INDEX alert_newest ON alert (last_at, fingerprint) WHERE occurrence > 0;

CREATE TABLE silence (
    silence_id uuid        PRIMARY KEY,
    matchers   text[]      NOT NULL CHECK (cardinality(matchers) > 0),
    starts_at  timestamptz NOT NULL,
    ends_at    timestamptz NOT NULL,
    created_by text        NOT NULL,
    created_at timestamptz NOT NULL,
    comment    text        NOT NULL,
    ended_by   text,
    CHECK (ends_at >= starts_at)
);
CREATE INDEX silence_ends ON silence (ends_at);

-- When each group of alerts is told next: what joins it before then goes with it.
CREATE TABLE alert_group (
    group_key text        PRIMARY KEY,
    flush_at  timestamptz NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX alert_group_age ON alert_group (flush_at);

-- The outbox of channels: one row is one mail, one text message, one post. It names a recipient, and no address.
CREATE TABLE message (
    message_id   uuid        PRIMARY KEY,
    recipient    text        NOT NULL,
    channel      text        NOT NULL,
    severity     text        NOT NULL,
    rank         smallint    NOT NULL,
    due_at       timestamptz NOT NULL,
    next_try_at  timestamptz NOT NULL,
    leased_until timestamptz,
    attempts     integer     NOT NULL DEFAULT 0,
    sent_at      timestamptz,
    given_up_at  timestamptz,
    error        text
) WITH (fillfactor = 70);
CREATE INDEX message_waiting ON message (channel, rank, due_at) WHERE sent_at IS NULL AND given_up_at IS NULL;
CREATE INDEX message_age ON message (due_at);

-- Which alert a message tells, once for its state: this key is why nobody is told the same twice.
CREATE TABLE notification (
    fingerprint text        NOT NULL,
    occurrence  integer     NOT NULL,
    recipient   text        NOT NULL,
    channel     text        NOT NULL,
    what        text        NOT NULL CHECK (what IN ('raised', 'repeat', 'resolved')),
    number      integer     NOT NULL,
    message_id  uuid        NOT NULL REFERENCES message ON DELETE CASCADE,
    told        jsonb       NOT NULL,
    PRIMARY KEY (fingerprint, occurrence, recipient, channel, what, number)
);
CREATE INDEX notification_message ON notification (message_id);

CREATE TABLE channel (
    name          text        PRIMARY KEY,
    last_sent_at  timestamptz,
    last_tried_at timestamptz,
    failures      integer     NOT NULL DEFAULT 0,
    failing_since timestamptz,
    error         text
);

-- Who agreed to be notified, where, when, and who recorded it: every change of the routes file that concerns it.
CREATE TABLE consent (
    id           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    recipient    text        NOT NULL,
    channel      text        NOT NULL,
    address      text        NOT NULL,
    consented_at date        NOT NULL,
    consented_by text        NOT NULL,
    withdrawn_at date,
    recorded_at  timestamptz NOT NULL
);
CREATE INDEX consent_recipient ON consent (recipient, channel, id);

-- Since when we watch, and the last compliance run that we heard of.
CREATE TABLE watch (
    only_row         boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
    started_at       timestamptz NOT NULL,
    run_completed_at timestamptz
);
