-- name: leaves
-- A table, or the partitions that contain its rows.
SELECT coalesce(tree.relid, t.name::regclass)::oid AS table_oid, coalesce(tree.relid, t.name::regclass)::text AS name
FROM unnest($1::text[]) AS t (name)
LEFT JOIN LATERAL pg_partition_tree(t.name::regclass) AS tree ON tree.isleaf
ORDER BY name

-- name: can_look_inside
SELECT EXISTS (
    SELECT FROM pg_proc WHERE proname = 'pgstattuple_approx' AND has_function_privilege(oid, 'EXECUTE')
)

-- name: sizes
-- Bloat from the statistics: the share of dead rows.
SELECT c.oid AS table_oid, pg_total_relation_size(c.oid) AS bytes,
       coalesce(s.n_dead_tup::float8 / nullif(s.n_live_tup + s.n_dead_tup, 0), 0) AS bloat
FROM pg_class AS c
LEFT JOIN pg_stat_user_tables AS s ON s.relid = c.oid
WHERE c.oid = ANY ($1::oid[])

-- name: unfinished_indexes
-- Invalid index copies left by an interrupted REINDEX CONCURRENTLY, which are still updated.
SELECT i.indexrelid::regclass::text AS name
FROM pg_index AS i
JOIN pg_class AS c ON c.oid = i.indexrelid
WHERE i.indrelid = ANY ($1::oid[]) AND NOT i.indisvalid AND c.relname ~ '_cc(new|old)[0-9]*$'
ORDER BY name
