-- name: delayed
-- Returns a row when the first alert of a lane is due, or the next one.
INSERT INTO outbox_delay AS d (lane, reported_at) VALUES ($1, $2)
ON CONFLICT (lane) DO UPDATE SET reported_at = excluded.reported_at WHERE d.reported_at <= $3
RETURNING lane

-- name: over
DELETE FROM outbox_delay WHERE lane = $1 RETURNING lane
