-- name: retention_floor
SELECT nullif(retention_date, '-infinity') FROM retention_floor

-- name: raise_floor
UPDATE retention_floor SET retention_date = $1, raised_at = $2 WHERE retention_date < $1

-- name: lower_floor
UPDATE retention_floor SET retention_date = $1 WHERE retention_date > $1 RETURNING retention_date

-- name: reopen
-- Ids without a document that no order removed. Otherwise the same delivery would count as known, and the document
-- would not be stored.
WITH part AS (
    SELECT a.article_id,
           a.retention_date >= $1 AND a.order_no = 0 AND a.state <> 'revoked' AND a.source_order IS NOT NULL
           AND NOT EXISTS (SELECT FROM article_content AS c WHERE c.retention_date = a.retention_date AND c.article_id = a.article_id)
           AND NOT EXISTS (SELECT FROM article_held AS h WHERE h.article_id = a.article_id) AS swept
    FROM article AS a
    WHERE a.article_id > $2
    ORDER BY a.article_id
    LIMIT $3
), reopened AS (
    UPDATE article AS a SET source_order = NULL
    FROM part
    WHERE a.article_id = part.article_id AND part.swept
    RETURNING a.article_id
)
SELECT (SELECT count(*) FROM reopened) AS reopened, max(article_id) AS last FROM part

-- name: tally
-- Documents older than the limit, in the months and in the table of held ones, and how many of them a hold covers.
SELECT count(*) AS found,
       count(*) FILTER (
           WHERE is_held(c.article_id, c.retention_date, $2, $3)
       ) AS held
FROM (
    SELECT article_id, retention_date FROM article_content WHERE retention_date < $1
    UNION ALL
    SELECT article_id, retention_date FROM article_held WHERE retention_date < $1
) AS c

-- name: count_retained
-- Identity rows older than the limit that are kept without a document: revoked, ordered, or ever published. There is no
-- partial index over these: they are nearly all rows, and every delivery would have to update it.
SELECT count(*) FROM article WHERE retention_date < $1 AND (ever_published OR order_no > 0 OR state = 'revoked')

-- name: held_in
-- A slice of the documents of a time span that a hold covers, after a key.
SELECT c.retention_date, c.article_id
FROM article_content AS c
WHERE c.retention_date >= $1 AND c.retention_date < $2 AND (c.retention_date, c.article_id) > ($3::timestamptz, $4::text)
  AND is_held(c.article_id, c.retention_date, $5, $6)
ORDER BY c.retention_date, c.article_id
LIMIT $7

-- name: old
-- A slice of deletable old documents: no hold covers them, or they are already copied as held.
SELECT c.retention_date, c.article_id, h.article_id IS NOT NULL AS held
FROM article_content AS c
LEFT JOIN article_held AS h ON h.article_id = c.article_id
WHERE c.retention_date < $1
  AND (h.article_id IS NOT NULL
       OR NOT is_held(c.article_id, c.retention_date, $2, $3))
ORDER BY c.retention_date, c.article_id
LIMIT $4

-- name: lock
-- The identity rows first, in the order of their ids, as in every transaction.
SELECT article_id FROM article WHERE article_id = ANY ($1::text[]) ORDER BY article_id FOR UPDATE

-- name: hold
-- In a statement after the lock on the identity rows: documents that a takedown has deleted in the meantime are not
-- found, and revoked articles are never held.
INSERT INTO article_held (article_id, retention_date, version, document, key_bucket, held_at)
SELECT c.article_id, c.retention_date, c.version, c.document, c.key_bucket, $3
FROM article_content AS c
JOIN article AS a ON a.article_id = c.article_id AND a.state <> 'revoked'
WHERE c.retention_date = ANY ($1::timestamptz[]) AND c.article_id = ANY ($2::text[])
ON CONFLICT (article_id) DO UPDATE SET version = excluded.version, document = excluded.document

-- name: count_month
SELECT count(*) AS found,
       (SELECT count(*) FROM article_held WHERE retention_date >= $1 AND retention_date < $2) AS held
FROM article_content
WHERE retention_date >= $1 AND retention_date < $2

-- name: remove
DELETE FROM article_content WHERE retention_date = ANY ($1::timestamptz[]) AND article_id = ANY ($2::text[])

-- name: delete_released
-- Held documents that no hold covers any more.
DELETE FROM article_held
WHERE article_id IN (
    SELECT c.article_id FROM article_held AS c
    WHERE c.retention_date < $1 AND NOT is_held(c.article_id, c.retention_date, $2, $3)
    ORDER BY c.article_id LIMIT $4 FOR UPDATE
)

-- name: delete_ids
-- Identity rows of articles that were never published and have no order and no notice. All others are kept: a
-- revocation in year three reaches everybody who received the article in year one.
DELETE FROM article
WHERE article_id IN (
    SELECT a.article_id FROM article AS a
    WHERE NOT a.ever_published AND a.retention_date < $1 AND a.order_no = 0 AND a.state <> 'revoked'
      AND NOT is_held(a.article_id, a.retention_date, $2, $3)
      AND NOT EXISTS (SELECT FROM notice WHERE article_id = a.article_id AND answered_at IS NULL)
      AND NOT EXISTS (SELECT FROM incident WHERE subject = a.article_id AND closed_at IS NULL)
    ORDER BY a.article_id LIMIT $4 FOR UPDATE
)

-- name: delete_quarantined
-- Their bytes were deleted earlier, by a takedown or by age; now the rows are deleted.
DELETE FROM quarantine
WHERE id IN (
    SELECT q.id FROM quarantine AS q
    WHERE q.set_aside_at < $1 AND NOT q.subjects && $2::text[]
      AND NOT is_held(NULL, q.set_aside_at, $2, $3)
    ORDER BY q.id LIMIT $4 FOR UPDATE
)
