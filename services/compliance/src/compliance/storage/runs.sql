-- name: request
INSERT INTO run (run_id, cause, requested_by, requested_at, state, mock) VALUES ($1, $2, $3, $4, 'requested', $5)

-- name: next_requested
SELECT run_id FROM run WHERE state = 'requested' ORDER BY requested_at, run_id LIMIT 1

-- name: start
UPDATE run SET state = 'running', started_at = $2 WHERE run_id = $1 AND state = 'requested'

-- name: polled
UPDATE run SET polls = $2::jsonb, noticed = $3 WHERE run_id = $1

-- name: complete
UPDATE run
SET state = 'completed', outcome = $2, ended_at = $3, noticed = $4, closed = $5, open = $6, overdue = $7,
    open_in_all = $8
WHERE run_id = $1 AND state = 'running'

-- name: fail
UPDATE run SET state = 'failed', outcome = 'failed', ended_at = $2, error = $3
WHERE run_id = $1 AND state IN ('requested', 'running')

-- name: left_behind
-- Only the process with the lease runs, so other runs in the state running belong to dead processes.
SELECT run_id, started_at, polls FROM run WHERE state = 'running' AND run_id <> $1

-- name: last_completed
SELECT max(ended_at) FROM run WHERE state = 'completed'

-- name: failed_in_a_row
-- Counts since the last completed run, to at most 1,000.
SELECT count(*)
FROM (SELECT FROM run
      WHERE state IN ('completed', 'failed') AND state = 'failed'
        AND ended_at > coalesce((SELECT max(ended_at) FROM run WHERE state = 'completed'), '-infinity')
      LIMIT 1000) AS failed

-- name: last
SELECT run_id, cause, requested_by, requested_at, state, outcome, started_at, ended_at, polls, noticed, closed, open, overdue,
       open_in_all, mock, error
FROM run
WHERE state IN ('completed', 'failed')
ORDER BY ended_at DESC
LIMIT 1

-- name: one
SELECT run_id, cause, requested_by, requested_at, state, outcome, started_at, ended_at, polls, noticed, closed, open, overdue,
       open_in_all, mock, error
FROM run
WHERE run_id = $1

-- name: page
SELECT run_id, cause, requested_by, requested_at, state, outcome, started_at, ended_at, polls, noticed, closed, open, overdue,
       open_in_all, mock, error
FROM run
WHERE (requested_at, run_id) < ($1, $2)
ORDER BY requested_at DESC, run_id DESC
LIMIT $3
