-- name: add
-- Changes the counts in a fixed order. Then changes the reference counts of values: by created and emptied rollup rows
-- ($1 to $6), and by withheld articles ($7, $8). Returns the number of these values that were deleted meanwhile, in
-- every row, and the rows whose count is now 0.
WITH counted AS (
    INSERT INTO rollup AS r (dimension, day, cell_id, value_id, articles, words)
    SELECT * FROM unnest($1::smallint[], $2::date[], $3::bigint[], $4::bigint[], $5::int[], $6::bigint[])
                  AS d (dimension, day, cell_id, value_id, articles, words)
    ORDER BY dimension, day, cell_id, value_id
    ON CONFLICT (dimension, day, cell_id, value_id) DO UPDATE
    SET articles = r.articles + excluded.articles, words = r.words + excluded.words
    RETURNING new.dimension, new.day, new.cell_id, new.value_id, old.articles IS NULL AS created,
              new.articles = 0 AS emptied
), needed AS (
    SELECT value_id, sum(by)::int AS by
    FROM (
        SELECT value_id, created::int - emptied::int AS by FROM counted WHERE created OR emptied
        UNION ALL
        SELECT * FROM unnest($7::bigint[], $8::int[])
    ) AS n (value_id, by)
    GROUP BY value_id
    HAVING sum(by) <> 0
), locked AS (
    SELECT v.id, n.by FROM value AS v JOIN needed AS n ON n.value_id = v.id ORDER BY v.id FOR NO KEY UPDATE OF v
), referred AS (
    UPDATE value AS v SET refs = v.refs + l.by FROM locked AS l WHERE v.id = l.id RETURNING v.id
)
SELECT g.deleted, d.dimension, d.day, d.cell_id, d.value_id
FROM (SELECT (SELECT count(*) FROM needed) - (SELECT count(*) FROM referred) AS deleted) AS g
LEFT JOIN (SELECT * FROM counted WHERE emptied) AS d ON true

-- name: delete_emptied
-- The rows whose count is 0, already locked by this transaction.
DELETE FROM rollup AS r
USING unnest($1::smallint[], $2::date[], $3::bigint[], $4::bigint[]) AS d (dimension, day, cell_id, value_id)
WHERE (r.dimension, r.day, r.cell_id, r.value_id) = (d.dimension, d.day, d.cell_id, d.value_id) AND r.articles = 0

-- name: new_cache_version
-- Called last before the commit, because concurrent counting transactions wait here for each other.
UPDATE generation SET number = number + 1, mark = gen_random_uuid()

-- name: cache_version
SELECT mark FROM generation

-- name: values
-- The values with the most articles, over the matching days and cells. Of equal counts, the older value comes first.
SELECT r.value_id, sum(r.articles)::bigint AS articles, sum(r.words)::bigint AS words
FROM rollup AS r
JOIN cell AS c ON c.id = r.cell_id
WHERE r.dimension = $1 AND r.day >= $2 AND r.day <= $3
  AND ($4::text IS NULL OR c.language = $4) AND ($5::text IS NULL OR c.source = $5)
  AND ($6::text IS NULL OR $6 = ANY (c.licences))
GROUP BY r.value_id
HAVING $8::bigint IS NULL OR (-sum(r.articles), r.value_id) > (-$8::bigint, $9::bigint)
ORDER BY articles DESC, r.value_id
LIMIT $7

-- name: days
-- The newest days with articles.
SELECT r.day, sum(r.articles)::bigint AS articles, sum(r.words)::bigint AS words
FROM rollup AS r
JOIN cell AS c ON c.id = r.cell_id
WHERE r.dimension = $1 AND r.day >= $2 AND r.day <= $3
  AND ($4::text IS NULL OR c.language = $4) AND ($5::text IS NULL OR c.source = $5)
  AND ($6::text IS NULL OR $6 = ANY (c.licences))
GROUP BY r.day
ORDER BY r.day DESC
LIMIT $7
