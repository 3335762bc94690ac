-- name: known
SELECT topic_id FROM published_log WHERE topic = $1 FOR UPDATE

-- name: note
INSERT INTO published_log (topic, topic_id, seen_at) VALUES ($1, $2, $3)
ON CONFLICT (topic) DO UPDATE SET topic_id = excluded.topic_id, seen_at = excluded.seen_at
