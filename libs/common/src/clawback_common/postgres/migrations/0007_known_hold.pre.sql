-- Legal holds that an owner of data knows. A request to remove something that omits one of these is refused, so a hold
-- protects also against who sends requests without it. Ended by two people, or withdrawn by the one who placed it.
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

-- Who lowered a retention floor, when and why; never changed.
CREATE TABLE floor_change (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    changed_at timestamptz NOT NULL,
    changed_by text        NOT NULL,
    reason     text        NOT NULL,
    former     timestamptz,
    floor      timestamptz NOT NULL
);
