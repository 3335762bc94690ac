-- name: put
INSERT INTO outbox_bulk (ref, version, traceparent, queued_at)
SELECT ref, version, traceparent, $4
FROM unnest($1::text[], $2::bigint[], $3::text[]) AS n (ref, version, traceparent)

-- name: waiting
SELECT id, ref, version, traceparent, queued_at, following IS NOT NULL AS followed
FROM (
    SELECT *, lead(id) OVER (ORDER BY id) AS following
    FROM (
        SELECT id, ref, version, traceparent, queued_at
        FROM outbox_bulk
        WHERE id > $1 AND sent_at IS NULL AND set_aside IS NULL
        ORDER BY id
        LIMIT $2 + 1
    ) AS w
) AS with_next
ORDER BY id
LIMIT $2

-- name: sent
-- Only while this process holds the lease, as in the other lane.
-- A row without a partition was skipped: its article may no longer be published, or was published again later.
WITH fence AS MATERIALIZED (
    SELECT FROM lease WHERE name = $5 AND token = $6 AND holder = $7 FOR KEY SHARE
)
UPDATE outbox_bulk AS o
SET sent_at = $4, partition = s.partition, kafka_offset = s.kafka_offset
FROM unnest($1::bigint[], $2::int[], $3::bigint[]) AS s (id, partition, kafka_offset)
WHERE o.id = s.id AND EXISTS (SELECT FROM fence)

-- name: last_sent
-- The greatest confirmed offset of each partition since then.
SELECT partition, max(kafka_offset) AS kafka_offset FROM outbox_bulk
WHERE sent_at >= $1 AND partition IS NOT NULL
GROUP BY partition

-- name: send_again
-- Sends lost messages again, in their current version; receivers ignore a version that they have.
UPDATE outbox_bulk SET sent_at = NULL, partition = NULL, kafka_offset = NULL
WHERE sent_at >= $1 AND partition IS NOT NULL AND set_aside IS NULL

-- name: set_aside
UPDATE outbox_bulk SET set_aside = $2 WHERE id = $1

-- name: depth
SELECT count(*) AS waiting, min(queued_at) AS oldest
FROM outbox_bulk
WHERE sent_at IS NULL AND set_aside IS NULL
