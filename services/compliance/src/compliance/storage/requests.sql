-- name: insert
INSERT INTO notice_request (request_id, kind, entry, article_ids, holder, reason, revoked_at, note, made_by, made_at,
                            expires_at, body_sha256, traceparent, needs_approval, withheld, executed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)

-- name: lock
SELECT request_id, kind, entry, article_ids, holder, reason, revoked_at, note, made_by, made_at, expires_at,
       body_sha256, traceparent, needs_approval, confirmed_by, confirmed_at, refused_by, refused_at, withheld,
       executed, executed_at
FROM notice_request
WHERE request_id = $1
FOR UPDATE

-- name: lock_work
-- The oldest request with work left, or this one: it is confirmed, refused, needs no second person, or has articles to
-- withhold until the decision.
SELECT request_id, kind, entry, article_ids, holder, reason, revoked_at, note, made_by, made_at, expires_at,
       body_sha256, traceparent, needs_approval, confirmed_by, confirmed_at, refused_by, refused_at, withheld,
       executed, executed_at
FROM notice_request
WHERE executed_at IS NULL AND kind <> 'remove_holder' AND ($1::uuid IS NULL OR request_id = $1)
  AND (confirmed_at IS NOT NULL OR refused_at IS NOT NULL OR NOT needs_approval
       OR (kind = 'revoke' AND withheld < cardinality(article_ids)))
ORDER BY made_at, request_id
LIMIT 1
FOR UPDATE SKIP LOCKED

-- name: lock_open_of_topic
-- A waiting request of this sender's records with room for more articles.
SELECT request_id
FROM notice_request
WHERE executed_at IS NULL AND confirmed_at IS NULL AND refused_at IS NULL AND kind = 'revoke' AND entry = 'kafka'
  AND made_by = $1 AND reason = $2 AND expires_at > $3 AND cardinality(article_ids) + $4 <= $5
ORDER BY made_at
LIMIT 1
FOR UPDATE

-- name: append
UPDATE notice_request
SET article_ids = article_ids || $2::text[], withheld = withheld + cardinality($2::text[])
WHERE request_id = $1

-- name: contained
-- The articles that the request already names.
SELECT a.article_id
FROM notice_request AS q, unnest(q.article_ids) AS a (article_id)
WHERE q.request_id = $1 AND a.article_id = ANY ($2::text[])

-- name: wanted
-- The articles that another request names, which is undecided or being carried out.
SELECT DISTINCT a.article_id
FROM notice_request AS q, unnest(q.article_ids) AS a (article_id)
WHERE q.executed_at IS NULL AND q.refused_at IS NULL AND q.kind = 'revoke' AND q.request_id IS DISTINCT FROM $1
  AND q.article_ids && $2::text[] AND a.article_id = ANY ($2::text[])

-- name: progress
UPDATE notice_request
SET withheld = $2, executed = $3, executed_at = CASE WHEN $4 THEN $5::timestamptz END
WHERE request_id = $1

-- name: confirm
UPDATE notice_request
SET confirmed_by = $2, confirmed_at = $3, decision_note = $4, executed_at = CASE WHEN $5 THEN $3::timestamptz END
WHERE request_id = $1

-- name: refuse
-- If nothing was withheld, the request is finished.
UPDATE notice_request
SET refused_by = $2, refused_at = $3, decision_note = $4,
    executed_at = CASE WHEN kind <> 'revoke' THEN $3::timestamptz END
WHERE request_id = $1

-- name: page
SELECT request_id, kind, entry, holder, reason, revoked_at, note, made_by, made_at, expires_at, needs_approval,
       confirmed_by, confirmed_at, refused_by, refused_at, decision_note, executed_at,
       cardinality(article_ids) AS articles, withheld, executed
FROM notice_request
WHERE ($1 OR executed_at IS NULL) AND (made_at, request_id) < ($2, $3)
ORDER BY made_at DESC, request_id DESC
LIMIT $4

-- name: one
SELECT request_id, kind, entry, article_ids, holder, reason, revoked_at, note, made_by, made_at, expires_at,
       needs_approval, confirmed_by, confirmed_at, refused_by, refused_at, decision_note, executed_at,
       cardinality(article_ids) AS articles, withheld, executed,
       (SELECT count(*) FROM article AS a WHERE a.article_id = ANY (q.article_ids) AND a.state = 'revoked')
           AS revoked_now,
       (SELECT count(*) FROM article AS a WHERE a.article_id = ANY (q.article_ids) AND a.state = 'withheld')
           AS withheld_now
FROM notice_request AS q
WHERE request_id = $1

-- name: waiting
-- Undecided requests: those in time, the first to expire, and those that have expired.
SELECT count(*) FILTER (WHERE expires_at > $1) AS waiting,
       min(expires_at) FILTER (WHERE expires_at > $1) AS next_expiry_at,
       count(*) FILTER (WHERE expires_at <= $1 AND kind = 'revoke') AS expired,
       coalesce(sum(cardinality(article_ids)) FILTER (WHERE kind = 'revoke'), 0) AS articles
FROM notice_request
WHERE executed_at IS NULL AND needs_approval AND confirmed_at IS NULL AND refused_at IS NULL
