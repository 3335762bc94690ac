-- 200,000 rows a table, nearly all of them done with.

-- name: article
INSERT INTO article (article_id, retention_date, received_at, updated_at, source_order, version, state, order_no)
SELECT 'metabase:' || n, date_trunc('day', now()) - n * interval '5 seconds', now(), now(), n, 1,
       CASE WHEN n % 1000 = 0 THEN 'revoked' WHEN n % 1000 = 1 THEN 'withheld'
            WHEN n % 1000 = 2 THEN 'embargoed' ELSE 'live' END, 0 FROM generate_series(1, 200000) AS n

-- name: article_content
INSERT INTO article_content (retention_date, article_id, version, document, published_at, sentiment, terms, search)
SELECT date_trunc('day', now()) - n * interval '5 seconds', 'metabase:' || n, 1, '{}', date_trunc('day', now()) - n * interval '5 seconds', n % 100, t.terms,
       CASE WHEN n > 20 THEN search_vector(jsonb_build_object('title', 'word ' || n % 1000), t.terms) END
FROM generate_series(1, 200000) AS n
CROSS JOIN LATERAL (SELECT ARRAY['language:en', 'topic:t' || n % 1000] AS terms) AS t
WHERE n % 1000 <> 0

-- name: outbox_bulk
INSERT INTO outbox_bulk (ref, version, queued_at, sent_at)
SELECT 'metabase:' || n, 1, now(), CASE WHEN n > 20 THEN now() - n * interval '10 seconds' END FROM generate_series(1, 200000) AS n

-- name: notice
INSERT INTO notice (notice_id, article_id, feed, reason, noticed_at, next_send_at, answered_at)
SELECT lpad(to_hex(n), 32, '0')::uuid, 'metabase:' || n, 'f', 'licensor', now() - n * interval '1 minute', now() - n * interval '1 minute', CASE WHEN n > 5 THEN now() - n * interval '1 minute' END FROM generate_series(1, 200000) AS n

-- name: delivery
INSERT INTO delivery (provider, webhook_id, body_sha256, answer, received_at, processed_at)
SELECT 'p', n::text, 'x', '{}', now() - n * interval '1 minute', now() - n * interval '1 minute' FROM generate_series(1, 200000) AS n

-- name: submission
INSERT INTO submission (caller, idempotency_key, body_sha256, answer, received_at)
SELECT 'c', n::text, 'x', '{}', now() - n * interval '1 minute' FROM generate_series(1, 200000) AS n

-- name: feed_poll
INSERT INTO feed_poll (poll_id, feed, cause, started_at, ended_at)
SELECT lpad(to_hex(n), 32, '0')::uuid, 'feed ' || n % 3, 'c', now() - n * interval '1 minute', now() - n * interval '1 minute' FROM generate_series(1, 200000) AS n

-- name: api_call
INSERT INTO api_call (feed, endpoint, started_at, took_ms, outcome)
SELECT 'f', 'e', now() - n * interval '1 minute', 1, 'ok' FROM generate_series(1, 200000) AS n
