-- name: save
-- The terms of a document arrive as one text with a separator ($9).
INSERT INTO article_content (retention_date, article_id, version, document, published_at, sentiment, word_count, terms)
SELECT n.retention_date, n.article_id, n.version, n.document, n.published_at, n.sentiment, n.word_count,
       string_to_array(n.terms, $9)
FROM unnest($1::timestamptz[], $2::text[], $3::bigint[], $4::text[], $5::timestamptz[], $6::double precision[],
            $7::integer[], $8::text[])
     AS n (retention_date, article_id, version, document, published_at, sentiment, word_count, terms)
ON CONFLICT (retention_date, article_id) DO UPDATE SET
    version = excluded.version, document = excluded.document, published_at = excluded.published_at,
    sentiment = excluded.sentiment, word_count = excluded.word_count, terms = excluded.terms,
    search = NULL

-- name: remove
-- Two arrays instead of a join, so that partitions are pruned and the key is used with any statistics. Held documents
-- are deleted too, because a legal hold never blocks a takedown.
WITH in_month AS (
    DELETE FROM article_content
    WHERE retention_date = ANY ($1::timestamptz[]) AND article_id = ANY ($2::text[])
    RETURNING article_id
), apart AS (
    DELETE FROM article_held WHERE article_id = ANY ($2::text[]) RETURNING article_id
)
SELECT article_id FROM in_month UNION SELECT article_id FROM apart

-- name: set_versions
-- The content is unchanged; its version is that of the row.
UPDATE article_content AS c SET version = n.version
FROM unnest($1::timestamptz[], $2::text[], $3::bigint[]) AS n (retention_date, article_id, version)
WHERE c.retention_date = n.retention_date AND c.article_id = n.article_id AND c.retention_date = ANY ($1::timestamptz[])

-- name: held
-- Checks the content itself, whatever the state of the identity row. The row only gives the month, and the applied
-- order.
SELECT n.article_id, coalesce(a.order_no, 0) AS order_no,
       c.found IS NOT NULL OR EXISTS (SELECT FROM article_held AS h WHERE h.article_id = n.article_id) AS held
FROM unnest($1::text[]) AS n (article_id)
LEFT JOIN article AS a USING (article_id)
LEFT JOIN LATERAL (
    SELECT true AS found FROM article_content WHERE retention_date = a.retention_date AND article_id = a.article_id OFFSET 0
) AS c ON true
