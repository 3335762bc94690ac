-- 200,000 rows a table, nearly all of them done with.

-- name: article
INSERT INTO article (article_id, order_no, state, revocation_id, updated_at)
SELECT 'metabase:' || n, n, CASE n WHEN 2 THEN 'revoked' WHEN 3 THEN 'withheld' ELSE 'live' END, CASE WHEN n < 6 THEN lpad(to_hex(n), 32, '0')::uuid END, now()
FROM generate_series(1, 200000) AS n

-- name: revocation
INSERT INTO revocation (revocation_id, article_id, order_no, kind, reason, clock_started_at, due_at, ordered_at,
                        ordered_by, sent_event_id, resend_from, next_send_at, closed_at)
SELECT lpad(to_hex(n), 32, '0')::uuid, 'metabase:' || n, n, 'revoked', 'manual', now() - n * interval '1 minute', now() - n * interval '1 minute', now() - n * interval '1 minute', 'p', lpad(to_hex(n), 32, '0')::uuid, now() - n * interval '1 minute',
       CASE WHEN n <= 50 THEN now() END, CASE WHEN n > 50 THEN now() END FROM generate_series(1, 200000) AS n

-- name: obligation
INSERT INTO obligation (revocation_id, holder, kind, copy_kinds, due_at, state, opened_at, closes_at, updated_at)
SELECT lpad(to_hex(n), 32, '0')::uuid, h.name, h.kind, h.copy_kinds, now() - n * interval '1 minute', CASE WHEN n > 50 THEN 'verified' ELSE 'open' END, now() - n * interval '1 minute',
       now() - n * interval '1 minute', now() FROM generate_series(1, 200000) AS n CROSS JOIN (SELECT * FROM holder ORDER BY name LIMIT 1) AS h

-- name: notice
INSERT INTO notice (notice_id, article_id, reason, noticed_by, noticed_at, received_at, revocation_id, backlog)
SELECT lpad(to_hex(n), 32, '0')::uuid, 'metabase:' || n, 'manual', 'p', now() - n * interval '1 minute', now() - n * interval '1 minute', lpad(to_hex(n), 32, '0')::uuid, false FROM generate_series(1, 200000) AS n

-- name: receipt
INSERT INTO receipt (receipt_id, article_id, order_no, holder, attempt, removals, answered_at, received_at,
                     received_via, meaning)
SELECT lpad(to_hex(n), 32, '0')::uuid, 'metabase:' || n, n, 'ingester', 1, '{}', now() - n * interval '1 minute', now() - n * interval '1 minute', 't', 'm' FROM generate_series(1, 200000) AS n

-- name: run
INSERT INTO run (run_id, cause, requested_by, requested_at, state, started_at, ended_at, mock)
SELECT lpad(to_hex(n), 32, '0')::uuid, 'c', 'p', now() - n * interval '1 minute', 'completed', now() - n * interval '1 minute', now() - n * interval '1 minute', true FROM generate_series(1, 200000) AS n

-- name: notice_request
-- Of those that are open one revokes, one reinstates, one was refused, one needs no confirmation, one has none yet.
INSERT INTO notice_request (request_id, kind, article_ids, reason, made_by, made_at, needs_approval,
                            confirmed_by, confirmed_at, refused_by, refused_at, expires_at, executed_at)
SELECT lpad(to_hex(n), 32, '0')::uuid, CASE n WHEN 2 THEN 'reinstate' ELSE 'revoke' END, ARRAY['metabase:' || n], 'manual', 'p',
       now() - n * interval '1 minute', n <> 4, 'q', CASE WHEN n NOT IN (3, 4, 5) THEN now() END,
       'q', CASE WHEN n = 3 THEN now() END, now() + interval '7 days', CASE WHEN n > 5 THEN now() END
FROM generate_series(1, 200000) AS n

-- name: alert_state
INSERT INTO alert_state (fingerprint, watcher, name, labels, severity, summary, occurrence, raised_at, sent_at,
                   resolved_at)
SELECT n::text, 'w', 'n', '{}', 'info', 's', 1, now() - n * interval '1 minute', now() - n * interval '1 minute', CASE WHEN n > 5 THEN now() - n * interval '1 minute' END FROM generate_series(1, 200000) AS n
