-- name: known
-- A notice is identified by its id and its article. "reused": the id also names another article.
SELECT w.notice_id, w.article_id, n.revocation_id, n.noticed_by,
       r.kind = 'revoked' AND r.lifted_at IS NULL AS revokes, r.kind = 'withheld' AS withholds,
       EXISTS (SELECT FROM notice AS o WHERE o.notice_id = w.notice_id AND o.article_id <> w.article_id) AS reused
FROM unnest($1::uuid[], $2::text[]) AS w (notice_id, article_id)
LEFT JOIN notice AS n ON n.notice_id = w.notice_id AND n.article_id = w.article_id
LEFT JOIN revocation AS r ON r.revocation_id = n.revocation_id

-- name: save
INSERT INTO notice (notice_id, article_id, reason, noticed_by, noticed_at, revoked_at, earliest_at, poll_id, note,
                    request_id, revocation_id, backlog, counted_for, received_at)
SELECT n.*, $14
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[],
            $7::timestamptz[], $8::uuid[], $9::text[], $10::uuid[], $11::uuid[], $12::boolean[], $13::text[]) AS n
ON CONFLICT (notice_id, article_id) DO UPDATE
SET reason = excluded.reason, noticed_by = excluded.noticed_by, noticed_at = excluded.noticed_at,
    revoked_at = excluded.revoked_at, earliest_at = excluded.earliest_at, poll_id = excluded.poll_id,
    note = excluded.note, revocation_id = excluded.revocation_id, backlog = excluded.backlog,
    counted_for = excluded.counted_for, request_id = excluded.request_id

-- name: used
-- Articles that this subject revoked since then without a second person, and the remaining articles of its requests
-- that are being carried out. The count stops at the limit.
SELECT (SELECT count(*) FROM (SELECT FROM notice WHERE counted_for = $1 AND received_at > $2 LIMIT $3) AS counted)
     + (SELECT coalesce(sum(cardinality(article_ids) - executed), 0) FROM notice_request
        WHERE executed_at IS NULL AND made_by = $1 AND kind = 'revoke' AND NOT needs_approval)

-- name: counted_by_feed
-- Articles that each feed revoked since then; the count stops at the limit. The names are found one by one in the
-- index, because reading all notices would take longer the more there are.
WITH RECURSIVE feed (name) AS (
    SELECT min(counted_for) FROM notice WHERE counted_for IS NOT NULL
    UNION ALL
    SELECT (SELECT min(n.counted_for) FROM notice AS n WHERE n.counted_for > f.name)
    FROM feed AS f WHERE f.name IS NOT NULL
)
SELECT substr(f.name, 6) AS feed, c.count
FROM feed AS f
CROSS JOIN LATERAL (
    SELECT count(*)
    FROM (SELECT FROM notice AS n WHERE n.counted_for = f.name AND n.received_at > $1 LIMIT $2) AS counted
) AS c
WHERE f.name LIKE 'feed:%'

-- name: lock_subject
-- Two transactions must not use the rest of one subject's limit at the same time.
SELECT pg_advisory_xact_lock(hashtextextended('approval limit ' || $1, 0))

-- name: of_request
SELECT notice_id, article_id, reason, noticed_by, noticed_at, revoked_at, earliest_at, poll_id, note, counted_for,
       request_id
FROM notice
WHERE request_id = $1 AND article_id = ANY ($2::text[])
ORDER BY article_id, notice_id

-- name: orders_of_request
SELECT article_id, revocation_id FROM notice WHERE request_id = $1

-- name: status
-- A notice, or all notices of a request, with the order and whether the broker confirmed it. Sent rows are purged from
-- the outbox by age, so an order without a row was sent.
SELECT n.notice_id, n.article_id, n.noticed_by, n.received_at, n.request_id,
       q.refused_at IS NOT NULL AS request_refused, r.kind, r.order_no, r.revocation_id, r.closed_at,
       NOT EXISTS (SELECT FROM outbox_priority WHERE event_id = r.sent_event_id AND sent_at IS NULL) AS order_sent
FROM (
    SELECT notice_id, article_id FROM notice WHERE notice_id = $1
    UNION
    SELECT notice_id, article_id FROM notice WHERE request_id = $1
) AS w
JOIN notice AS n USING (notice_id, article_id)
JOIN revocation AS r USING (revocation_id)
LEFT JOIN notice_request AS q ON q.request_id = n.request_id
ORDER BY n.article_id, n.notice_id
LIMIT $2

-- name: recover
-- Records lost notices that an order answers, so that they do not revoke anything twice.
INSERT INTO notice (notice_id, article_id, reason, noticed_by, noticed_at, revocation_id, backlog, received_at)
SELECT n.notice_id, n.article_id, r.reason, 'recovered from the topic', r.ordered_at, r.revocation_id, false, $4
FROM unnest($1::uuid[], $2::text[], $3::bigint[]) AS n (notice_id, article_id, order_no)
JOIN revocation AS r USING (article_id, order_no)
ON CONFLICT (notice_id, article_id) DO NOTHING

-- name: save_polls
-- A notice that several polls brought counts for each of them.
INSERT INTO poll_notice (poll_id, notice_id, article_id)
SELECT poll_id, notice_id, article_id
FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS n (poll_id, notice_id, article_id)
ORDER BY poll_id, notice_id, article_id
ON CONFLICT DO NOTHING

-- name: of_polls
-- Only prompt obligations count, because the others are closed by time.
WITH of_polls AS (SELECT DISTINCT notice_id, article_id FROM poll_notice WHERE poll_id = ANY ($1::uuid[])),
     ordered AS (SELECT DISTINCT n.revocation_id FROM notice AS n JOIN of_polls USING (notice_id, article_id))
SELECT (SELECT count(*) FROM of_polls) AS recorded,
       count(*) FILTER (WHERE o.state IN ('open', 'notified', 'removed')) AS open,
       count(*) FILTER (WHERE o.state NOT IN ('open', 'notified', 'removed')) AS closed
FROM obligation AS o JOIN ordered USING (revocation_id)
WHERE o.kind <> 'expiry'

-- name: of_article
SELECT notice_id, reason, noticed_by, noticed_at, revoked_at, earliest_at, poll_id, received_at, revocation_id,
       backlog, note
FROM notice
WHERE article_id = $1 AND (received_at, notice_id) > ($2, $3)
ORDER BY received_at, notice_id
LIMIT $4

-- name: of_revocation
SELECT notice_id, reason, noticed_by, noticed_at, revoked_at, earliest_at, poll_id, received_at, backlog, note
FROM notice
WHERE revocation_id = $1
ORDER BY received_at, notice_id
LIMIT $2
