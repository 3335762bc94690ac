-- name: delivered
-- What each recipient was sent of these occurrences. A given-up message counts as sent: the next reminder tries again.
SELECT n.fingerprint, n.recipient, n.channel,
       coalesce(max(n.number) FILTER (WHERE n.what = 'repeat'), 0) AS repeats,
       bool_or(n.what = 'resolved') AS resolved,
       CASE WHEN bool_and(coalesce(m.sent_at, m.given_up_at) IS NOT NULL)
            THEN max(coalesce(m.sent_at, m.given_up_at)) END AS last_sent_at
FROM notification AS n
JOIN unnest($1::text[], $2::int[]) AS w (fingerprint, occurrence) USING (fingerprint, occurrence)
JOIN message AS m USING (message_id)
GROUP BY n.fingerprint, n.recipient, n.channel

-- name: flush
-- When each group is sent: a group that collects keeps its time; one that was sent recently waits for its interval;
-- any other waits for its group_wait.
INSERT INTO alert_group AS g (group_key, flush_at)
SELECT n.group_key, $4::timestamptz + n.wait
FROM unnest($1::text[], $2::interval[], $3::interval[]) AS n (group_key, wait, pause)
ORDER BY n.group_key
ON CONFLICT (group_key) DO UPDATE
SET flush_at = (
    SELECT CASE WHEN g.flush_at > $4 THEN g.flush_at
                WHEN g.flush_at + n.pause > $4 THEN g.flush_at + n.pause
                ELSE $4 + n.wait END
    FROM unnest($1::text[], $2::interval[], $3::interval[]) AS n (group_key, wait, pause)
    WHERE n.group_key = g.group_key)
RETURNING group_key, flush_at

-- name: collect
-- A message that is not being sent accepts more alerts. Its highest severity determines its priority.
INSERT INTO message AS m (message_id, recipient, channel, severity, rank, due_at, next_try_at)
SELECT n.message_id, n.recipient, n.channel, n.severity, n.rank, n.due_at, n.due_at
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::smallint[], $6::timestamptz[])
     AS n (message_id, recipient, channel, severity, rank, due_at)
ORDER BY n.message_id
ON CONFLICT (message_id) DO UPDATE
SET severity = CASE WHEN excluded.rank < m.rank THEN excluded.severity ELSE m.severity END,
    rank = least(m.rank, excluded.rank)
WHERE m.attempts = 0
RETURNING message_id

-- name: insert_notifications
INSERT INTO notification (fingerprint, occurrence, recipient, channel, what, number, message_id, alert)
SELECT * FROM unnest($1::text[], $2::int[], $3::text[], $4::text[], $5::text[], $6::int[], $7::uuid[], $8::jsonb[])
ON CONFLICT DO NOTHING

-- name: claim
-- Claims the most urgent message of a channel with a lease. Two workers never claim the same message; when a lease
-- expires, the message can be claimed again.
-- The lease uses the clock of the database, because the clocks of the workers may differ.
UPDATE message
SET attempts = attempts + 1, leased_until = clock_timestamp() + $3
WHERE message_id = (
    SELECT message_id FROM message
    WHERE channel = $1 AND sent_at IS NULL AND given_up_at IS NULL AND next_try_at <= $2
      AND (leased_until IS NULL OR leased_until <= clock_timestamp())
    ORDER BY rank, due_at, message_id
    LIMIT 1
    FOR UPDATE SKIP LOCKED)
RETURNING message_id, recipient, channel, severity, due_at, attempts

-- name: lines
-- The alerts of a message, and whether they have ended since.
SELECT n.fingerprint, n.occurrence, n.what, n.number, n.alert, a.occurrence AS occurrence_now, a.status AS status_now,
       a.resolved_at AS resolved_now, a.resolved_by AS resolved_by_now
FROM notification AS n
LEFT JOIN alert AS a USING (fingerprint)
WHERE n.message_id = $1
ORDER BY n.fingerprint, n.occurrence, n.what, n.number

-- name: sent
-- The sender that sent the message marks it, even if another sender has claimed it since: this avoids a duplicate.
UPDATE message SET sent_at = $2, leased_until = NULL, error = NULL WHERE message_id = $1 AND sent_at IS NULL

-- name: failed
-- The number of attempts is the fencing token: a sender that was suspended cannot release the claim of another.
UPDATE message SET next_try_at = $3, leased_until = NULL, error = $4
WHERE message_id = $1 AND attempts = $2 AND sent_at IS NULL

-- name: give_up
UPDATE message SET given_up_at = $3, leased_until = NULL, error = $4
WHERE message_id = $1 AND attempts = $2 AND sent_at IS NULL

-- name: make_due
-- The channel works again: its waiting messages are due now.
UPDATE message SET next_try_at = $2
WHERE channel = $1 AND sent_at IS NULL AND given_up_at IS NULL AND attempts > 0 AND next_try_at > $2

-- name: give_up_removed
-- Gives up messages of channels that are no longer in the routes file.
UPDATE message SET given_up_at = $2, error = 'the channel is not in the routes file any more'
WHERE NOT channel = ANY ($1::text[]) AND sent_at IS NULL AND given_up_at IS NULL

-- name: waiting
SELECT channel, count(*) AS waiting, min(due_at) AS oldest
FROM message
WHERE sent_at IS NULL AND given_up_at IS NULL
GROUP BY channel

-- name: of_alert
SELECT n.occurrence, n.recipient, n.channel, n.what, n.number, m.message_id, m.due_at, m.attempts, m.sent_at,
       m.given_up_at, m.error
FROM notification AS n
JOIN message AS m USING (message_id)
WHERE n.fingerprint = $1
ORDER BY m.due_at DESC, n.recipient, n.channel, n.what, n.number
LIMIT $2
