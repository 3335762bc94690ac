-- name: insert
INSERT INTO revocation (revocation_id, article_id, order_no, previous_order, kind, reason, reinstates, clock_started_at, due_at,
                        revoked_at, ordered_at, ordered_by, backlog, sent_event_id, resend_from, next_send_at,
                        traceparent)
SELECT n.revocation_id, n.article_id, n.order_no, n.previous_order, n.kind, n.reason, n.reinstates, n.clock_started_at,
       n.due_at, n.revoked_at, n.ordered_at, n.ordered_by, n.backlog, n.sent_event_id, n.ordered_at, n.next_send_at,
       n.traceparent
FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::uuid[], $7::timestamptz[],
            $8::timestamptz[], $9::timestamptz[], $10::timestamptz[], $11::text[], $12::boolean[], $13::uuid[],
            $14::text[], $15::bigint[], $16::timestamptz[])
     AS n (revocation_id, article_id, order_no, kind, reason, reinstates, clock_started_at, due_at, revoked_at,
           ordered_at, ordered_by, backlog, sent_event_id, traceparent, previous_order, next_send_at)

-- name: reinstate
UPDATE revocation SET lifted_at = $2, lifted_by = $3 WHERE revocation_id = $1

-- name: close_earlier
-- A new order replaces all earlier ones on its article.
WITH earlier AS (
    SELECT r.revocation_id
    FROM revocation AS r JOIN unnest($1::text[], $2::bigint[]) AS n (article_id, order_no) USING (article_id)
    WHERE r.order_no < n.order_no
    ORDER BY r.revocation_id
    FOR NO KEY UPDATE OF r
)
UPDATE revocation AS r
SET closed_at = coalesce(r.closed_at, $3), next_send_at = NULL
FROM earlier
WHERE r.revocation_id = earlier.revocation_id
RETURNING r.revocation_id

-- name: unknown
-- Orders above the last known one of their article. Lower ones are known, or were deleted by age.
SELECT n.article_id, n.order_no
FROM unnest($1::text[], $2::bigint[]) AS n (article_id, order_no)
LEFT JOIN article AS a USING (article_id)
WHERE a.order_no IS NULL OR n.order_no > a.order_no

-- name: existing
SELECT revocation_id FROM revocation WHERE revocation_id = ANY ($1::uuid[])

-- name: lock
-- All orders on these articles, and these orders, in one statement: two sorted statements could deadlock with a
-- transaction that locks the same rows in one.
SELECT revocation_id FROM revocation
WHERE article_id = ANY ($1::text[]) OR revocation_id = ANY ($2::uuid[])
ORDER BY revocation_id
FOR NO KEY UPDATE

-- name: lock_orders
-- Rows of this table are always locked before rows of obligation, in the order of their ids.
SELECT revocation_id, article_id, order_no, previous_order, kind, reason, clock_started_at, due_at, revoked_at,
       ordered_at, reinstates, attempts, resend_from, traceparent
FROM revocation
WHERE revocation_id = ANY ($1::uuid[])
ORDER BY revocation_id
FOR NO KEY UPDATE

-- name: lock_due
-- Open orders that are due to be resent. An order whose last sending is still in the outbox counts as sent.
SELECT revocation_id, article_id, order_no, previous_order, kind, reason, clock_started_at, due_at, revoked_at,
       ordered_at, reinstates, attempts, resend_from, traceparent
FROM revocation AS r
WHERE closed_at IS NULL AND next_send_at <= $1
  AND NOT EXISTS (SELECT FROM outbox_priority AS o
                  WHERE o.event_id = r.sent_event_id AND o.sent_at IS NULL AND o.set_aside IS NULL)
ORDER BY next_send_at
LIMIT $2
FOR NO KEY UPDATE SKIP LOCKED

-- name: lock_by_order
SELECT r.revocation_id, r.article_id, r.order_no, r.kind, a.order_no > r.order_no AS superseded
FROM revocation AS r
JOIN unnest($1::text[], $2::bigint[]) AS n (article_id, order_no) USING (article_id, order_no)
JOIN article AS a USING (article_id)
ORDER BY r.revocation_id
FOR NO KEY UPDATE OF r

-- name: sent
UPDATE revocation AS r
SET attempts = n.attempts, sent_event_id = n.event_id, clock_started_at = n.clock_started_at, due_at = n.due_at,
    next_send_at = CASE WHEN r.closed_at IS NULL THEN n.next_send_at END
