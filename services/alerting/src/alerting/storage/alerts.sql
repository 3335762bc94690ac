-- name: lock_or_create
-- Locks each alert once, in the order of its key. A new alert gets a row with occurrence 0.
INSERT INTO alert AS a (fingerprint, name, service, severity, summary, labels, is_event, status, occurrence, count,
                        first_at, last_at)
SELECT f.fingerprint, '', '', 'info', '', '{}', false, 'resolved', 0, 0, $2, $2
FROM unnest($1::text[]) AS f (fingerprint)
ORDER BY f.fingerprint
ON CONFLICT (fingerprint) DO UPDATE SET fingerprint = excluded.fingerprint
RETURNING fingerprint, name, service, severity, summary, labels, is_event, status, occurrence, count, first_at, last_at,
          resolved_at, resolved_by, acknowledged_at, acknowledged_by, acknowledged_note, listed

-- name: lock_existing
-- Locks existing alerts only.
SELECT fingerprint, name, service, severity, summary, labels, is_event, status, occurrence, count, first_at, last_at,
       resolved_at, resolved_by, acknowledged_at, acknowledged_by, acknowledged_note, listed
FROM alert
WHERE fingerprint = ANY ($1::text[]) AND occurrence > 0
ORDER BY fingerprint
FOR UPDATE

-- name: save
UPDATE alert AS a
SET name = n.name, service = n.service, severity = n.severity, summary = n.summary, labels = n.labels,
    is_event = n.is_event, status = n.status, occurrence = n.occurrence, count = n.count, first_at = n.first_at,
    last_at = n.last_at, resolved_at = n.resolved_at, resolved_by = n.resolved_by,
    acknowledged_at = n.acknowledged_at, acknowledged_by = n.acknowledged_by,
    acknowledged_note = n.acknowledged_note, listed = n.listed
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[], $7::boolean[], $8::text[],
            $9::int[], $10::bigint[], $11::timestamptz[], $12::timestamptz[], $13::timestamptz[], $14::text[],
            $15::timestamptz[], $16::text[], $17::text[], $18::boolean[])
     AS n (fingerprint, name, service, severity, summary, labels, is_event, status, occurrence, count, first_at,
           last_at, resolved_at, resolved_by, acknowledged_at, acknowledged_by, acknowledged_note, listed)
WHERE a.fingerprint = n.fingerprint

-- name: firing
-- A page of keys; the caller locks the alerts of each page in a separate transaction.
SELECT fingerprint FROM alert WHERE status = 'firing' AND fingerprint > $1 ORDER BY fingerprint LIMIT $2

-- name: firing_of_name
SELECT fingerprint FROM alert WHERE status = 'firing' AND name = $1 AND last_at < $2 ORDER BY fingerprint

-- name: not_listed
-- A page of a service's listed alerts that are firing, are not on its list, and were not raised since.
SELECT fingerprint FROM alert
WHERE status = 'firing' AND listed AND service = $1 AND fingerprint <> ALL ($2::text[]) AND last_at < $3
ORDER BY fingerprint
LIMIT $4

-- name: page
SELECT fingerprint, name, service, severity, summary, labels, is_event, status, occurrence, count, first_at, last_at,
       resolved_at, resolved_by, acknowledged_at, acknowledged_by, acknowledged_note, listed
FROM alert
WHERE occurrence > 0 AND (last_at, fingerprint) < ($1, $2)
  AND ($3::text IS NULL OR status = $3) AND ($4::text IS NULL OR severity = $4) AND ($5::text IS NULL OR name = $5)
ORDER BY last_at DESC, fingerprint DESC
LIMIT $6

-- name: one
SELECT fingerprint, name, service, severity, summary, labels, is_event, status, occurrence, count, first_at, last_at,
       resolved_at, resolved_by, acknowledged_at, acknowledged_by, acknowledged_note, listed
FROM alert
WHERE fingerprint = $1 AND occurrence > 0

-- name: firing_counts
SELECT severity, count(*) AS firing FROM alert WHERE status = 'firing' GROUP BY severity
