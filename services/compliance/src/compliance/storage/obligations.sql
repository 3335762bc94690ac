-- name: open
-- Every active holder gets an obligation for every order. The kinds of copies are fixed now, whatever the holder
-- declares later. An expiry holder's time starts when the publisher ($4) is verified to hold no copy: until then it may
-- still publish the article. The time is bounded by the table, so that no holder's row can make this statement fail and
-- so prevent a takedown. A holder that registers ($3) after the order gets the full time from then on.
INSERT INTO obligation (revocation_id, holder, kind, copy_kinds, due_at, closes_at, opened_at, updated_at)
SELECT r.revocation_id, h.name, h.kind, h.copy_kinds,
       CASE WHEN h.kind = 'expiry' THEN greatest(d.due_at, x.closes_at) ELSE d.due_at END, x.closes_at, $2, $2
FROM revocation AS r
CROSS JOIN holder AS h
LEFT JOIN obligation AS p ON p.revocation_id = r.revocation_id AND p.holder = $4
CROSS JOIN LATERAL (
    SELECT CASE WHEN p.verified_at IS NOT NULL THEN p.verified_at
                WHEN p.revocation_id IS NULL
                     AND NOT EXISTS (SELECT FROM holder AS o WHERE o.name = $4 AND o.kind = 'store' AND o.status = 'active')
                THEN r.ordered_at END
           + make_interval(secs => 3600 * least(h.content_retention_h, 87600)) AS closes_at
) AS x
CROSS JOIN LATERAL (
    SELECT CASE WHEN $3::text IS NULL THEN r.due_at
                ELSE greatest(r.due_at, $2::timestamptz + (r.due_at - r.clock_started_at)) END AS due_at
) AS d
WHERE r.revocation_id = ANY ($1::uuid[]) AND h.status = 'active' AND ($3::text IS NULL OR h.name = $3)
  AND (h.kind <> 'expiry' OR r.kind = 'revoked') AND (h.kind = 'store' OR r.kind <> 'withheld')
ORDER BY r.revocation_id, h.name
ON CONFLICT DO NOTHING
RETURNING revocation_id

-- name: supersede
UPDATE obligation
SET state = 'superseded', superseded_at = $2, updated_at = $2, check_at = NULL, evidence = '{"how": "later order"}'
WHERE revocation_id = ANY ($1::uuid[]) AND state IN ('open', 'notified', 'removed')

-- name: update_due
-- The clock of open obligations starts earlier, because something earlier became known. This excludes holders that
-- registered after the order, whose clock started then.
UPDATE obligation AS o
SET due_at = n.due_at, updated_at = $3
FROM unnest($1::uuid[], $2::timestamptz[]) AS n (revocation_id, due_at), revocation AS r, holder AS h
WHERE o.revocation_id = n.revocation_id AND o.kind <> 'expiry' AND o.due_at > n.due_at
  AND r.revocation_id = o.revocation_id AND h.name = o.holder AND h.registered_at <= r.ordered_at

-- name: lock
SELECT o.revocation_id, o.holder, o.kind, o.copy_kinds, o.answers, o.state, o.attempts, o.notified_at, o.removed_at,
       o.verified_at, o.superseded_at, o.reopened, o.evidence, o.opened_at, h.kind = 'store' OR h.holdings_url IS NOT NULL AS verifiable
FROM obligation AS o
JOIN holder AS h ON h.name = o.holder
JOIN unnest($1::uuid[], $2::text[]) AS n (revocation_id, holder) USING (revocation_id, holder)
ORDER BY o.revocation_id, o.holder
FOR NO KEY UPDATE OF o

