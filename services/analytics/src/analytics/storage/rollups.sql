-- name: add
-- Changes the counts in a fixed order; a value knows its dimension. Then changes the reference counts of values: by
-- created and emptied rollup rows ($1 to $5), and by withheld articles ($6, $7). Last, because concurrent transactions
-- wait here for each other, changes the version of the counts; in this statement, so that no round trip is made while
-- they wait. Returns the number of values that were deleted meanwhile, in every row, and the rows whose count is now 0.
WITH counted AS (
    INSERT INTO rollup AS r (dimension, day, filter_key_id, value_id, articles, words)
    SELECT v.dimension, d.*
    FROM unnest($1::date[], $2::bigint[], $3::bigint[], $4::int[], $5::bigint[])
         AS d (day, filter_key_id, value_id, articles, words)
    JOIN value AS v ON v.id = d.value_id
    ORDER BY v.dimension, d.day, d.filter_key_id, d.value_id
    ON CONFLICT (dimension, day, filter_key_id, value_id) DO UPDATE
    SET articles = r.articles + excluded.articles, words = r.words + excluded.words
    RETURNING new.dimension, new.day, new.filter_key_id, new.value_id, old.articles IS NULL AS created,
              new.articles = 0 AS emptied
), needed AS (
    SELECT value_id, sum(by)::int AS by
    FROM (
        SELECT value_id, created::int - emptied::int AS by FROM counted WHERE created OR emptied
        UNION ALL
        SELECT * FROM unnest($6::bigint[], $7::int[])
    ) AS n (value_id, by)
    GROUP BY value_id
    HAVING sum(by) <> 0
), locked AS (
    SELECT v.id, n.by FROM value AS v JOIN needed AS n ON n.value_id = v.id ORDER BY v.id FOR NO KEY UPDATE OF v
), referred AS (
    UPDATE value AS v SET refs = v.refs + l.by FROM locked AS l WHERE v.id = l.id RETURNING v.id
), versioned AS (
    UPDATE cache_version SET version = gen_random_uuid()
    WHERE cardinality($1) > 0 AND (SELECT count(*) FROM referred) >= 0  -- the count makes it wait for the values
)
SELECT g.deleted, d.dimension, d.day, d.filter_key_id, d.value_id
FROM (SELECT cardinality($1) - (SELECT count(*) FROM counted)
           + (SELECT count(*) FROM needed) - (SELECT count(*) FROM referred) AS deleted) AS g
LEFT JOIN (SELECT * FROM counted WHERE emptied) AS d ON true

-- name: delete_emptied
-- The rows whose count is 0, already locked by this transaction.
DELETE FROM rollup AS r
USING unnest($1::smallint[], $2::date[], $3::bigint[], $4::bigint[]) AS d (dimension, day, filter_key_id, value_id)
WHERE (r.dimension, r.day, r.filter_key_id, r.value_id) = (d.dimension, d.day, d.filter_key_id, d.value_id) AND r.articles = 0

-- name: cache_version
SELECT version FROM cache_version

-- name: values
-- The values with the most articles, over the matching days and filter keys. Of equal counts, the older value comes first.
SELECT r.value_id, sum(r.articles)::bigint AS articles, sum(r.words)::bigint AS words
FROM rollup AS r
JOIN filter_key AS k ON k.id = r.filter_key_id
WHERE r.dimension = $1 AND r.day >= $2 AND r.day <= $3
  AND ($4::text IS NULL OR k.language = $4) AND ($5::text IS NULL OR k.source = $5)
  AND ($6::text IS NULL OR $6 = ANY (k.licences))
GROUP BY r.value_id
HAVING $8::bigint IS NULL OR (-sum(r.articles), r.value_id) > (-$8::bigint, $9::bigint)
ORDER BY articles DESC, r.value_id
LIMIT $7

-- name: days
-- The newest days with articles.
SELECT r.day, sum(r.articles)::bigint AS articles, sum(r.words)::bigint AS words
FROM rollup AS r
JOIN filter_key AS k ON k.id = r.filter_key_id
WHERE r.dimension = $1 AND r.day >= $2 AND r.day <= $3
  AND ($4::text IS NULL OR k.language = $4) AND ($5::text IS NULL OR k.source = $5)
  AND ($6::text IS NULL OR $6 = ANY (k.licences))
GROUP BY r.day
ORDER BY r.day DESC
LIMIT $7
