-- name: save
-- The scope of a hold never changes: a known hold with another scope must not replace it.
INSERT INTO known_hold AS k (data_class, hold_id, scope, placed_by, confirmed_by, known_at)
SELECT $1, h.hold_id, h.scope, h.placed_by, h.confirmed_by, $6
FROM unnest($2::uuid[], $3::jsonb[], $4::text[], $5::text[]) AS h (hold_id, scope, placed_by, confirmed_by)
ORDER BY h.hold_id
ON CONFLICT (data_class, hold_id) DO UPDATE
SET placed_by = coalesce(k.placed_by, excluded.placed_by),
    confirmed_by = coalesce(k.confirmed_by, excluded.confirmed_by), ended_at = NULL, ended_by = NULL
WHERE k.ended_at IS NOT NULL OR k.placed_by IS NULL AND excluded.placed_by IS NOT NULL
   OR k.confirmed_by IS NULL AND excluded.confirmed_by IS NOT NULL
RETURNING (old.hold_id IS NULL OR old.ended_at IS NOT NULL) AS new

-- name: end
-- A hold is ended by two different people; or by the person who placed it, when nobody has confirmed it.
UPDATE known_hold AS k
SET ended_at = e.ended_at, ended_by = array_remove(ARRAY[e.first, e.second], NULL)
FROM unnest($2::uuid[], $3::text[], $4::text[], $5::timestamptz[]) AS e (hold_id, first, second, ended_at)
WHERE k.data_class = $1 AND k.hold_id = e.hold_id AND k.ended_at IS NULL
  AND CASE WHEN e.second IS NULL THEN k.confirmed_by IS NULL AND k.placed_by = e.first ELSE e.first <> e.second END

-- name: in_force
SELECT hold_id, scope, placed_by, confirmed_by FROM known_hold
WHERE data_class = $1 AND ended_at IS NULL
ORDER BY hold_id

-- name: release
-- A running sweep starts again when a hold becomes known, and is checked again with that hold.
UPDATE sweep_task SET claimed_by = NULL WHERE data_class = $1 AND outcome IS NULL

-- name: purge
DELETE FROM known_hold
WHERE ctid = ANY (ARRAY(SELECT ctid FROM known_hold WHERE ended_at < $1 ORDER BY ended_at LIMIT 1000))
