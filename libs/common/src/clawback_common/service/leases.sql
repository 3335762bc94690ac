-- name: create
-- The first lease with this name.
INSERT INTO lease (name, token, holder, until) VALUES ($1, 1, $2, clock_timestamp() + $3)
ON CONFLICT (name) DO NOTHING
RETURNING token

-- name: acquire
-- A lease is free when it has expired, or when the session of its holder has ended: the holder keeps an advisory lock on
-- name and token in its session. A locked row is skipped: a transaction of the holder is still open, or another process
-- is acquiring the lease. The advisory lock that is tested here is released after this statement.
WITH free AS MATERIALIZED (
    SELECT name FROM lease
    WHERE name = $1
      AND (until <= clock_timestamp()
           OR holder IS NOT NULL AND pg_try_advisory_xact_lock(hashtext(name), (token % 2147483647)::int))
    FOR UPDATE SKIP LOCKED
)
UPDATE lease AS l SET token = l.token + 1, holder = $2, until = clock_timestamp() + $3
FROM free
WHERE l.name = free.name
RETURNING l.token

-- name: lock_session
-- Ends with the session, so a killed process leaves no lease behind. A frozen process or a lost node keeps it; then the
-- lease expires.
SELECT pg_advisory_lock(hashtext($1), ($2::bigint % 2147483647)::int)

-- name: unlock_session
SELECT pg_advisory_unlock(hashtext($1), ($2::bigint % 2147483647)::int)

-- name: renew
-- Updates no key column, so the holder's own transactions do not delay it.
UPDATE lease SET until = clock_timestamp() + $4 WHERE name = $1 AND token = $2 AND holder = $3
RETURNING token

-- name: release
UPDATE lease SET holder = NULL, until = clock_timestamp() WHERE name = $1 AND token = $2 AND holder = $3

-- name: check
-- Until the transaction ends, no other process can acquire the lease.
SELECT token FROM lease WHERE name = $1 AND token = $2 AND holder = $3 FOR KEY SHARE

-- name: until
SELECT until FROM lease WHERE name = $1 AND until > clock_timestamp()
