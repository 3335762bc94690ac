-- name: save
-- A run ends once; if two endings are received, the later one is kept.
INSERT INTO compliance_run AS r (run_id, started_at, ended_at, completed, mock, noticed, closed, open, overdue)
SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[], $4::bool[], $5::bool[], $6::bigint[],
                     $7::bigint[], $8::bigint[], $9::bigint[])
              AS d (run_id, started_at, ended_at, completed, mock, noticed, closed, open, overdue)
ORDER BY run_id
ON CONFLICT (run_id) DO UPDATE SET
    started_at = excluded.started_at, ended_at = excluded.ended_at, completed = excluded.completed,
    mock = excluded.mock, noticed = excluded.noticed, closed = excluded.closed, open = excluded.open,
    overdue = excluded.overdue
WHERE excluded.ended_at > r.ended_at

-- name: page
-- The page after the last run of the previous one.
SELECT run_id, started_at, ended_at, completed, mock, noticed, closed, open, overdue
FROM compliance_run
WHERE (ended_at, run_id) < ($1, $2)
ORDER BY ended_at DESC, run_id DESC
LIMIT $3
