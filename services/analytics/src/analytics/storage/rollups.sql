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
SELECT c.value_id, sum(c.articles)::bigint AS articles, sum(c.words)::bigint AS words
FROM counted_articles($1, $2, $3, $4, $5, $6, $7, $8) AS c
WHERE $9::text IS NULL OR c.value_id IN (SELECT id FROM value WHERE dimension = $1 AND label = $9)
GROUP BY c.value_id
HAVING $10::bigint IS NULL OR (-sum(c.articles), c.value_id) > (-$10::bigint, $11::bigint)
ORDER BY articles DESC, c.value_id
LIMIT $12

-- name: intervals
-- The newest days, ISO weeks or months with articles.
SELECT date_trunc($9, c.day::timestamp) AT TIME ZONE 'UTC' AS start,
       sum(c.articles)::bigint AS articles, sum(c.words)::bigint AS words
FROM counted_articles($1, $2, $3, $4, $5, $6, $7, $8) AS c
GROUP BY start
ORDER BY start DESC
LIMIT $10

-- name: hours
-- The newest hours with articles; the values of the dimension are hours of the day.
SELECT (c.day + make_time(v.text::int, 0, 0)) AT TIME ZONE 'UTC' AS start,
       sum(c.articles)::bigint AS articles, sum(c.words)::bigint AS words
FROM counted_articles($1, $2, $3, $4, $5, $6, $7, $8) AS c
JOIN value AS v ON v.id = c.value_id
GROUP BY start
ORDER BY start DESC
LIMIT $9

-- name: numbers
-- The numbers that are the values of the dimension, in the whole period.
SELECT v.text::float8 AS number, sum(c.articles)::bigint AS articles, sum(c.words)::bigint AS words
FROM counted_articles($1, $2, $3, $4, $5, $6, $7, $8) AS c
JOIN value AS v ON v.id = c.value_id
GROUP BY v.id
ORDER BY number

-- name: numbers_by_interval
-- The same in the newest days, ISO weeks or months.
WITH counted AS MATERIALIZED (
    SELECT date_trunc($9, c.day::timestamp) AT TIME ZONE 'UTC' AS start, c.value_id,
           sum(c.articles)::bigint AS articles, sum(c.words)::bigint AS words
    FROM counted_articles($1, $2, $3, $4, $5, $6, $7, $8) AS c
    GROUP BY start, c.value_id
), newest AS (
    SELECT DISTINCT start FROM counted ORDER BY start DESC LIMIT $10
)
SELECT c.start, v.text::float8 AS number, c.articles, c.words
FROM counted AS c JOIN newest AS n USING (start) JOIN value AS v ON v.id = c.value_id
ORDER BY c.start DESC, number

-- name: numbers_by_source
-- The same of the sources with the most articles.
WITH counted AS MATERIALIZED (
    SELECT c.source, c.value_id, sum(c.articles)::bigint AS articles, sum(c.words)::bigint AS words
    FROM counted_articles($1, $2, $3, $4, $5, $6, $7, $8) AS c
    GROUP BY c.source, c.value_id
), largest AS (
    SELECT source, sum(articles) AS total FROM counted GROUP BY source
    HAVING $9::bigint IS NULL OR (-sum(articles), source) > (-$9::bigint, $10::text)
    ORDER BY total DESC, source LIMIT $11
)
SELECT c.source, v.text::float8 AS number, c.articles, c.words
FROM counted AS c JOIN largest AS l USING (source) JOIN value AS v ON v.id = c.value_id
ORDER BY l.total DESC, c.source, number
