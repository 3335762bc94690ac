-- name: told
-- What each recipient was told of these occurrences. Given up counts as told: the next reminder is another try.
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
-- When each group is told: it collects until then; told a moment ago it waits for its interval; else its wait begins.
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
-- A message that nobody has begun to send takes more alerts; the gravest of them says how soon it goes.
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

-- name: tell
INSERT INTO notification (fingerprint, occurrence, recipient, channel, what, number, message_id, told)
SELECT * FROM unnest($1::text[], $2::int[], $3::text[], $4::text[], $5::text[], $6::int[], $7::uuid[], $8::jsonb[])
ON CONFLICT DO NOTHING

-- name: claim
-- The most urgent message of a channel, leased: two workers do not take the same, and what a dead one took comes again.
-- A lease ends by the clock of the database, for workers' clocks may differ.
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
-- What a message tells, and whether it has ended since.
SELECT n.fingerprint, n.occurrence, n.what, n.number, n.told, a.occurrence AS occurrence_now, a.status AS status_now,
       a.resolved_at AS resolved_now, a.resolved_by AS resolved_by_now
FROM notification AS n
LEFT JOIN alert AS a USING (fingerprint)
WHERE n.message_id = $1
ORDER BY n.fingerprint, n.occurrence, n.what, n.number

-- name: sent
-- Whoever has sent it says so, also when another sender has claimed it meanwhile: it need not be sent again.
UPDATE message SET sent_at = $2, leased_until = NULL, error = NULL WHERE message_id = $1 AND sent_at IS NULL

-- name: failed
-- The attempt that a claim counts is its fencing token: a sender that was frozen frees no claim of another.
UPDATE message SET next_try_at = $3, leased_until = NULL, error = $4
WHERE message_id = $1 AND attempts = $2 AND sent_at IS NULL

-- name: give_up
UPDATE message SET given_up_at = $3, leased_until = NULL, error = $4
WHERE message_id = $1 AND attempts = $2 AND sent_at IS NULL

-- name: revive
-- The channel works again: whatever waited for its next try has it now.
UPDATE message SET next_try_at = $2
WHERE channel = $1 AND sent_at IS NULL AND given_up_at IS NULL AND attempts > 0 AND next_try_at > $2

-- name: strand
-- Channels that are no longer in the routes file send nothing.
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