-- name: save
UPDATE obligation AS o
SET answers = n.answers, state = n.state, attempts = n.attempts, notified_at = n.notified_at,
    removed_at = n.removed_at, verified_at = n.verified_at, superseded_at = n.superseded_at,
    evidence = n.evidence, check_at = NULL, updated_at = $11
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::int[], $5::timestamptz[], $6::timestamptz[],
            $7::timestamptz[], $8::timestamptz[], $9::jsonb[], $10::jsonb[])
     AS n (revocation_id, holder, state, attempts, notified_at, removed_at, verified_at, superseded_at, answers,
           evidence)
WHERE o.revocation_id = n.revocation_id AND o.holder = n.holder

-- name: notified
-- Marks orders that the broker confirmed. Locked rows are skipped: the transaction that holds them writes the same.
WITH sent AS (
    SELECT o.revocation_id, o.holder, x.sent_at
    FROM obligation AS o
    JOIN revocation AS r USING (revocation_id)
    JOIN outbox_priority AS x ON x.event_id = r.sent_event_id
    WHERE o.state = 'open' AND o.kind <> 'expiry' AND x.sent_at IS NOT NULL
    LIMIT 5000
    FOR NO KEY UPDATE OF o SKIP LOCKED
)
UPDATE obligation AS o
SET state = 'notified', notified_at = sent.sent_at, updated_at = $1
FROM sent
WHERE o.revocation_id = sent.revocation_id AND o.holder = sent.holder

-- name: claims
-- Removals reported by holders that can be asked, the most urgent first, without holders that are being asked now.
SELECT h.name AS holder, h.kind, h.holdings_url, c.revocation_id, c.article_id
FROM holder AS h
CROSS JOIN LATERAL (
    SELECT o.revocation_id, r.article_id
    FROM obligation AS o JOIN revocation AS r USING (revocation_id)
    WHERE o.holder = h.name AND o.state = 'removed' AND (o.check_at IS NULL OR o.check_at <= $1)
    ORDER BY o.due_at, o.revocation_id
    LIMIT $2
) AS c
WHERE h.name <> ALL ($3::text[])

-- name: verify
UPDATE obligation AS o
SET state = 'verified', verified_at = $4, evidence = n.evidence, check_at = NULL, updated_at = $4
FROM unnest($2::uuid[], $3::jsonb[]) AS n (revocation_id, evidence)
WHERE o.holder = $1 AND o.revocation_id = n.revocation_id AND o.state = 'removed'
RETURNING o.opened_at

-- name: start_expiry
-- The publisher holds no copy any more, so no new copies arise: copies that are deleted by age are gone after their
-- time.
UPDATE obligation AS o
SET closes_at = x.closes_at, due_at = greatest(o.due_at, x.closes_at), updated_at = $2
FROM obligation AS p, holder AS h
CROSS JOIN LATERAL (SELECT $2::timestamptz + make_interval(secs => 3600 * least(h.content_retention_h, 87600)) AS closes_at) AS x
WHERE o.revocation_id = ANY ($1::uuid[]) AND o.kind = 'expiry' AND o.closes_at IS NULL AND h.name = o.holder
  AND p.revocation_id = o.revocation_id AND p.holder = $3 AND p.state = 'verified'

-- name: unverifiable
-- Removals reported by consumers that no longer have an address for a holdings check.
SELECT o.revocation_id, o.holder
FROM obligation AS o JOIN holder AS h ON h.name = o.holder
WHERE o.state = 'removed' AND h.kind = 'consumer' AND h.holdings_url IS NULL
ORDER BY o.revocation_id, o.holder
LIMIT $1

-- name: close_unverifiable
UPDATE obligation AS o
SET state = 'verified', verified_at = $3, check_at = NULL, updated_at = $3,
    evidence = jsonb_build_object('how', 'own statement', 'why', 'no holdings address', 'answers', o.answers)
FROM unnest($1::uuid[], $2::text[]) AS n (revocation_id, holder), holder AS h
WHERE o.revocation_id = n.revocation_id AND o.holder = n.holder AND o.state = 'removed'
  AND h.name = o.holder AND h.kind = 'consumer' AND h.holdings_url IS NULL
