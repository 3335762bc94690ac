-- name: open
INSERT INTO incident (id, kind, subject, detail, opened_at)
SELECT i.id, $2, i.subject, i.detail, $5 FROM unnest($1::uuid[], $3::text[], $4::text[]) AS i (id, subject, detail)
ON CONFLICT (id) DO NOTHING

-- name: close
UPDATE incident SET closed_at = $2, closed_by = $3, note = $4
WHERE id = $1 AND closed_at IS NULL
RETURNING id, kind, subject, detail, opened_at, closed_at, closed_by, note

-- name: page
SELECT id, kind, subject, detail, opened_at, closed_at, closed_by, note
FROM incident
WHERE ($1 OR closed_at IS NULL) AND (opened_at, id) < ($2, $3)
ORDER BY opened_at DESC, id DESC
LIMIT $4

-- name: open_count
SELECT count(*) FROM incident WHERE closed_at IS NULL
