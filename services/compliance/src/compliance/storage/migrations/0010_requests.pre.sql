-- Articles can be withheld: not shown and not removed, until a later order.
ALTER TABLE article DROP CONSTRAINT article_state_check,
    ADD CONSTRAINT article_state_check CHECK (state IN ('live', 'withheld', 'revoked'));
ALTER TABLE revocation DROP CONSTRAINT revocation_kind_check,
    ADD CONSTRAINT revocation_kind_check CHECK (kind IN ('revoked', 'reinstated', 'withheld'));
CREATE INDEX revocation_reinstated ON revocation (ordered_by, ordered_at) WHERE kind = 'reinstated';

-- Whose approval limit a notice used, and the request that it belongs to.
ALTER TABLE notice ADD COLUMN counted_for text, ADD COLUMN request_id uuid;
CREATE INDEX notice_counted ON notice (counted_for, received_at) WHERE counted_for IS NOT NULL;
CREATE INDEX notice_of_request ON notice (request_id, article_id) WHERE request_id IS NOT NULL;

-- Requests: what a second person decides on, and what is carried out in slices. "withheld" and "carried_out" say how
-- many of the articles, from the first on. What was confirmed before and not carried out to its end is carried out now.
ALTER TABLE notice_request
    ADD COLUMN kind           text        NOT NULL DEFAULT 'revoke'
                              CHECK (kind IN ('revoke', 'reinstate', 'remove_holder')),
    ADD COLUMN entry          text        NOT NULL DEFAULT 'http' CHECK (entry IN ('http', 'kafka')),
    ADD COLUMN holder         text,
    ADD COLUMN body_sha256    bytea,
    ADD COLUMN traceparent    text,
    ADD COLUMN needs_approval boolean     NOT NULL DEFAULT true,
    ADD COLUMN expires_at     timestamptz,
    ADD COLUMN refused_by     text,
    ADD COLUMN refused_at     timestamptz,
    ADD COLUMN decision_note  text,
    ADD COLUMN withheld       integer     NOT NULL DEFAULT 0,
    ADD COLUMN carried_out    integer     NOT NULL DEFAULT 0,
    ADD COLUMN executed_at    timestamptz,
    ADD CHECK (confirmed_at IS NULL OR refused_at IS NULL),
    ADD CHECK ((kind = 'remove_holder') = (holder IS NOT NULL));
UPDATE notice_request SET expires_at = made_at + interval '7 days';
ALTER TABLE notice_request ALTER COLUMN expires_at SET NOT NULL;
CREATE INDEX notice_request_made ON notice_request (made_at, request_id);
CREATE INDEX notice_request_unfinished ON notice_request (made_at, request_id) WHERE executed_at IS NULL;
