-- name: begin
INSERT INTO watch (started_at) VALUES ($1) ON CONFLICT DO NOTHING

-- name: seen
SELECT started_at, run_completed_at FROM watch

-- name: run_completed
-- The latest counts, in whatever order they arrive. One from the future would hide that none comes any more.
UPDATE watch SET run_completed_at = greatest(run_completed_at, least($1, $2::timestamptz))
