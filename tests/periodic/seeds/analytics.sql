-- 200,000 rows a table, nearly all of them done with.

-- name: facet
INSERT INTO facet (article_id, version, order_no, revoked, withheld, withheld_locally, retention_date, published_at,
                   filter_key_id, words, value_ids)
SELECT 'metabase:' || n, 1, 0, n % 1000 = 0, n % 1000 = 1, n % 1000 = 1, now() - n * interval '1 minute', CASE WHEN n % 1000 > 0 THEN now() END,
       1, 1, '{1}' FROM generate_series(1, 200000) AS n

-- name: rollup
INSERT INTO rollup (dimension, day, filter_key_id, value_id, articles, words)
SELECT 1, now()::date, n, n, 1, 1 FROM generate_series(1, 200000) AS n

-- name: value
INSERT INTO value (dimension, text) SELECT 1, n::text FROM generate_series(1, 200000) AS n

-- name: compliance_run
INSERT INTO compliance_run (run_id, started_at, ended_at, completed, mock)
SELECT lpad(to_hex(n), 32, '0')::uuid, now() - n * interval '1 minute', now() - n * interval '1 minute', true, true FROM generate_series(1, 200000) AS n
