-- name: record
-- Adds a row per recipient and channel if the consent differs from the latest one.
INSERT INTO consent (recipient, channel, address, consented_at, consented_by, withdrawn_at, recorded_at)
SELECT n.recipient, n.channel, n.address, n.consented_at, n.consented_by, n.withdrawn_at, $7
FROM unnest($1::text[], $2::date[], $3::text[], $4::date[], $5::text[], $6::text[])
     AS n (recipient, consented_at, consented_by, withdrawn_at, channel, address)
LEFT JOIN LATERAL (
    SELECT c.address, c.consented_at, c.consented_by, c.withdrawn_at FROM consent AS c
    WHERE c.recipient = n.recipient AND c.channel = n.channel
    ORDER BY c.id DESC
    LIMIT 1
) AS last ON true
WHERE (last.address, last.consented_at, last.consented_by, last.withdrawn_at)
      IS DISTINCT FROM (n.address, n.consented_at, n.consented_by, n.withdrawn_at)
ORDER BY n.recipient, n.channel

-- name: history
-- Addresses are not included; they are only in the routes file.
SELECT recipient, channel, consented_at, consented_by, withdrawn_at, recorded_at
FROM consent
ORDER BY id DESC
LIMIT $1
