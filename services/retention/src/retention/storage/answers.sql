-- name: save
-- One row per sweep and owner. An answer to an older attempt, or a repeated one, changes nothing.
INSERT INTO sweep_answer AS a (sweep_id, owner, attempt, outcome, started_at, ended_at, found, removed, held, kept,
                               archived, archives, tables, error, received_at)
SELECT n.*, $15
FROM unnest($1::uuid[], $2::text[], $3::int[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::bigint[],
            $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::jsonb[], $13::jsonb[], $14::text[])
     AS n (sweep_id, owner, attempt, outcome, started_at, ended_at, found, removed, held, kept, archived, archives,
           tables, error)
ORDER BY n.sweep_id, n.owner
ON CONFLICT (sweep_id, owner) DO UPDATE
SET attempt = excluded.attempt, outcome = excluded.outcome, started_at = excluded.started_at,
    ended_at = excluded.ended_at, found = excluded.found, removed = excluded.removed, held = excluded.held,
    kept = excluded.kept, archived = excluded.archived, archives = excluded.archives, tables = excluded.tables,
    error = excluded.error, received_at = excluded.received_at
WHERE (excluded.attempt, excluded.ended_at, excluded.outcome = 'completed')
      > (a.attempt, a.ended_at, a.outcome = 'completed')
RETURNING sweep_id, owner

-- name: owners
SELECT sweep_id, array_agg(owner) AS owners FROM sweep_answer WHERE sweep_id = ANY ($1::uuid[]) GROUP BY sweep_id

-- name: of_sweeps
SELECT sweep_id, owner, attempt, outcome, started_at, ended_at, found, removed, held, kept, archived, archives, tables,
       error, received_at
FROM sweep_answer
WHERE sweep_id = ANY ($1::uuid[])
ORDER BY sweep_id, owner