RETURNING o.revocation_id

-- name: reopen
-- The holder still has what it reported as removed, so its receipt does not count. The order is resent after a delay
-- that grows each time ($4). A receipt that arrives before does not change the delay.
UPDATE obligation
SET state = 'open', answers = '{}', removed_at = NULL, reopened = reopened + 1, check_at = NULL, updated_at = $3,
    resend_at = CASE WHEN resend_at > $3 THEN resend_at
                     ELSE $3 + ($4::interval[])[least(reopened + 1, cardinality($4::interval[]))] END
WHERE holder = $1 AND revocation_id = ANY ($2::uuid[]) AND state = 'removed'
RETURNING revocation_id, resend_at

-- name: resend
-- Ends the delay before an order is resent to a holder.
UPDATE obligation
SET resend_at = NULL, updated_at = $3
WHERE holder = $1 AND revocation_id = ANY ($2::uuid[]) AND state IN ('open', 'notified')
RETURNING revocation_id

-- name: unanswered
-- The most urgent orders that a holder has not answered.
SELECT revocation_id
FROM obligation
WHERE holder = $1 AND state IN ('open', 'notified') AND kind <> 'expiry'
ORDER BY due_at, revocation_id
LIMIT $2

-- name: open_holders
-- Holders that have not closed an order: those to which it may be sent now, and when it may be sent to the next of the
-- others.
SELECT revocation_id,
       coalesce(array_agg(holder ORDER BY holder) FILTER (WHERE resend_at IS NULL OR resend_at <= $2), '{}') AS due,
       min(resend_at) FILTER (WHERE resend_at > $2) AS next_at
FROM obligation
WHERE revocation_id = ANY ($1::uuid[]) AND kind <> 'expiry' AND state IN ('open', 'notified', 'removed')
GROUP BY revocation_id

-- name: still_held
SELECT holder, count(*) AS articles
FROM obligation
WHERE reopened > 0 AND state IN ('open', 'notified', 'removed')
GROUP BY holder
ORDER BY holder

-- name: postpone_check
UPDATE obligation SET check_at = $3 WHERE holder = $1 AND revocation_id = ANY ($2::uuid[]) AND state = 'removed'

-- name: expire
-- The holder's time has passed, so the copy was deleted by age.
UPDATE obligation
SET state = 'verified', verified_at = $1, updated_at = $1,
    evidence = jsonb_build_object('how', 'expiry', 'closes_at', closes_at)
WHERE (revocation_id, holder) IN (
    SELECT revocation_id, holder FROM obligation
    WHERE kind = 'expiry' AND state IN ('open', 'notified') AND closes_at <= $1
    ORDER BY closes_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED
)

-- name: lateness
-- Obligations of orders that only withhold are never late.
SELECT holder,
       count(*) FILTER (WHERE o.due_at <= $1) AS overdue,
       count(*) FILTER (WHERE o.due_at > $1
                        AND $1 >= r.clock_started_at + $2::float8 * (o.due_at - r.clock_started_at)) AS at_risk,
       min(o.due_at) AS oldest_due_at
FROM obligation AS o JOIN revocation AS r USING (revocation_id)
WHERE o.state IN ('open', 'notified', 'removed') AND o.kind <> 'expiry' AND r.kind <> 'withheld'
GROUP BY holder
ORDER BY holder

-- name: open_by_holder
-- All active holders, and others with open obligations. An order that only withholds has no deadline.
SELECT n.holder, o.kind, o.state, coalesce(o.obligations, 0) AS obligations, o.oldest_at, o.next_due_at
FROM (SELECT name AS holder FROM holder WHERE status = 'active'
      UNION
      SELECT holder FROM obligation WHERE state IN ('open', 'notified', 'removed')) AS n
