-- name: lock_orders
-- A slice of deletable orders: closed before the limit, without open obligations, not held, not a revocation in force
-- (it answers a notice that is repeated after years), and not referenced by an order that still exists.
SELECT r.revocation_id, r.article_id, r.order_no
FROM revocation AS r
WHERE r.closed_at < $1
  AND NOT is_held(r.article_id, r.closed_at, $2, $3)
  AND NOT EXISTS (SELECT FROM article AS a
                  WHERE a.article_id = r.article_id AND a.state <> 'live' AND a.revocation_id = r.revocation_id)
  AND NOT EXISTS (SELECT FROM obligation AS o
                  WHERE o.revocation_id = r.revocation_id AND o.state IN ('open', 'notified', 'removed'))
  AND NOT EXISTS (SELECT FROM revocation AS later WHERE later.reinstates = r.revocation_id)
ORDER BY r.revocation_id
LIMIT $4
FOR UPDATE OF r

-- name: records_of_orders
-- Everything that is deleted with these orders, in its current form.
WITH removable AS (
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::bigint[]) AS g (revocation_id, article_id, order_no)
)
SELECT 'revocation' AS schema, to_jsonb(r) AS record FROM revocation AS r JOIN removable USING (revocation_id)
UNION ALL
SELECT 'notice', to_jsonb(n) FROM notice AS n WHERE n.revocation_id = ANY ($1::uuid[])
UNION ALL
SELECT 'poll_notice', to_jsonb(p)
FROM poll_notice AS p JOIN notice AS n USING (notice_id, article_id) WHERE n.revocation_id = ANY ($1::uuid[])
UNION ALL
SELECT 'obligation', to_jsonb(o) FROM obligation AS o WHERE o.revocation_id = ANY ($1::uuid[])
UNION ALL
SELECT 'receipt', to_jsonb(t) FROM receipt AS t JOIN removable AS g ON t.article_id = g.article_id AND t.order_no = g.order_no
ORDER BY schema, record

-- name: delete_orders
WITH removable AS (
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::bigint[]) AS g (revocation_id, article_id, order_no)
), noticed AS (
    DELETE FROM notice WHERE revocation_id = ANY ($1::uuid[]) RETURNING notice_id
), polled AS (
    DELETE FROM poll_notice AS p USING notice AS n
    WHERE n.revocation_id = ANY ($1::uuid[]) AND p.notice_id = n.notice_id AND p.article_id = n.article_id
    RETURNING 1
), obliged AS (
    DELETE FROM obligation WHERE revocation_id = ANY ($1::uuid[]) RETURNING 1
), answered AS (
    DELETE FROM receipt AS t USING removable AS g WHERE t.article_id = g.article_id AND t.order_no = g.order_no RETURNING 1
), ordered AS (
    DELETE FROM revocation WHERE revocation_id = ANY ($1::uuid[]) RETURNING 1
)
SELECT (SELECT count(*) FROM noticed) + (SELECT count(*) FROM polled) + (SELECT count(*) FROM obliged)
       + (SELECT count(*) FROM answered) + (SELECT count(*) FROM ordered)

-- name: lock_receipts
-- Receipts that are not deleted with their order: the order is in force and closed, or unknown.
SELECT 'receipt' AS schema, t.id::text AS key, to_jsonb(t) AS record
FROM receipt AS t
WHERE t.received_at < $1
  AND NOT is_held(t.article_id, t.received_at, $2, $3)
  AND NOT EXISTS (SELECT FROM revocation AS r
                  WHERE r.article_id = t.article_id AND r.order_no = t.order_no
                    AND (r.closed_at IS NULL OR r.closed_at >= $1))
ORDER BY t.id
LIMIT $4
FOR UPDATE OF t

-- name: delete_receipts
DELETE FROM receipt WHERE id = ANY ($1::text[]::bigint[])

-- name: lock_runs
-- Excludes the newest completed run: the check for an overdue run needs it.
SELECT 'run' AS schema, run_id::text AS key, to_jsonb(u) AS record
FROM run AS u
WHERE u.ended_at < $1 AND u.state IN ('completed', 'failed')
  AND NOT is_held(NULL, u.ended_at, $2, $3)
  AND u.run_id IS DISTINCT FROM (SELECT run_id FROM run WHERE state = 'completed' ORDER BY ended_at DESC, run_id LIMIT 1)
ORDER BY u.run_id
LIMIT $4
FOR UPDATE OF u

