-- name: of_parent
-- The parent's partitions, including those whose detach was interrupted, and detached tables with such a name.
SELECT c.relname AS name, i.inhrelid IS NOT NULL AS attached, coalesce(i.inhdetachpending, false) AS pending
FROM pg_class AS c
LEFT JOIN pg_inherits AS i ON i.inhrelid = c.oid AND i.inhparent = $1::regclass
WHERE c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = $1::regclass)
  AND c.relkind = 'r' AND (i.inhrelid IS NOT NULL OR c.relname ~ ('^' || $1 || '_[0-9]{4}_[0-9]{2}$'))
ORDER BY c.relname

-- name: writers
-- Transactions that have written to a table and are still open.
SELECT virtualtransaction AS writer
FROM pg_locks
WHERE locktype = 'relation' AND relation = $1::regclass AND granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
