-- name: keep
INSERT INTO consumer_offset AS o (consumer_group, topic, partition, next_offset)
SELECT $1, * FROM unnest($2::text[], $3::int[], $4::bigint[])
ON CONFLICT (consumer_group, topic, partition) DO UPDATE SET next_offset = excluded.next_offset

-- name: stored
SELECT topic, partition, next_offset FROM consumer_offset WHERE consumer_group = $1
