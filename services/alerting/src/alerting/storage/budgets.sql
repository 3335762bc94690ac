-- name: lock
-- Rows are locked in the order of the source, so that concurrent transactions do not deadlock.
INSERT INTO notification_budget AS b (source, hour, used)
SELECT source, date_trunc('hour', $2::timestamptz, 'UTC'), 0 FROM unnest($1::text[]) AS n (source) ORDER BY source
ON CONFLICT (source, hour) DO UPDATE SET used = b.used
RETURNING source, used

-- name: save
UPDATE notification_budget AS b
SET used = n.used,
    first_refused_at = CASE WHEN n.refused THEN coalesce(b.first_refused_at, $4::timestamptz) ELSE b.first_refused_at END
FROM unnest($1::text[], $2::int[], $3::boolean[]) AS n (source, used, refused)
WHERE b.source = n.source AND b.hour = date_trunc('hour', $4::timestamptz, 'UTC')

-- name: summarise
-- One summary per source and hour, some time after its first suppressed notification.
UPDATE notification_budget SET summarised_at = $1
WHERE first_refused_at <= $2 AND summarised_at IS NULL
RETURNING source

-- name: count_unnotified
-- Firing alerts of a source that nobody was notified of.
SELECT count(*)
FROM alert AS a
WHERE a.service = $1 AND a.status = 'firing'
  AND NOT EXISTS (SELECT FROM notification AS n WHERE n.fingerprint = a.fingerprint AND n.occurrence = a.occurrence)

-- name: delete_old
DELETE FROM notification_budget WHERE hour < $1
