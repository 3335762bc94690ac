-- 200,000 rows a table, nearly all of them done with.

-- name: sweep
INSERT INTO sweep (sweep_id, data_class, action, owners, before, dry_run, cause, requested_at, requested_by,
                   hold_ids, state, sent_at, next_send_at, closed_at)
SELECT lpad(to_hex(n), 32, '0')::uuid, 'articles', 'delete', '{ingester}', now(), false, 'c', now() - n * interval '1 hour', 'p', '{}',
       CASE WHEN n > 5 THEN 'done' ELSE 'requested' END, now() - n * interval '1 hour', CASE WHEN n <= 5 THEN now() END,
       CASE WHEN n > 5 THEN now() - n * interval '1 hour' END FROM generate_series(1, 200000) AS n

-- name: sweep_answer
INSERT INTO sweep_answer (sweep_id, owner, attempt, outcome, started_at, ended_at, received_at)
SELECT lpad(to_hex(n), 32, '0')::uuid, 'ingester', 1, 'completed', now() - n * interval '1 hour', now() - n * interval '1 hour', now() - n * interval '1 hour' FROM generate_series(6, 200000) AS n

-- name: hold
INSERT INTO hold (hold_id, data_class, reason, state, placed_by, placed_at, lift_requested_by, ended_by, ended_at)
SELECT lpad(to_hex(n), 32, '0')::uuid, 'articles', 'r', 'lifted', 'p', now() - n * interval '1 hour', 'p', 'q', now() - n * interval '1 hour' FROM generate_series(1, 200000) AS n

-- name: alert_state
INSERT INTO alert_state (fingerprint, watcher, name, labels, severity, summary, occurrence, raised_at, sent_at,
                   resolved_at)
SELECT n::text, 'w', 'n', '{}', 'info', 's', 1, now() - n * interval '1 minute', now() - n * interval '1 minute', CASE WHEN n > 5 THEN now() - n * interval '1 minute' END FROM generate_series(1, 200000) AS n
