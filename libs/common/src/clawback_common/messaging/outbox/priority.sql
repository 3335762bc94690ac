-- name: put
-- The same event again (a resent order, a dead letter of a redelivered batch) is the same row. It is sent once more
-- only with "again".
INSERT INTO outbox_priority AS o (event_id, topic, key, type, value, traceparent, queued_at)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::text[], $7::timestamptz[])
ON CONFLICT (event_id) DO UPDATE
    SET value = excluded.value, sent_at = NULL, queued_at = excluded.queued_at, traceparent = excluded.traceparent
    WHERE $8 AND o.sent_at IS NOT NULL AND o.set_aside IS NULL

-- name: waiting
-- Up to 8 MiB together, and at least one row. Values are measured without being read.
SELECT id, event_id, topic, key, type, value, traceparent, queued_at, following IS NOT NULL AS followed
FROM (
    SELECT *, lead(id) OVER by_id AS following, sum(octet_length(value)) OVER by_id - octet_length(value) AS bytes_before
    FROM (
        SELECT id, event_id, topic, key, type, value, traceparent, queued_at
        FROM outbox_priority
        WHERE id > $1 AND sent_at IS NULL AND set_aside IS NULL
        ORDER BY id
        LIMIT $2 + 1
    ) AS w
    WINDOW by_id AS (ORDER BY id)
) AS measured
WHERE bytes_before < 8388608
ORDER BY id
LIMIT $2

-- name: sent
-- Only while this process holds the lease ($5 to $7), which no other process can acquire before the statement ends.
WITH fence AS MATERIALIZED (
    SELECT FROM lease WHERE name = $5 AND token = $6 AND holder = $7 FOR KEY SHARE
)
UPDATE outbox_priority AS o
SET sent_at = $4, partition = s.partition, kafka_offset = s.kafka_offset
FROM unnest($1::bigint[], $2::int[], $3::bigint[]) AS s (id, partition, kafka_offset)
WHERE o.id = s.id AND EXISTS (SELECT FROM fence)

-- name: last_sent
-- The greatest confirmed offset of each partition of a topic since then.
SELECT partition, max(kafka_offset) AS kafka_offset FROM outbox_priority
WHERE topic = $1 AND sent_at >= $2 AND partition IS NOT NULL
GROUP BY partition

-- name: send_again
-- Sends again what the broker has lost; receivers ignore what they have.
UPDATE outbox_priority SET sent_at = NULL, partition = NULL, kafka_offset = NULL
WHERE topic = $1 AND sent_at >= $2 AND partition IS NOT NULL AND set_aside IS NULL

-- name: set_aside
UPDATE outbox_priority SET set_aside = $2 WHERE id = $1

-- name: depth
SELECT count(*) AS waiting, min(queued_at) AS oldest
FROM outbox_priority
WHERE sent_at IS NULL AND set_aside IS NULL
