-- name: save
INSERT INTO receipt (receipt_id, article_id, order_no, holder, attempt, answered_at, received_via, authenticated,
                     answer_sha256, removals, meaning, received_at)
SELECT n.*, $12
FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::text[], $5::int[], $6::timestamptz[], $7::text[],
            $8::boolean[], $9::bytea[], $10::jsonb[], $11::text[]) AS n
ORDER BY 2, 3, 4, 5, 8, 9
ON CONFLICT (article_id, order_no, holder, attempt, authenticated, answer_sha256) DO NOTHING

-- name: strays
-- Receipts without an obligation since then; the count stops at the limit.
SELECT count(*)
FROM (SELECT FROM receipt
      WHERE meaning IN ('unknown_order', 'not_obliged', 'unauthenticated') AND received_at > $1 LIMIT $2) AS stray

-- name: of_article
SELECT id, receipt_id, order_no, holder, attempt, removals, answered_at, received_at, received_via, meaning, authenticated
FROM receipt
WHERE article_id = $1 AND (received_at, id) > ($2, $3)
ORDER BY received_at, id
LIMIT $4

-- name: of_order
SELECT receipt_id, order_no, holder, attempt, removals, answered_at, received_at, received_via, meaning, authenticated
FROM receipt
WHERE article_id = $1 AND order_no = $2
ORDER BY received_at, id
LIMIT $3
