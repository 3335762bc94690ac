-- name: abandon
-- A run without heartbeats has failed; otherwise it would be listed as running for ever.
UPDATE job_run
SET outcome = 'failed', ended_at = $2, error = 'heartbeat lost'
WHERE job = $1 AND outcome = 'running' AND heartbeat_at < $3
RETURNING id

-- name: begin
-- Returns no row when the job is exclusive and already running.
INSERT INTO job_run (id, job, cause, subject, exclusive, started_at, heartbeat_at, outcome)
VALUES ($1, $2, $3, $4, $5, $6, $6, 'running')
ON CONFLICT DO NOTHING
RETURNING id

-- name: skip
INSERT INTO job_run (id, job, cause, subject, exclusive, started_at, heartbeat_at, ended_at, outcome, error)
VALUES ($1, $2, $3, $4, $5, $6, $6, $6, 'skipped', 'already running')

-- name: beat
UPDATE job_run SET heartbeat_at = $2, counts = $3::jsonb, retries = $4 WHERE id = $1 AND outcome = 'running'

-- name: end
-- Also updates a run that was considered dead meanwhile: its own outcome is more accurate.
UPDATE job_run
SET outcome = $2, ended_at = $3, heartbeat_at = $3, counts = $4::jsonb, retries = $5, error = $6
WHERE id = $1

-- name: page
SELECT id, job, cause, subject, started_at, ended_at, outcome, counts, retries, error
FROM job_run
WHERE ($1::text IS NULL OR job = $1)
  AND ($2::text IS NULL OR outcome = $2)
  AND ($3::timestamptz IS NULL OR (started_at, id) < ($3, $4::uuid))
ORDER BY started_at DESC, id DESC
LIMIT $5

-- name: last_done
-- When each job last succeeded; the outcome 'attention' counts as success of the job.
WITH RECURSIVE jobs AS (
    (SELECT job FROM job_run ORDER BY job LIMIT 1)
    UNION ALL
    SELECT (SELECT r.job FROM job_run AS r WHERE r.job > jobs.job ORDER BY r.job LIMIT 1) FROM jobs WHERE jobs.job IS NOT NULL
)
SELECT jobs.job, last.ended_at
FROM jobs
CROSS JOIN LATERAL (
    SELECT r.ended_at FROM job_run AS r
    WHERE r.job = jobs.job AND r.outcome IN ('done', 'attention')
    ORDER BY r.ended_at DESC LIMIT 1
) AS last
