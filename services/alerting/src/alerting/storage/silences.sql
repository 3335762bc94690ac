-- name: insert
INSERT INTO silence (silence_id, matchers, starts_at, ends_at, created_by, created_at, comment)
VALUES ($1, $2, $3, $4, $5, $6, $7)
RETURNING silence_id, matchers, starts_at, ends_at, created_by, created_at, comment

-- name: count
SELECT count(*) FROM silence WHERE ends_at > $1

-- name: active
SELECT silence_id, matchers FROM silence WHERE starts_at <= $1 AND ends_at > $1

-- name: end
-- The end time is set and the row is kept, so that it stays known who muted what.
UPDATE silence SET ends_at = greatest(starts_at, $2), ended_by = $3
WHERE silence_id = $1 AND ends_at > $2
RETURNING silence_id, matchers, starts_at, ends_at, created_by, created_at, comment, ended_by

-- name: page
SELECT silence_id, matchers, starts_at, ends_at, created_by, created_at, comment, ended_by
FROM silence
WHERE ($1 OR ends_at > $2) AND (created_at, silence_id) < ($3, $4)
ORDER BY created_at DESC, silence_id DESC
LIMIT $5
