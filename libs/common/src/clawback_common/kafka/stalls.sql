-- name: stalled
-- Returns a row when the first alert of the lane is due, or the next one after an hour.
INSERT INTO stalled_lane AS s (consumer_group, topic, partition, kafka_offset, kind, stalled_at, reported_at)
VALUES ($1, $2, $3, $4, $5, $6, $6)
ON CONFLICT (consumer_group, topic, partition) DO UPDATE
SET kafka_offset = excluded.kafka_offset, kind = excluded.kind, reported_at = excluded.reported_at
WHERE s.reported_at <= $7
RETURNING consumer_group

-- name: kinds
SELECT kind FROM stalled_lane WHERE consumer_group = $1 AND topic = $2 AND partition = ANY ($3::int[])

-- name: resumed
-- Returns the partitions that have processed the record at which they had stalled.
DELETE FROM stalled_lane AS s
USING unnest($3::int[], $4::bigint[]) AS r (partition, next_offset)
WHERE s.consumer_group = $1 AND s.topic = $2 AND s.partition = r.partition AND s.kafka_offset < r.next_offset
RETURNING s.partition

-- name: still
SELECT count(*) FROM stalled_lane WHERE consumer_group = $1 AND topic = $2
