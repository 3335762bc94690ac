-- name: index
-- Makes the oldest documents without a search vector searchable. The version is the time in milliseconds. Rows that
-- another transaction holds are left for the next call.
UPDATE article_content AS c
SET search = search_vector(c.document::jsonb, c.terms)
FROM (
    SELECT retention_date, article_id FROM article_content
    WHERE search IS NULL
    ORDER BY version
    LIMIT $1
    FOR UPDATE SKIP LOCKED
) AS n
WHERE c.retention_date = n.retention_date AND c.article_id = n.article_id

-- name: oldest
-- The oldest document without a search vector.
SELECT retention_date, article_id FROM article_content WHERE search IS NULL ORDER BY version LIMIT 1

-- name: index_one
UPDATE article_content SET search = search_vector(document::jsonb, terms)
WHERE retention_date = $1 AND article_id = $2 AND search IS NULL

-- name: leave_out
-- Sets an empty vector: no query finds the document.
UPDATE article_content SET search = '' WHERE retention_date = $1 AND article_id = $2 AND search IS NULL

-- name: oldest_waiting
-- The version of the oldest document without a search vector.
SELECT version FROM article_content WHERE search IS NULL ORDER BY version LIMIT 1

-- name: newest
-- Matches by date, the newest first, after a position. The months are read in order, each only if the page is not full. The
-- lateral subquery is not flattened (OFFSET), so each identity row is found by its key.
SELECT c.article_id, c.retention_date
FROM article_content AS c
CROSS JOIN LATERAL (
    SELECT FROM article
    WHERE article_id = c.article_id AND retention_date = c.retention_date AND state = 'live'
    OFFSET 0
) AS a
WHERE c.search @@ to_tsquery('simple', $1)
  AND c.retention_date <= $2 AND (c.retention_date, c.article_id) < ($2, $3)
  AND c.terms @> $5 AND is_selected(c.published_at, c.sentiment, c.word_count, $6, $7, $8, $9, $10, $11)
ORDER BY c.retention_date DESC, c.article_id DESC
LIMIT $4

-- name: ranked
-- The best of the newest $2 matches.
SELECT article_id
FROM (
    SELECT c.article_id, c.retention_date, c.search
    FROM article_content AS c
    CROSS JOIN LATERAL (
        SELECT FROM article
        WHERE article_id = c.article_id AND retention_date = c.retention_date AND state = 'live'
        OFFSET 0
    ) AS a
    WHERE c.search @@ to_tsquery('simple', $1)
      AND c.terms @> $4 AND is_selected(c.published_at, c.sentiment, c.word_count, $5, $6, $7, $8, $9, $10)
    ORDER BY c.retention_date DESC, c.article_id DESC
    LIMIT $2
) AS newest
ORDER BY ts_rank_cd(search, to_tsquery('simple', $1)) DESC, retention_date DESC, article_id DESC
LIMIT $3

-- name: snippets
-- Excerpts of the readable documents of these ids, with marks around the words of the query.
SELECT a.article_id,
       ts_headline('simple', left(concat_ws(' ', c.document::jsonb ->> 'summary', c.document::jsonb ->> 'body'), 50000),
                   to_tsquery('simple', $2), $3) AS snippet
FROM article AS a
JOIN article_content AS c ON c.retention_date = a.retention_date AND c.article_id = a.article_id
WHERE a.article_id = ANY ($1::text[]) AND a.state = 'live'
