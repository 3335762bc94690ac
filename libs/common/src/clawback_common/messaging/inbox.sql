-- name: take
-- Returns the events that this consumer has not processed before.
INSERT INTO inbox (consumer, source, event_id, received_at)
SELECT $1, e.source, e.event_id, $4 FROM unnest($2::text[], $3::text[]) AS e (source, event_id)
ORDER BY e.source, e.event_id
ON CONFLICT DO NOTHING
RETURNING source, event_id
