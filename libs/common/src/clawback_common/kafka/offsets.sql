-- name: keep
INSERT INTO consumer_offset AS o (consumer_group, topic, partition, next_offset)
SELECT $1, * FROM unnest($2::text[], $3::int[], $4::bigint[])
ON CONFLICT (consumer_group, topic, partition) DO UPDATE SET next_offset = excluded.next_offset
WHERE excluded.next_offset > o.next_offset

-- name: rewind
UPDATE consumer_offset AS o SET next_offset = r.next_offset
FROM unnest($2::text[], $3::int[], $4::bigint[]) AS r (topic, partition, next_offset)
WHERE o.consumer_group = $1 AND o.topic = r.topic AND o.partition = r.partition AND o.next_offset > r.next_offset

-- name: stored
SELECT topic, partition, next_offset FROM consumer_offset WHERE consumer_group = $1
