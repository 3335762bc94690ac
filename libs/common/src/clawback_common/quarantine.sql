-- name: put
-- A repeated batch sets the same records aside again: the first time counts.
INSERT INTO quarantine (id, source, topic, partition, kafka_offset, event_id, subject, type, reason, detail,
                        record_key, value, headers, set_aside_at)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::int[], $5::bigint[], $6::text[], $7::text[],
                     $8::text[], $9::text[], $10::text[], $11::bytea[], $12::bytea[], $13::jsonb[],
                     $14::timestamptz[])
ON CONFLICT (id) DO NOTHING
RETURNING id

-- name: purge_subjects
-- What a takedown removes: the records that speak of these subjects. The reason and the place stay.
WITH gone AS (
    UPDATE quarantine SET value = NULL, record_key = NULL, headers = '{}', resolved_at = coalesce(resolved_at, $2),
           resolution = coalesce(resolution, 'removed')
    WHERE subject = ANY ($1::text[]) AND value IS NOT NULL
    RETURNING subject
)
SELECT DISTINCT subject FROM gone

-- name: purge_old
-- A record that names no subject cannot be found by a takedown, so its bytes go by age.
UPDATE quarantine SET value = NULL, record_key = NULL, headers = '{}', resolved_at = coalesce(resolved_at, $3),
       resolution = coalesce(resolution, 'expired')
WHERE id IN (
    SELECT id FROM quarantine
    WHERE value IS NOT NULL AND set_aside_at < CASE WHEN subject IS NULL THEN $1::timestamptz ELSE $2::timestamptz END
    LIMIT 1000
)

-- name: held
SELECT DISTINCT subject FROM quarantine WHERE subject = ANY ($1::text[]) AND value IS NOT NULL

-- name: page
SELECT id, source, topic, partition, kafka_offset, event_id, subject, type, reason, detail, set_aside_at,
       retries, resolved_at, resolution, value IS NOT NULL AS kept
FROM quarantine
WHERE (set_aside_at, id) < ($1, $2)
  AND ($3::text IS NULL OR type = $3) AND ($4::text IS NULL OR reason = $4)
  AND ($5::timestamptz IS NULL OR set_aside_at < $5) AND ($6::uuid[] IS NULL OR id = ANY ($6))
  AND ($7 OR resolved_at IS NULL)
ORDER BY set_aside_at DESC, id DESC
LIMIT $8

-- name: take
SELECT id, source, topic, partition, kafka_offset, record_key, value, headers
FROM quarantine
WHERE id = ANY ($1::uuid[]) AND resolved_at IS NULL AND value IS NOT NULL
ORDER BY set_aside_at, id
FOR UPDATE SKIP LOCKED

-- name: retried
UPDATE quarantine
SET retries = retries + 1,
    resolved_at = CASE WHEN $3::text IS NULL THEN NULL ELSE $2::timestamptz END,
    resolution = $3,
    value = CASE WHEN $3::text IS NULL THEN value END,
    reason = coalesce($4, reason), detail = coalesce($5, detail)
WHERE id = $1

-- name: depth
SELECT count(*) AS open, min(set_aside_at) AS oldest FROM quarantine WHERE resolved_at IS NULL
