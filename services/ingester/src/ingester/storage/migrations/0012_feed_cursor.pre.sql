-- A cursor belongs to the provider's address and our key there, of which only a mark is kept. Null: it is not known yet.
ALTER TABLE feed
    ADD COLUMN endpoint text,
    ADD COLUMN key_mark text;

-- Cursors that were set other than by a page: by a person, or because they were another provider's.
CREATE TABLE feed_cursor_change (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    feed       text        NOT NULL,
    changed_at timestamptz NOT NULL,
    changed_by text        NOT NULL,
    reason     text        NOT NULL,
    former     text,
    cursor     text,
    gap        text
);

-- What a feed listed and never delivered. It is reported while its incident is open.
CREATE TABLE feed_gap (
    incident_id uuid        PRIMARY KEY,
    feed        text        NOT NULL,
    gap_from    timestamptz,
    gap_until   timestamptz NOT NULL
);
