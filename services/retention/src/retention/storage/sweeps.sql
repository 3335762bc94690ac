-- name: insert
INSERT INTO sweep (sweep_id, data_class, action, owners, before, dry_run, cause, requested_at, requested_by, attempt,
                   hold_ids, traceparent, sent_at, next_send_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $8, $13)

-- name: lock_existing
-- Every transaction that answers, closes or resends sweeps locks their rows first, in the order of the ids.
SELECT sweep_id, data_class, action, owners, before, dry_run, requested_at, requested_by, attempt, traceparent
FROM sweep
WHERE sweep_id = ANY ($1::uuid[])
ORDER BY sweep_id
FOR UPDATE

-- name: lock_due
SELECT sweep_id, data_class, action, owners, before, dry_run, requested_at, requested_by, attempt, traceparent
FROM sweep
WHERE state = 'requested' AND next_send_at <= $1
ORDER BY sweep_id
LIMIT $2
FOR UPDATE SKIP LOCKED

-- name: lock_open
-- The sweeps of a class that may still delete something.
SELECT sweep_id, data_class, action, owners, before, dry_run, requested_at, requested_by, attempt, traceparent
FROM sweep
WHERE state = 'requested' AND data_class = $1 AND action IN ('delete', 'archive') AND NOT dry_run
ORDER BY sweep_id
FOR UPDATE

-- name: save_sending
UPDATE sweep SET attempt = $2, hold_ids = $3, sent_at = $4, next_send_at = $5 WHERE sweep_id = $1

-- name: close_if_complete
-- A sweep is closed when each owner has answered. If a failed owner completes it later, the sweep becomes done.
WITH judged AS (
    SELECT s.sweep_id, CASE WHEN bool_and(a.outcome = 'completed') THEN 'done' ELSE 'attention' END AS state
    FROM sweep AS s
    JOIN sweep_answer AS a ON a.sweep_id = s.sweep_id AND a.owner = ANY (s.owners)
    WHERE s.sweep_id = ANY ($1::uuid[])
    GROUP BY s.sweep_id
    HAVING count(*) = cardinality(s.owners)
)
UPDATE sweep AS s
SET state = judged.state, closed_at = $2, next_send_at = NULL
FROM judged
WHERE s.sweep_id = judged.sweep_id AND s.state <> judged.state
RETURNING s.sweep_id, s.data_class, s.action, s.dry_run, s.state

-- name: last_done
-- When each class was last completely swept, by all of its owners.
SELECT c.data_class, last.closed_at
FROM unnest($1::text[]) AS c (data_class)
CROSS JOIN LATERAL (
    SELECT closed_at FROM sweep
    WHERE sweep.data_class = c.data_class AND state = 'done' AND NOT dry_run AND action IN ('delete', 'archive')
    ORDER BY closed_at DESC
    LIMIT 1
) AS last

-- name: failing
-- Each owner's latest answer on a class and an action, if it was a failure.
SELECT data_class, owner, action
FROM (
    SELECT DISTINCT ON (s.data_class, a.owner, s.action) s.data_class, a.owner, s.action, a.outcome
    FROM sweep AS s
    JOIN sweep_answer AS a USING (sweep_id)
    WHERE NOT s.dry_run AND s.requested_at > $1
    ORDER BY s.data_class, a.owner, s.action, s.requested_at DESC, s.sweep_id DESC
) AS latest
WHERE outcome = 'failed'
ORDER BY data_class, owner, action

-- name: unanswered
-- Owners with unanswered requests from before.
SELECT o.owner, count(*) AS sweeps, min(s.requested_at) AS since
FROM sweep AS s
CROSS JOIN LATERAL unnest(s.owners) AS o (owner)
WHERE s.state = 'requested' AND s.requested_at <= $1
  AND NOT EXISTS (SELECT FROM sweep_answer AS a WHERE a.sweep_id = s.sweep_id AND a.owner = o.owner)
GROUP BY o.owner
ORDER BY o.owner

-- name: one
SELECT sweep_id, data_class, action, owners, before, dry_run, cause, requested_at, requested_by, attempt, hold_ids,
       state, sent_at, next_send_at, closed_at
FROM sweep
WHERE sweep_id = $1

-- name: page
SELECT sweep_id, data_class, action, owners, before, dry_run, cause, requested_at, requested_by, attempt, hold_ids,
       state, sent_at, next_send_at, closed_at
FROM sweep
WHERE (requested_at, sweep_id) < ($1, $2)
  AND ($3::text IS NULL OR data_class = $3)
  AND ($4::text IS NULL OR state = $4)
ORDER BY requested_at DESC, sweep_id DESC
LIMIT $5

-- name: open_count
SELECT count(*) FROM sweep WHERE state = 'requested'
