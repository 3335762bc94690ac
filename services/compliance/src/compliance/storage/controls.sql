-- name: lock
SELECT article_id, missing_since FROM control_missing WHERE store = $1 ORDER BY article_id FOR UPDATE

-- name: missing
SELECT article_id FROM control_missing WHERE store = $1 ORDER BY article_id

-- name: found
DELETE FROM control_missing WHERE store = $1 AND article_id = ANY ($2::text[])

-- name: save
-- A few missing controls per store are enough to show that it is unreliable.
INSERT INTO control_missing (store, article_id, missing_since)
SELECT $1, article_id, $3
FROM unnest($2::text[]) AS n (article_id)
WHERE (SELECT count(*) FROM control_missing WHERE store = $1) < $4
ORDER BY article_id
ON CONFLICT DO NOTHING
