-- name: changed
INSERT INTO floor_change (changed_at, changed_by, reason, former, floor) VALUES ($1, $2, $3, $4, $5)
