-- name: known
-- A notice is known by its id and its article together. "reused": its id is another article's too.
SELECT w.notice_id, w.article_id, n.revocation_id,
       EXISTS (SELECT FROM notice AS o WHERE o.notice_id = w.notice_id AND o.article_id <> w.article_id) AS reused
FROM unnest($1::uuid[], $2::text[]) AS w (notice_id, article_id)
LEFT JOIN notice AS n ON n.notice_id = w.notice_id AND n.article_id = w.article_id

-- name: put
INSERT INTO notice (notice_id, article_id, reason, noticed_by, noticed_at, revoked_at, earliest_at, poll_id, note,
                    revocation_id, backlog, received_at)
SELECT n.*, $12
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[],
            $7::timestamptz[], $8::uuid[], $9::text[], $10::uuid[], $11::boolean[]) AS n
ON CONFLICT (notice_id, article_id) DO NOTHING

-- name: put_polls
-- A poll may bring a notice that an earlier one brought: it counts for both.
INSERT INTO poll_notice (poll_id, notice_id, article_id)
SELECT poll_id, notice_id, article_id
FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS n (poll_id, notice_id, article_id)
ORDER BY poll_id, notice_id, article_id
ON CONFLICT DO NOTHING

-- name: of_polls
-- How far the notices of these polls are: only prompt obligations count, for the others are a matter of time.
WITH brought AS (SELECT DISTINCT notice_id, article_id FROM poll_notice WHERE poll_id = ANY ($1::uuid[])),
     ordered AS (SELECT DISTINCT n.revocation_id FROM notice AS n JOIN brought USING (notice_id, article_id))
SELECT (SELECT count(*) FROM brought) AS recorded,
       count(*) FILTER (WHERE o.state IN ('open', 'notified', 'removed')) AS open,
       count(*) FILTER (WHERE o.state NOT IN ('open', 'notified', 'removed')) AS closed
FROM obligation AS o JOIN ordered USING (revocation_id)
WHERE o.kind <> 'expiry'

-- name: of_article
SELECT notice_id, reason, noticed_by, noticed_at, revoked_at, earliest_at, poll_id, received_at, revocation_id,
       backlog, note
FROM notice
WHERE article_id = $1
ORDER BY received_at, notice_id
LIMIT 500

-- name: of_revocation
SELECT notice_id, reason, noticed_by, noticed_at, revoked_at, earliest_at, poll_id, received_at, backlog, note
FROM notice
WHERE revocation_id = $1
ORDER BY received_at, notice_id
LIMIT 500

-- name: request
INSERT INTO notice_request (request_id, article_ids, reason, revoked_at, note, made_by, made_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (request_id) DO NOTHING

-- name: requested
SELECT request_id, article_ids, reason, revoked_at, note, made_by, made_at, confirmed_by, confirmed_at
FROM notice_request
WHERE request_id = $1
FOR UPDATE

-- name: confirm
UPDATE notice_request SET confirmed_by = $2, confirmed_at = $3 WHERE request_id = $1
