-- name: lock_shared
-- Issuers of orders take the shared lock, changes of holders the exclusive one. Otherwise a holder that registers while
-- an order is issued would get no obligation. It is a statement of its own, because the next statement needs a snapshot
-- from after the wait.
SELECT pg_advisory_xact_lock_shared($1)

-- name: lock_exclusive
SELECT pg_advisory_xact_lock($1)

-- name: save
INSERT INTO holder AS h (name, kind, consumer_group, purpose, filter, copy_kinds, holdings_url, contact,
                         content_retention_h, status, registered_at, registered_by, signing_keys)
VALUES ($1, $2, $3, $4, $5::jsonb, $6, $7, $8, $9, 'active', $10, $11, $12::jsonb)
ON CONFLICT (name) DO UPDATE
SET registered_at = CASE WHEN h.status = 'left' THEN excluded.registered_at ELSE h.registered_at END,
    kind = excluded.kind, consumer_group = excluded.consumer_group, purpose = excluded.purpose,
    filter = excluded.filter, copy_kinds = excluded.copy_kinds, holdings_url = excluded.holdings_url,
    contact = excluded.contact, content_retention_h = excluded.content_retention_h, signing_keys = excluded.signing_keys, status = 'active',
    left_at = NULL

-- name: leave
UPDATE holder SET status = 'left', left_at = $2 WHERE name = $1

-- name: changed
INSERT INTO holder_change (name, changed_at, changed_by, change, now) VALUES ($1, $2, $3, $4, $5::jsonb)
RETURNING id

-- name: one
SELECT name, kind, consumer_group, purpose, filter, copy_kinds, holdings_url, contact, content_retention_h, status,
       registered_at, registered_by, left_at, signing_keys
FROM holder
WHERE name = $1

-- name: registered
SELECT name FROM holder WHERE name = ANY ($1::text[])

-- name: page
SELECT name, kind, consumer_group, purpose, filter, copy_kinds, holdings_url, contact, content_retention_h, status,
       registered_at, registered_by, left_at, signing_keys
FROM holder
WHERE name > $1 AND ($2 OR status = 'active')
ORDER BY name
LIMIT $3

-- name: changes
SELECT id, changed_at, changed_by, change, now FROM holder_change WHERE name = $1 ORDER BY id DESC LIMIT $2

-- name: active
SELECT name FROM holder WHERE status = 'active' ORDER BY name

-- name: groups
SELECT consumer_group FROM holder WHERE status = 'active' AND consumer_group IS NOT NULL

-- name: of_group
SELECT name FROM holder WHERE consumer_group = $1 AND status = 'active'

-- name: signing_keys
-- Includes removed holders, because their obligations stay open.
SELECT name, signing_keys FROM holder WHERE name = ANY ($1::text[])
