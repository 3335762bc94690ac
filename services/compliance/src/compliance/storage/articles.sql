-- name: lock_or_create
-- Locks the rows in the order of their ids, so that two batches cannot deadlock. A missing row is created with order 0,
-- live, because a missing row cannot be locked. The caller decides on the result, then saves.
INSERT INTO article AS a (article_id, order_no, state, updated_at)
SELECT article_id, 0, 'live', $2
FROM unnest($1::text[]) AS n (article_id)
ORDER BY article_id
ON CONFLICT (article_id) DO UPDATE SET updated_at = a.updated_at
RETURNING new.article_id, new.order_no, new.state, new.revocation_id

-- name: lock_by_revocation
SELECT a.article_id, a.order_no, a.state, a.revocation_id
FROM article AS a JOIN revocation AS r USING (article_id)
WHERE r.revocation_id = $1
FOR NO KEY UPDATE OF a

-- name: save
UPDATE article AS a
SET order_no = n.order_no, state = n.state, revocation_id = n.revocation_id, updated_at = $5
FROM unnest($1::text[], $2::bigint[], $3::text[], $4::uuid[]) AS n (article_id, order_no, state, revocation_id)
WHERE a.article_id = n.article_id

-- name: raise_heads
-- Prevents that a number is issued again which holders may know. Only the next number changes; the state of the row
-- stays.
UPDATE article AS a
SET order_no = n.order_no, updated_at = $3
FROM unnest($1::text[], $2::bigint[]) AS n (article_id, order_no)
WHERE a.article_id = n.article_id AND a.order_no < n.order_no

-- name: revoked_among
SELECT article_id FROM article WHERE article_id = ANY ($1::text[]) AND state = 'revoked'

-- name: one
SELECT article_id, order_no, state, revocation_id, updated_at FROM article WHERE article_id = $1
