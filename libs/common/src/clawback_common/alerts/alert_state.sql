-- name: take
-- Locks the conditions of one watcher, so that two processes that find the same condition do not both publish it.
SELECT fingerprint, name, occurrence, raised_at, sent_at
FROM alert_state
WHERE watcher = $1 AND resolved_at IS NULL
ORDER BY fingerprint
FOR UPDATE

-- name: raise
-- A condition that has ended and holds again is a new occurrence. A firing one is published again only when its last
-- publication is old enough. Its times never go back, whatever the clocks of the processes: receivers of alerts order
-- them by these times.
INSERT INTO alert_state AS w (fingerprint, watcher, name, labels, severity, summary, occurrence, raised_at, sent_at)
SELECT n.fingerprint, $1, n.name, n.labels, n.severity, n.summary, 1, $7, $7
FROM unnest($2::text[], $3::text[], $4::jsonb[], $5::text[], $6::text[])
     AS n (fingerprint, name, labels, severity, summary)
ORDER BY n.fingerprint
ON CONFLICT (fingerprint) DO UPDATE
SET occurrence = w.occurrence + 1, watcher = excluded.watcher, summary = excluded.summary, severity = excluded.severity,
    sent_at = greatest($7, w.sent_at + interval '1 ms', w.resolved_at + interval '1 ms'),
    raised_at = CASE WHEN w.resolved_at IS NULL THEN w.raised_at
                     ELSE greatest($7, w.sent_at + interval '1 ms', w.resolved_at + interval '1 ms') END,
    resolved_at = NULL
WHERE w.resolved_at IS NOT NULL OR w.sent_at <= $8
RETURNING new.fingerprint, new.occurrence, new.sent_at

-- name: resolve
UPDATE alert_state SET resolved_at = greatest($2, sent_at + interval '1 ms'), occurrence = occurrence + 1
WHERE fingerprint = ANY ($1::text[]) AND resolved_at IS NULL
RETURNING fingerprint, name, occurrence, resolved_at

-- name: silent
SELECT fingerprint FROM alert_state
WHERE watcher = $1 AND resolved_at IS NULL AND sent_at <= $2
ORDER BY fingerprint
FOR UPDATE

-- name: raised
SELECT fingerprint, name, labels, severity, summary, raised_at, sent_at
FROM alert_state
WHERE resolved_at IS NULL
ORDER BY raised_at, fingerprint
LIMIT $1

-- name: firing
SELECT fingerprint FROM alert_state WHERE resolved_at IS NULL ORDER BY fingerprint

-- name: begin
INSERT INTO first_start (started_at) VALUES ($1) ON CONFLICT DO NOTHING

-- name: begun
SELECT started_at FROM first_start

-- name: beat
INSERT INTO heartbeat (role, seen_at) VALUES ($1, $2)
ON CONFLICT (role) DO UPDATE SET seen_at = excluded.seen_at

-- name: seen
SELECT seen_at FROM heartbeat WHERE role = $1