FROM unnest($1::uuid[], $2::int[], $3::uuid[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[])
     AS n (revocation_id, attempts, event_id, clock_started_at, due_at, next_send_at)
WHERE r.revocation_id = n.revocation_id

-- name: close_if_complete
-- An order is closed when no prompt obligation is open.
UPDATE revocation AS r
SET closed_at = $2, next_send_at = NULL
WHERE r.revocation_id = ANY ($1::uuid[]) AND r.closed_at IS NULL
  AND NOT EXISTS (SELECT FROM obligation AS o
                  WHERE o.revocation_id = r.revocation_id AND o.kind <> 'expiry'
                    AND o.state IN ('open', 'notified', 'removed'))
RETURNING r.revocation_id, r.ordered_at

-- name: reopen
UPDATE revocation SET closed_at = NULL, resend_from = $2, next_send_at = $2 WHERE revocation_id = ANY ($1::uuid[])

-- name: send_from
-- The order is open, and resent at this time at the latest.
UPDATE revocation AS r
SET closed_at = NULL, next_send_at = least(r.next_send_at, n.send_at)
FROM unnest($1::uuid[], $2::timestamptz[]) AS n (revocation_id, send_at)
WHERE r.revocation_id = n.revocation_id

-- name: postpone
-- The order must not be sent to any holder at present.
UPDATE revocation AS r
SET next_send_at = n.send_at
FROM unnest($1::uuid[], $2::timestamptz[]) AS n (revocation_id, send_at)
WHERE r.revocation_id = n.revocation_id AND r.closed_at IS NULL

-- name: lock_in_force_since
-- Revocations that a new holder may be affected by: their articles were on the brokers until recently.
SELECT r.revocation_id
FROM revocation AS r JOIN article AS a USING (article_id, revocation_id)
WHERE a.state = 'revoked' AND r.ordered_at > $1
ORDER BY r.revocation_id
FOR NO KEY UPDATE OF r

-- name: last_seq
SELECT coalesce(max(seq), 0) FROM revocation

-- name: feed
SELECT seq, revocation_id, article_id, order_no, previous_order, kind, reason, reinstates, clock_started_at, due_at,
       revoked_at, ordered_at, attempts
FROM revocation
WHERE seq > $1 AND seq <= $2
ORDER BY seq
LIMIT $3

-- name: ordered_before
SELECT revocation_id FROM revocation WHERE revocation_id = ANY ($1::uuid[]) AND ordered_at <= $2

-- name: reinstated_by
-- Revocations that this officer reinstated alone since then; the count stops at the limit.
SELECT count(*)
FROM (SELECT FROM revocation
      WHERE kind = 'reinstated' AND ordered_by = $1 AND ordered_at > $2 LIMIT $3) AS lifted

-- name: page
SELECT r.seq, r.revocation_id, r.article_id, r.order_no, r.previous_order, r.kind, r.reason, r.reinstates,
       r.clock_started_at, r.due_at, r.revoked_at, r.ordered_at, r.ordered_by, r.lifted_at, r.lifted_by, r.backlog,
       r.attempts, r.closed_at, r.closed_at IS NULL AS is_open
FROM revocation AS r
WHERE r.seq < $1
  AND ($2::boolean IS NULL OR (r.closed_at IS NULL) = $2)
  AND ($3::text IS NULL OR r.kind = $3)
  AND ($4::text IS NULL OR r.reason = $4)
ORDER BY r.seq DESC
LIMIT $5

-- name: one
SELECT r.seq, r.revocation_id, r.article_id, r.order_no, r.previous_order, r.kind, r.reason, r.reinstates,
       r.clock_started_at, r.due_at, r.revoked_at, r.ordered_at, r.ordered_by, r.lifted_at, r.lifted_by, r.backlog,
       r.attempts, r.next_send_at, r.closed_at, r.closed_at IS NULL AS is_open
FROM revocation AS r
WHERE r.revocation_id = $1

-- name: of_article
SELECT r.seq, r.revocation_id, r.article_id, r.order_no, r.previous_order, r.kind, r.reason, r.reinstates,
       r.clock_started_at, r.due_at, r.revoked_at, r.ordered_at, r.ordered_by, r.lifted_at, r.lifted_by, r.backlog,
       r.attempts, r.next_send_at, r.closed_at, r.closed_at IS NULL AS is_open
FROM revocation AS r
WHERE r.article_id = $1
ORDER BY r.order_no

-- name: counts
SELECT count(*) FILTER (WHERE kind = 'revoked') AS revoked,
       count(*) FILTER (WHERE kind = 'reinstated') AS reinstated,
       count(*) FILTER (WHERE kind = 'withheld') AS withheld,
       count(*) FILTER (WHERE closed_at IS NULL) AS open,
       count(*) FILTER (WHERE backlog) AS backlog
FROM revocation

-- name: open_count
SELECT count(*) FROM revocation WHERE closed_at IS NULL

-- name: history
SELECT date_trunc('day', ordered_at, 'UTC') AS day,
       count(*) FILTER (WHERE kind = 'revoked') AS revoked,
       count(*) FILTER (WHERE kind = 'reinstated') AS reinstated,
       count(*) FILTER (WHERE closed_at IS NOT NULL) AS closed,
       count(*) FILTER (WHERE closed_at > due_at OR (closed_at IS NULL AND due_at < $3)) AS late
FROM revocation
WHERE ordered_at >= $1 AND ordered_at < $2
GROUP BY 1
ORDER BY 1 DESC
LIMIT $4
