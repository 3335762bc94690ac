-- alert: one row per alert, however often it was raised. Occurrence 0: only its resolution was received so far.
-- listed: its service lists this alert while it fires; when it is no longer listed, it has ended.
-- acknowledged_note: why the person who acknowledged it wants no more reminders.
CREATE TABLE alert (
    fingerprint       text        PRIMARY KEY,
    name              text        NOT NULL,
    service           text        NOT NULL,
    severity          text        NOT NULL CHECK (severity IN ('critical', 'warning', 'info')),
    summary           text        NOT NULL,
    labels            jsonb       NOT NULL,
    is_event          boolean     NOT NULL,
    status            text        NOT NULL CHECK (status IN ('firing', 'resolved')),
    occurrence        integer     NOT NULL,
    count             bigint      NOT NULL,
    first_at          timestamptz NOT NULL,
    last_at           timestamptz NOT NULL,
    resolved_at       timestamptz,
    resolved_by       text,
    acknowledged_at   timestamptz,
    acknowledged_by   text,
    acknowledged_note text,
    listed            boolean     NOT NULL DEFAULT false,
    CHECK (status = 'firing' OR resolved_at IS NOT NULL OR occurrence = 0)
) WITH (fillfactor = 80);
CREATE INDEX alert_firing ON alert (fingerprint) WHERE status = 'firing';
CREATE INDEX alert_newest ON alert (last_at, fingerprint) WHERE occurrence > 0;

-- silence: alerts that match are not notified during this time. An ended silence is kept: who muted what stays known.
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

-- alert_group: when each group of alerts is notified next. Alerts that join the group before then are in the same
-- message.
CREATE TABLE alert_group (
    group_key text        PRIMARY KEY,
    flush_at  timestamptz NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX alert_group_age ON alert_group (flush_at);

-- message: the outbox of the channels. One row is one email, one text message or one post. It names a recipient and
-- contains no address.
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

-- notification: which alerts a message reports. The primary key guarantees that nobody is notified twice of the same
-- state of an alert.
CREATE TABLE notification (
    fingerprint text        NOT NULL,
    occurrence  integer     NOT NULL,
    recipient   text        NOT NULL,
    channel     text        NOT NULL,
    what        text        NOT NULL CHECK (what IN ('raised', 'repeat', 'resolved')),
    number      integer     NOT NULL,
    message_id  uuid        NOT NULL REFERENCES message ON DELETE CASCADE,
    alert        jsonb       NOT NULL,
    PRIMARY KEY (fingerprint, occurrence, recipient, channel, what, number)
);
CREATE INDEX notification_message ON notification (message_id);

-- notification_budget: the number of notifications per source of alerts and hour, so that no source floods the
-- recipients.
CREATE TABLE notification_budget (
    source           text        NOT NULL,
    hour             timestamptz NOT NULL,
    used             integer     NOT NULL,
    first_refused_at timestamptz,
    summarised_at    timestamptz,
    PRIMARY KEY (source, hour)
) WITH (fillfactor = 70);
CREATE INDEX notification_budget_unsummarised ON notification_budget (first_refused_at)
    WHERE first_refused_at IS NOT NULL AND summarised_at IS NULL;

-- channel: the last success and the current failures of each channel.
CREATE TABLE channel (
    name          text        PRIMARY KEY,
    last_sent_at  timestamptz,
    last_tried_at timestamptz,
    failures      integer     NOT NULL DEFAULT 0,
    failing_since timestamptz,
    error         text
);

-- consent: who agreed to be notified, at which address, when, and who recorded it. Every change of the routes file that
-- affects a consent adds a row.
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

-- run_watch: when monitoring first started, and the last completed compliance run that was reported.
CREATE TABLE run_watch (
    only_row         boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
    started_at       timestamptz NOT NULL,
    run_completed_at timestamptz
);
