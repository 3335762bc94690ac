-- name: last_change
-- Every number of a change up to this one was assigned. Its transaction locks the table article before it takes a
-- number, and until its end.
SELECT last_value FROM article_change

-- name: set_last_change
-- A restored database has assigned numbers that it does not remember; all of them are less than the time in
-- microseconds.
SELECT setval('article_change', greatest(nextval('article_change'), floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint))

-- name: changed
-- Readable articles that match, in the order of their last change, after $1 and up to $2. At most $3 of them are
-- examined, whatever the filters; if there may be more, "examined_to" is the number of the last one. The lateral
-- subquery is not flattened (LIMIT), so each content row is found by its key, whatever the statistics. Held documents
-- have no terms and match only without filters ($12).
WITH examined AS MATERIALIZED (
    SELECT article_id, retention_date, change_no
    FROM article
    WHERE state = 'live' AND change_no > $1 AND change_no <= $2
    ORDER BY change_no
    LIMIT $3
)
SELECT f.article_id, f.change_no, e.examined_to
FROM (SELECT CASE WHEN count(*) = $3 THEN max(change_no) END AS examined_to FROM examined) AS e
LEFT JOIN (
    SELECT a.article_id, a.change_no
    FROM examined AS a
    CROSS JOIN LATERAL (
        SELECT FROM article_content AS c
        WHERE c.retention_date = a.retention_date AND c.article_id = a.article_id
          AND c.terms @> $5 AND is_selected(c.published_at, c.sentiment, c.word_count, $6, $7, $8, $9, $10, $11)
        UNION ALL
        SELECT FROM article_held AS h WHERE $12 AND h.article_id = a.article_id
        LIMIT 1
    ) AS c
    ORDER BY a.change_no
    LIMIT $4
) AS f ON true
ORDER BY f.change_no

-- name: count_matching
-- How many articles have these terms, or are not in the index yet; counted up to $2 each. With an order,
-- common terms are counted in the newest months instead of in a scan of the table.
SELECT (SELECT count(*) FROM (
           SELECT FROM article_content WHERE search @@ to_tsquery('simple', $1) ORDER BY retention_date DESC LIMIT $2
       ) AS found)
     + (SELECT count(*) FROM (SELECT FROM article_content WHERE search IS NULL ORDER BY version LIMIT $2) AS waiting)

-- name: changed_with_terms
-- The same as "changed" for terms that few articles have: these are found by the index of the search, and sorted; so are
-- those that are not in the index yet. The lateral subquery is not flattened (OFFSET).
SELECT a.article_id, a.change_no, NULL::bigint AS examined_to
FROM (
    SELECT * FROM article_content WHERE search @@ to_tsquery('simple', $11)
    UNION ALL
    SELECT * FROM article_content WHERE search IS NULL
) AS c
CROSS JOIN LATERAL (
    SELECT article_id, change_no FROM article
    WHERE article_id = c.article_id AND retention_date = c.retention_date AND state = 'live'
      AND change_no > $1 AND change_no <= $2
    OFFSET 0
) AS a
WHERE c.terms @> $4 AND is_selected(c.published_at, c.sentiment, c.word_count, $5, $6, $7, $8, $9, $10)
ORDER BY a.change_no
LIMIT $3

-- name: read
-- Identity rows in the order of these ids, readable ones with their documents. Documents are measured without being
-- read; the result ends with the one that reaches $2 bytes.
SELECT requested_id, article_id, state, reason, ordered_at, version, order_no, source_order, retention_date, received_at,
       updated_at, document, too_old
FROM (
    SELECT n.number, n.requested_id, a.*, d.document,
           coalesce(a.retention_date < (SELECT retention_date FROM retention_floor), false) AS too_old,
           coalesce(sum(octet_length(d.document)) OVER by_number, 0) - coalesce(octet_length(d.document), 0) AS bytes_before
    FROM unnest($1::text[]) WITH ORDINALITY AS n (requested_id, number)
    LEFT JOIN article AS a ON a.article_id = n.requested_id
    LEFT JOIN LATERAL (
        SELECT document FROM article_content WHERE retention_date = a.retention_date AND article_id = a.article_id
        UNION ALL
        SELECT document FROM article_held WHERE article_id = a.article_id
        LIMIT 1
    ) AS d ON a.state = 'live'
    WINDOW by_number AS (ORDER BY n.number)
) AS measured
WHERE bytes_before < $2
ORDER BY number
