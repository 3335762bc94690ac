-- name: take
-- Gives the ids that this consumer has not seen before.
INSERT INTO inbox (consumer, event_id, received_at)
SELECT $1, e.event_id, $3 FROM unnest($2::text[]) AS e (event_id) ORDER BY e.event_id
ON CONFLICT DO NOTHING
RETURNING event_id

-- name: purge
DELETE FROM inbox
WHERE (consumer, event_id) IN (SELECT consumer, event_id FROM inbox WHERE received_at < $1 LIMIT $2)
