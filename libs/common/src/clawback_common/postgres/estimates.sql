-- name: bytes
-- The size of a table, or of all its partitions.
SELECT sum(pg_relation_size(coalesce(t.relid, $1::text::regclass)))::bigint
FROM (SELECT) AS one
LEFT JOIN LATERAL pg_partition_tree($1::text::regclass) AS t ON t.isleaf

-- name: rows
SELECT n.name, sum(greatest(c.reltuples, 0))::bigint AS rows
FROM unnest($1::text[]) AS n (name)
LEFT JOIN LATERAL pg_partition_tree(n.name::regclass) AS t ON t.isleaf
JOIN pg_class AS c ON c.oid = coalesce(t.relid, n.name::regclass)
GROUP BY n.name
