-- name: insert
-- The raw body is stored before the response. A repeated webhook changes nothing.
INSERT INTO delivery (provider, webhook_id, body_sha256, body, answer, traceparent, received_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (provider, webhook_id) DO NOTHING
RETURNING webhook_id

-- name: known
SELECT body_sha256, answer FROM delivery WHERE provider = $1 AND webhook_id = $2

-- name: waiting
SELECT provider, webhook_id, body, traceparent, received_at
FROM delivery WHERE processed_at IS NULL ORDER BY received_at LIMIT $1

-- name: backlog
SELECT count(*) AS waiting, min(received_at) AS oldest_at FROM delivery WHERE processed_at IS NULL

-- name: processed
UPDATE delivery SET processed_at = $3, body = NULL WHERE provider = $1 AND webhook_id = $2

-- name: answered
SELECT body_sha256, answer FROM submission WHERE caller = $1 AND idempotency_key = $2

-- name: answer
INSERT INTO submission (caller, idempotency_key, body_sha256, answer, received_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING
