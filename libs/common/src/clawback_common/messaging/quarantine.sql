-- name: lock_subjects
-- Serializes transactions that quarantine a record about an id and those that purge that id: an id without a row cannot
-- be locked otherwise. Sorted, so that two of them cannot deadlock.
SELECT pg_advisory_xact_lock(20987, s.number)
FROM (SELECT DISTINCT hashtext(id) AS number FROM unnest($1::text[]) AS i (id) ORDER BY 1) AS s

-- name: put
-- A redelivered batch quarantines the same records again: the first row stays.
INSERT INTO quarantine (id, source, topic, partition, kafka_offset, event_id, subjects, type, reason, detail,
                        record_key, value, headers, set_aside_at, purge_at, resolved_at, resolution, arrived_at,
                        sender)
SELECT b.id, b.source, b.topic, b.partition, b.kafka_offset, b.event_id,
       ARRAY(SELECT jsonb_array_elements_text(b.subjects)), b.type, b.reason, b.detail, b.record_key, b.value, b.headers,
       $14::timestamptz, b.purge_at, CASE WHEN b.resolution IS NOT NULL THEN $14::timestamptz END, b.resolution,
       coalesce(b.arrived_at, $14::timestamptz), b.sender
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::int[], $5::bigint[], $6::text[], $7::jsonb[], $8::text[],
            $9::text[], $10::text[], $11::bytea[], $12::bytea[], $13::jsonb[], $15::timestamptz[], $16::text[],
            $17::timestamptz[], $18::text[])
     AS b (id, source, topic, partition, kafka_offset, event_id, subjects, type, reason, detail, record_key, value,
           headers, purge_at, resolution, arrived_at, sender)
ON CONFLICT (id) DO NOTHING
RETURNING id

-- name: purge_subjects
-- A takedown deletes the bytes of the records that may be about these ids. Reason and position stay.
WITH purged AS (
    UPDATE quarantine SET value = NULL, record_key = NULL, headers = '{}', purge_at = NULL,
           resolved_at = coalesce(resolved_at, $2), resolution = coalesce(resolution, 'removed')
    WHERE subjects && $1::text[] AND purge_at IS NOT NULL
    RETURNING subjects
)
SELECT DISTINCT s.subject FROM purged CROSS JOIN unnest(purged.subjects) AS s (subject) WHERE s.subject = ANY ($1::text[])

-- name: purge_old
-- A slice of the expired bytes. By ctid, so that no plan reads the whole table.
UPDATE quarantine SET value = NULL, record_key = NULL, headers = '{}', purge_at = NULL,
       resolved_at = coalesce(resolved_at, $1::timestamptz), resolution = coalesce(resolution, 'expired')
WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM quarantine WHERE purge_at <= $1::timestamptz ORDER BY purge_at LIMIT $2 FOR UPDATE SKIP LOCKED
))

-- name: held
SELECT DISTINCT s.subject
FROM quarantine AS q CROSS JOIN unnest(q.subjects) AS s (subject)
WHERE q.subjects && $1::text[] AND q.purge_at IS NOT NULL AND s.subject = ANY ($1::text[])

-- name: page
SELECT id, source, topic, partition, kafka_offset, event_id, subjects, type, reason, detail, set_aside_at,
       retries, resolved_at, resolution, value IS NOT NULL AS kept
FROM quarantine
WHERE (set_aside_at, id) < ($1, $2)
  AND ($3::text IS NULL OR type = $3) AND ($4::text IS NULL OR reason = $4)
  AND ($5::timestamptz IS NULL OR set_aside_at < $5) AND ($6::uuid[] IS NULL OR id = ANY ($6))
  AND ($7 OR resolved_at IS NULL)
ORDER BY set_aside_at DESC, id DESC
LIMIT $8

-- name: of_event
-- Facts about records with this event id, newest first. Usually few have the same id, but senders choose the ids.
SELECT topic, sender, subjects, reason, detail, coalesce(arrived_at, set_aside_at) AS arrived_at
FROM quarantine
WHERE event_id = $1
ORDER BY set_aside_at DESC
LIMIT 20

-- name: take
SELECT id, source, topic, partition, kafka_offset, record_key, value, headers,
       coalesce(arrived_at, set_aside_at) AS arrived_at
FROM quarantine
WHERE id = ANY ($1::uuid[]) AND resolved_at IS NULL AND value IS NOT NULL
ORDER BY set_aside_at, id
FOR UPDATE SKIP LOCKED

-- name: retried
-- A record that a takedown has resolved meanwhile stays unchanged.
UPDATE quarantine
SET retries = retries + 1,
    resolved_at = CASE WHEN $3::text IS NOT NULL THEN $2::timestamptz END,
    resolution = $3,
    value = CASE WHEN $3::text IS NULL THEN value END,
    record_key = CASE WHEN $3::text IS NULL THEN record_key END,
    headers = CASE WHEN $3::text IS NULL THEN headers ELSE '{}' END,
    purge_at = CASE WHEN $3::text IS NULL THEN purge_at END,
    reason = coalesce($4, reason), detail = coalesce($5, detail)
WHERE id = $1 AND resolved_at IS NULL

-- name: depth
SELECT count(*) AS open, min(set_aside_at) AS oldest FROM quarantine WHERE resolved_at IS NULL
