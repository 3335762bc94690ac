-- name: note
-- A repeated request replaces the stored one, including its holds. A failed sweep starts again when it is requested
-- again; a completed one stays completed, and the caller sends its answer again.
INSERT INTO sweep_task AS t (sweep_id, data_class, action, request, attempt, traceparent, noted_at, next_at)
SELECT r.sweep_id, r.data_class, r.action, r.request, r.attempt, r.traceparent, $7, $7
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::int[], $6::text[])
     AS r (sweep_id, data_class, action, request, attempt, traceparent)
ORDER BY r.sweep_id
ON CONFLICT (sweep_id) DO UPDATE SET
    request = CASE WHEN excluded.attempt > t.attempt THEN excluded.request ELSE t.request END,
    attempt = greatest(t.attempt, excluded.attempt),
    (failures, next_at, ended_at, outcome, answer) = (
        SELECT CASE WHEN anew THEN 0 ELSE t.failures END,
               CASE WHEN anew THEN excluded.next_at ELSE t.next_at END,
               CASE WHEN NOT anew THEN t.ended_at END,
               CASE WHEN NOT anew THEN t.outcome END,
               CASE WHEN NOT anew THEN t.answer END
        FROM (SELECT t.outcome IS DISTINCT FROM 'completed' AND excluded.attempt > t.attempt) AS n (anew)
    )
RETURNING new.sweep_id, new.outcome, new.answer

-- name: due
SELECT EXISTS (SELECT FROM sweep_task WHERE outcome IS NULL AND next_at <= $1)

-- name: take
-- The previous worker of the sweep can no longer write its progress.
UPDATE sweep_task SET claimed_by = $2, started_at = coalesce(started_at, $1)
WHERE sweep_id = (
    SELECT sweep_id FROM sweep_task WHERE outcome IS NULL AND next_at <= $1 ORDER BY next_at, sweep_id LIMIT 1
)
RETURNING sweep_id, data_class, action, request, attempt, started_at, failures, progress, traceparent

-- name: progress
UPDATE sweep_task SET progress = $4::jsonb
WHERE sweep_id = $1 AND claimed_by = $2 AND attempt = $3 AND outcome IS NULL
RETURNING sweep_id

-- name: postpone
UPDATE sweep_task SET failures = failures + 1, next_at = $3
WHERE sweep_id = $1 AND claimed_by = $2 AND outcome IS NULL

-- name: end
UPDATE sweep_task SET ended_at = $4, outcome = $5, answer = $6
WHERE sweep_id = $1 AND claimed_by = $2 AND attempt = $3 AND outcome IS NULL
RETURNING sweep_id

-- name: purge
DELETE FROM sweep_task
WHERE sweep_id IN (SELECT sweep_id FROM sweep_task WHERE ended_at < $1 ORDER BY sweep_id LIMIT 1000)
