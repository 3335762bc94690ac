-- name: sent
-- Returns the number of failures before this success.
INSERT INTO channel AS c (name, last_sent_at, last_tried_at) VALUES ($1, $2, $2)
ON CONFLICT (name) DO UPDATE
SET last_sent_at = $2, last_tried_at = $2, failures = 0, failing_since = NULL, error = NULL
RETURNING coalesce(old.failures, 0) AS failures

-- name: failed
INSERT INTO channel AS c (name, last_tried_at, failures, failing_since, error) VALUES ($1, $2, 1, $2, $3)
ON CONFLICT (name) DO UPDATE
SET last_tried_at = $2, failures = c.failures + 1, failing_since = coalesce(c.failing_since, $2), error = $3
RETURNING failures

-- name: all
SELECT name, last_sent_at, last_tried_at, failures, failing_since, error FROM channel ORDER BY name

-- name: delete_others
-- Deletes channels that are no longer in the routes file.
DELETE FROM channel WHERE NOT name = ANY ($1::text[]) RETURNING name
