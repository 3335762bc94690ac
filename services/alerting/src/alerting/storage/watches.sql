-- name: record_start
INSERT INTO run_watch (started_at) VALUES ($1) ON CONFLICT DO NOTHING

-- name: load
SELECT started_at, run_completed_at FROM run_watch

-- name: run_completed
-- Keeps the latest run, in any order of arrival. A time in the future would hide that no more runs complete.
UPDATE run_watch SET run_completed_at = greatest(run_completed_at, least($1, $2::timestamptz))
