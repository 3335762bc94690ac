-- name: put
INSERT INTO unconfirmed_order AS u (article_id, order_no, revocation_id, traceparent, seen_at, next_check_at)
SELECT n.*, $5, $5
FROM unnest($1::text[], $2::bigint[], $3::uuid[], $4::text[]) AS n (article_id, order_no, revocation_id, traceparent)
ORDER BY n.article_id
ON CONFLICT (article_id) DO UPDATE
SET order_no = excluded.order_no, revocation_id = excluded.revocation_id, traceparent = excluded.traceparent
WHERE excluded.order_no > u.order_no

-- name: due
-- Reserved for ten seconds, so that two processes do not ask for the same order, and a crash loses none.
UPDATE unconfirmed_order SET next_check_at = $1::timestamptz + interval '10 seconds'
WHERE article_id IN (
    SELECT article_id FROM unconfirmed_order WHERE next_check_at <= $1
    ORDER BY next_check_at LIMIT 50 FOR UPDATE SKIP LOCKED
)
RETURNING article_id, order_no, revocation_id, traceparent

-- name: ask_later
UPDATE unconfirmed_order SET next_check_at = $2 WHERE article_id = $1

-- name: answered
DELETE FROM unconfirmed_order WHERE article_id = $1 AND order_no <= $2 RETURNING article_id
