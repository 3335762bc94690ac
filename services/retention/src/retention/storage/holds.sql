-- name: lock
-- Sending a request reads the holds, and placing a hold reads the open requests: without this lock, two concurrent --
-- transactions would not see each other.
SELECT pg_advisory_xact_lock($1)

-- name: insert
INSERT INTO hold (hold_id, data_class, article_ids, dated_from, dated_until, reason, state, placed_by, placed_at)
VALUES ($1, $2, $3, $4, $5, $6, 'placed', $7, $8)

-- name: insert_change
INSERT INTO hold_change (hold_id, changed_at, changed_by, change, note) VALUES ($1, $2, $3, $4, $5)

-- name: in_force
SELECT hold_id, data_class, article_ids, dated_from, dated_until, state, placed_by, confirmed_by, lift_requested_by
FROM hold
WHERE data_class = ANY ($1::text[]) AND state IN ('placed', 'confirmed', 'lifting')
ORDER BY data_class, hold_id

-- name: latest_ended
-- The latest holds of a class that are no longer in force, and who ended each.
SELECT h.data_class, h.hold_id, h.state, h.placed_by, h.lift_requested_by, h.ended_by, h.ended_at
FROM unnest($1::text[]) AS c (data_class)
CROSS JOIN LATERAL (
    SELECT * FROM hold
    WHERE hold.data_class = c.data_class AND ended_at IS NOT NULL
    ORDER BY ended_at DESC, hold_id
    LIMIT $2
) AS h

-- name: existing
SELECT hold_id FROM hold WHERE hold_id = ANY ($1::uuid[])

-- name: lock_existing
SELECT hold_id, data_class, article_ids, dated_from, dated_until, state, placed_by, confirmed_by, lift_requested_by
FROM hold
WHERE hold_id = $1
FOR UPDATE

-- name: confirmed
UPDATE hold SET state = 'confirmed', confirmed_by = $2, confirmed_at = $3 WHERE hold_id = $1

-- name: lifting
UPDATE hold SET state = 'lifting', lift_requested_by = $2, lift_requested_at = $3, lift_reason = $4 WHERE hold_id = $1

-- name: kept
UPDATE hold SET state = $2, lift_requested_by = NULL, lift_requested_at = NULL, lift_reason = NULL WHERE hold_id = $1

-- name: ended
UPDATE hold SET state = $2, ended_by = $3, ended_at = $4 WHERE hold_id = $1

-- name: one
SELECT hold_id, data_class, article_ids, cardinality(article_ids) AS articles, dated_from, dated_until, reason, state,
       placed_by, placed_at, confirmed_by, confirmed_at, lift_requested_by, lift_requested_at, lift_reason, ended_by, ended_at
FROM hold
WHERE hold_id = $1

-- name: changes
SELECT changed_at, changed_by, change, note FROM hold_change WHERE hold_id = $1 ORDER BY id

-- name: page
-- Without the ids, because a hold may name thousands.
SELECT hold_id, data_class, cardinality(article_ids) AS articles, dated_from, dated_until, reason, state, placed_by,
       placed_at, confirmed_by, confirmed_at, lift_requested_by, lift_requested_at, lift_reason, ended_by, ended_at
FROM hold
WHERE (placed_at, hold_id) < ($1, $2)
  AND ($3::text IS NULL OR data_class = $3)
  AND ($4 OR state IN ('placed', 'confirmed', 'lifting'))
ORDER BY placed_at DESC, hold_id DESC
LIMIT $5

-- name: counts
SELECT data_class, count(*) AS holds
FROM hold
WHERE state IN ('placed', 'confirmed', 'lifting')
GROUP BY data_class
