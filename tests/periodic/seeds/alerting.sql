-- 200,000 rows a table, nearly all of them done with.

-- name: alert
INSERT INTO alert (fingerprint, name, service, severity, summary, labels, is_event, status, occurrence, count,
                   first_at, last_at, resolved_at)
SELECT n::text, 'n', 's', 'info', 's', '{}', false, CASE WHEN n > 50 THEN 'resolved' ELSE 'firing' END, 1, 1,
       now() - n * interval '1 minute', now() - n * interval '1 minute', now() - n * interval '1 minute' FROM generate_series(1, 200000) AS n

-- name: message
INSERT INTO message (message_id, recipient, channel, severity, rank, due_at, next_try_at, attempts, sent_at)
SELECT lpad(to_hex(n), 32, '0')::uuid, 'r', 'sms', 'info', 1, now() - n * interval '1 minute', now() - n * interval '1 minute', 1, CASE WHEN n > 5 THEN now() END FROM generate_series(1, 200000) AS n

-- name: notification
INSERT INTO notification (fingerprint, occurrence, recipient, channel, what, number, message_id, alert)
SELECT n::text, 1, 'r', 'sms', 'raised', 0, lpad(to_hex(n), 32, '0')::uuid,
       '{"until": null, "ended_by": null, "since": "2026-01-01T00:00:00Z", "name": "n", "service": "s", "severity": "info", "summary": "s", "labels": {}, "is_event": false}'::jsonb FROM generate_series(1, 200000) AS n

-- name: silence
INSERT INTO silence (silence_id, matchers, starts_at, ends_at, created_by, created_at, comment)
SELECT lpad(to_hex(n), 32, '0')::uuid, '{x}', now() - n * interval '1 minute', now() - n * interval '1 minute', 'p', now() - n * interval '1 minute', 'c' FROM generate_series(1, 200000) AS n

-- name: alert_group
INSERT INTO alert_group (group_key, flush_at) SELECT n::text, now() - n * interval '1 minute' FROM generate_series(1, 200000) AS n
