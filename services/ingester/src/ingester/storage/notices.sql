-- name: insert
-- A known notice is not inserted again. Returns the new ones.
INSERT INTO notice (notice_id, article_id, feed, reason, noticed_at, revoked_at, earliest_at, poll_id, traceparent,
                    next_send_at)
SELECT n.notice_id, n.article_id, $3, $4, $5, n.revoked_at, $6, $7, n.traceparent, $5::timestamptz + $10::interval
FROM unnest($1::uuid[], $2::text[], $8::timestamptz[], $9::text[])
     AS n (notice_id, article_id, revoked_at, traceparent)
ON CONFLICT (notice_id, article_id) DO NOTHING
RETURNING notice_id, article_id

-- name: reinstated_orders
-- The last order on reinstated articles: a list entry without a number that is read after it counts as a new notice.
SELECT article_id, order_no FROM article WHERE article_id = ANY ($1::text[]) AND order_no > 0 AND state <> 'revoked'

-- name: answered
-- Only an order on the notice's own article answers it: an order on another article that cites the id does not.
UPDATE notice SET answered_at = $4, order_no = o.order_no
FROM unnest($1::uuid[], $2::text[], $3::bigint[]) AS o (notice_id, article_id, order_no)
WHERE notice.notice_id = o.notice_id AND notice.article_id = o.article_id AND answered_at IS NULL
RETURNING notice.article_id

-- name: due
-- Sent again after the delays $2, of which the last repeats, until the order that cites it arrives.
UPDATE notice SET attempts = attempts + 1,
    next_send_at = $1::timestamptz + ($2::interval[])[least(attempts + 1, cardinality($2::interval[]))]
WHERE (notice_id, article_id) IN (
    SELECT notice_id, article_id FROM notice WHERE answered_at IS NULL AND next_send_at <= $1
    ORDER BY next_send_at LIMIT 500 FOR UPDATE SKIP LOCKED
)
RETURNING notice_id, article_id, feed, reason, noticed_at, revoked_at, earliest_at, poll_id, traceparent, attempts

-- name: open
SELECT count(*) AS open, min(noticed_at) AS oldest FROM notice WHERE answered_at IS NULL