-- name: delete_runs
DELETE FROM run WHERE run_id = ANY ($1::text[]::uuid[])

-- name: lock_holder_changes
-- Excludes the last change of each holder: it is the current registration.
SELECT 'holder_change' AS schema, c.id::text AS key, to_jsonb(c) AS record
FROM holder_change AS c
WHERE c.changed_at < $1
  AND NOT is_held(NULL, c.changed_at, $2, $3)
  AND EXISTS (SELECT FROM holder_change AS later WHERE later.name = c.name AND later.id > c.id)
ORDER BY c.id
LIMIT $4
FOR UPDATE OF c

-- name: delete_holder_changes
DELETE FROM holder_change WHERE id = ANY ($1::text[]::bigint[])

-- name: lock_notice_requests
SELECT 'notice_request' AS schema, q.request_id::text AS key, to_jsonb(q) AS record
FROM notice_request AS q
WHERE q.made_at < $1 AND q.executed_at IS NOT NULL
  AND NOT (q.article_ids && $2::text[]
           OR is_held(NULL, q.made_at, $2, $3))
ORDER BY q.request_id
LIMIT $4
FOR UPDATE OF q

-- name: delete_notice_requests
DELETE FROM notice_request WHERE request_id = ANY ($1::text[]::uuid[])

-- name: tally
-- Closed records older than the limit, those that a hold protects, and those that are kept because they are in force.
WITH old AS (
    SELECT r.revocation_id, r.article_id, r.order_no,
           is_held(r.article_id, r.closed_at, $2, $3) AS held,
           EXISTS (SELECT FROM article AS a
                   WHERE a.article_id = r.article_id AND a.state <> 'live' AND a.revocation_id = r.revocation_id) AS in_force
    FROM revocation AS r
    WHERE r.closed_at < $1
      AND NOT EXISTS (SELECT FROM obligation AS o
                      WHERE o.revocation_id = r.revocation_id AND o.state IN ('open', 'notified', 'removed'))
), removable AS (
    SELECT * FROM old AS g
    WHERE NOT g.held AND NOT g.in_force
      AND NOT EXISTS (SELECT FROM revocation AS later
                      LEFT JOIN old AS l ON l.revocation_id = later.revocation_id AND NOT l.held AND NOT l.in_force
                      WHERE later.reinstates = g.revocation_id AND l.revocation_id IS NULL)
)
SELECT (SELECT count(*) FROM removable)
       + (SELECT count(*) FROM notice JOIN removable USING (revocation_id))
       + (SELECT count(*) FROM poll_notice JOIN notice USING (notice_id, article_id) JOIN removable USING (revocation_id))
       + (SELECT count(*) FROM obligation JOIN removable USING (revocation_id))
       + (SELECT count(*) FROM receipt AS t JOIN removable AS g ON t.article_id = g.article_id AND t.order_no = g.order_no)
       + (SELECT count(*) FROM receipt AS t
          WHERE t.received_at < $1 AND NOT is_held(t.article_id, t.received_at, $2, $3)
            AND NOT EXISTS (SELECT FROM removable AS g WHERE t.article_id = g.article_id AND t.order_no = g.order_no)
            AND NOT EXISTS (SELECT FROM revocation AS r
                            WHERE r.article_id = t.article_id AND r.order_no = t.order_no
                              AND (r.closed_at IS NULL OR r.closed_at >= $1)))
       + (SELECT count(*) FROM run AS u
          WHERE u.ended_at < $1 AND u.state IN ('completed', 'failed')
            AND NOT is_held(NULL, u.ended_at, $2, $3)
            AND u.run_id IS DISTINCT FROM
                (SELECT run_id FROM run WHERE state = 'completed' ORDER BY ended_at DESC, run_id LIMIT 1))
       + (SELECT count(*) FROM holder_change AS c
          WHERE c.changed_at < $1 AND NOT is_held(NULL, c.changed_at, $2, $3)
            AND EXISTS (SELECT FROM holder_change AS later WHERE later.name = c.name AND later.id > c.id))
       + (SELECT count(*) FROM notice_request AS q
          WHERE q.made_at < $1 AND q.executed_at IS NOT NULL
            AND NOT (q.article_ids && $2::text[] OR is_held(NULL, q.made_at, $2, $3)))
       AS going,
       (SELECT count(*) FROM old WHERE held AND NOT in_force) AS held,
       (SELECT count(*) FROM old WHERE in_force) AS kept
