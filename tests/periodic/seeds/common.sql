-- 200,000 rows a table, nearly all of them done with.

-- name: outbox_priority
INSERT INTO outbox_priority (event_id, topic, key, type, value, queued_at, sent_at)
SELECT lpad(to_hex(n), 32, '0')::uuid, 't', 'metabase:' || n, 'y', 'v', now() - n * interval '10 seconds',
       CASE WHEN n > 20 THEN now() - n * interval '10 seconds' END FROM generate_series(1, 200000) AS n

-- name: inbox
INSERT INTO inbox (consumer, source, event_id, received_at) SELECT 'c', 's', n::text, now() - n * interval '10 seconds' FROM generate_series(1, 200000) AS n

-- name: quarantine
INSERT INTO quarantine (id, source, topic, partition, kafka_offset, reason, detail, value, headers, set_aside_at, purge_at,
                        resolved_at)
SELECT lpad(to_hex(n), 32, '0')::uuid, 's', 't', 0, n, 'r', 'd', CASE WHEN n < 500 THEN 'v'::bytea END, '{}', now() - n * interval '1 minute', CASE WHEN n < 500 THEN now() END,
       CASE WHEN n >= 500 THEN now() END FROM generate_series(1, 200000) AS n

-- name: incident
INSERT INTO incident (id, kind, subject, detail, opened_at, closed_at, closed_by)
SELECT lpad(to_hex(n), 32, '0')::uuid, 'k', 'metabase:' || n, 'd', now() - n * interval '1 minute', CASE WHEN n > 5 THEN now() END, 'p' FROM generate_series(1, 200000) AS n

-- name: job_run
INSERT INTO job_run (id, job, cause, exclusive, started_at, heartbeat_at, ended_at, outcome)
SELECT lpad(to_hex(n), 32, '0')::uuid, 'job ' || n % 7, 'c', false, now() - n * interval '1 minute', now() - n * interval '1 minute', now() - n * interval '1 minute', 'done' FROM generate_series(1, 200000) AS n