LEFT JOIN (
    SELECT o.holder, r.kind, o.state, count(*) AS obligations,
           min(o.opened_at) FILTER (WHERE o.kind <> 'expiry') AS oldest_at,
           min(o.due_at) FILTER (WHERE o.kind <> 'expiry' AND r.kind <> 'withheld') AS next_due_at
    FROM obligation AS o JOIN revocation AS r USING (revocation_id)
    WHERE o.state IN ('open', 'notified', 'removed')
    GROUP BY 1, 2, 3
) AS o USING (holder)
ORDER BY n.holder, o.kind, o.state

-- name: overdue
SELECT o.revocation_id, o.holder, r.article_id, r.order_no, o.state, o.due_at, o.attempts, r.attempts AS sendings,
       o.notified_at, o.removed_at, o.reopened, r.backlog
FROM obligation AS o JOIN revocation AS r USING (revocation_id)
WHERE o.state IN ('open', 'notified', 'removed') AND o.kind <> 'expiry' AND o.due_at <= $1
  AND r.kind <> 'withheld' AND (o.due_at, o.revocation_id, o.holder) > ($2, $3, $4)
  AND ($5::text IS NULL OR o.holder = $5)
ORDER BY o.due_at, o.revocation_id, o.holder
LIMIT $6

-- name: open_of_holder
-- A holder's open obligations, the most urgent first, each with its last answer.
SELECT o.revocation_id, r.article_id, r.order_no, r.kind AS order_kind, o.kind, o.state, o.due_at, o.closes_at, o.opened_at,
       r.attempts, o.notified_at, o.reopened, o.resend_at, a.answered_at, a.attempt AS answered_attempt, a.meaning
FROM obligation AS o
JOIN revocation AS r USING (revocation_id)
LEFT JOIN LATERAL (
    SELECT answered_at, attempt, meaning
    FROM receipt
    WHERE article_id = r.article_id AND order_no = r.order_no AND holder = o.holder AND authenticated
    ORDER BY received_at DESC, id DESC
    LIMIT 1
) AS a ON true
WHERE o.holder = $1 AND o.state IN ('open', 'notified', 'removed') AND (o.due_at, o.revocation_id) > ($2, $3)
ORDER BY o.due_at, o.revocation_id
LIMIT $4

-- name: open_sums
-- Obligations of orders that only withhold, or of expiry holders, are never overdue.
SELECT h.name AS holder, s.open, s.overdue, s.oldest_at, s.next_due_at
FROM unnest($1::text[]) AS h (name)
CROSS JOIN LATERAL (
    SELECT count(*) AS open,
           count(*) FILTER (WHERE o.due_at <= $2 AND o.kind <> 'expiry' AND r.kind <> 'withheld') AS overdue,
           min(o.opened_at) AS oldest_at,
           min(o.due_at) FILTER (WHERE o.due_at > $2 AND r.kind <> 'withheld') AS next_due_at
    FROM obligation AS o JOIN revocation AS r USING (revocation_id)
    WHERE o.holder = h.name AND o.state IN ('open', 'notified', 'removed')
) AS s

-- name: open_prompt
SELECT count(*) FROM obligation WHERE state IN ('open', 'notified', 'removed') AND kind <> 'expiry'

-- name: of_revocations
SELECT revocation_id, holder, kind, copy_kinds, answers, due_at, state, attempts, opened_at, notified_at, removed_at,
       verified_at, superseded_at, reopened, closes_at, evidence
FROM obligation
WHERE revocation_id = ANY ($1::uuid[])
ORDER BY revocation_id, holder

-- name: unclosed_of_holder
SELECT count(*) FROM obligation WHERE holder = $1 AND state IN ('open', 'notified', 'removed')

-- name: counts
SELECT kind = 'expiry' AS by_time, state, count(*) AS obligations
FROM obligation
GROUP BY 1, 2

-- name: unclosed_counts
SELECT kind = 'expiry' AS by_time, state, count(*) AS obligations
FROM obligation
WHERE state IN ('open', 'notified', 'removed')
GROUP BY 1, 2
