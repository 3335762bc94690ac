-- name: save
-- A repeated record keeps its outcome, unless it is stored only now.
INSERT INTO submitted AS s (source, event_id, article_id, outcome, version, received_at)
SELECT $1, n.*, $6
FROM unnest($2::text[], $3::text[], $4::text[], $5::bigint[]) AS n
ORDER BY 2
ON CONFLICT (event_id, source) DO UPDATE
SET outcome = excluded.outcome, version = excluded.version, received_at = excluded.received_at
WHERE s.outcome <> 'stored' AND excluded.outcome = 'stored'

-- name: find
-- Few records share an id, which the sender chooses. Unsent rows are found by the index over unsent ones.
SELECT s.source, s.article_id, s.outcome, s.version, s.received_at, a.state,
       EXISTS (SELECT FROM outbox_bulk WHERE ref = s.article_id AND sent_at IS NULL AND set_aside IS NULL) AS waiting,
       EXISTS (SELECT FROM outbox_bulk WHERE ref = s.article_id AND version = a.version AND set_aside IS NOT NULL) AS failed,
       EXISTS (SELECT FROM notice WHERE article_id = s.article_id AND answered_at IS NULL) AS noticed
FROM submitted AS s
LEFT JOIN article AS a USING (article_id)
WHERE s.event_id = $1
ORDER BY s.received_at DESC
LIMIT 20
