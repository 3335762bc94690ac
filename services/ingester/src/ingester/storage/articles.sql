-- name: upsert
-- Every write of an article from any source is this statement. It locks the identity rows in the order of their ids and
-- decides under the locks. A revoked id stays revoked. An older source_order changes nothing; for equal ones the
-- position decides. Refused deliveries raise both too, so that an old version stays old after a reinstatement. An
-- article older than the retention floor, by the date of its row if there is one, changes nothing and returns no row:
-- it was swept. The same document again, while its content is stored, is not a new version. A new version is the time
-- in milliseconds, so that a restored database never assigns one again.
INSERT INTO article AS a (article_id, retention_date, received_at, updated_at, source_order, source_position, version, state,
                          withheld_locally, ever_published, embargoed_until, licence_ends_at, document_hash)
SELECT d.article_id, least(d.published_at, $6), $6, $6, d.source_order, d.source_position,
       floor(extract(epoch FROM $6::timestamptz) * 1000)::bigint,
       CASE WHEN d.licence_ends_at <= $6 THEN 'withheld' WHEN d.embargoed_until > $6 THEN 'embargoed' ELSE 'live' END,
       coalesce(d.licence_ends_at <= $6, false),
       coalesce(d.licence_ends_at > $6, true) AND coalesce(d.embargoed_until <= $6, true),
       d.embargoed_until, d.licence_ends_at, d.document_hash
FROM unnest($1::text[], $2::timestamptz[], $3::bigint[], $4::timestamptz[], $5::timestamptz[], $7::bigint[], $8::bigint[])
     AS d (article_id, published_at, source_order, embargoed_until, licence_ends_at, document_hash, source_position)
WHERE CASE WHEN least(d.published_at, $6) >= (SELECT retention_date FROM retention_floor) THEN true
           ELSE (SELECT x.retention_date >= (SELECT retention_date FROM retention_floor) FROM article AS x WHERE x.article_id = d.article_id)
      END
ORDER BY d.article_id
ON CONFLICT (article_id) DO UPDATE SET
    updated_at = excluded.updated_at,
    retention_date = coalesce(a.retention_date, excluded.retention_date),
    received_at = coalesce(a.received_at, excluded.received_at),
    ever_published = a.ever_published OR excluded.ever_published,
    (source_order, source_position, version, state, withheld_locally, embargoed_until, licence_ends_at, document_hash) = (
        SELECT CASE WHEN later THEN excluded.source_order ELSE a.source_order END,
               CASE WHEN later THEN excluded.source_position ELSE a.source_position END,
               CASE WHEN newer THEN greatest(a.version + 1, excluded.version) ELSE a.version END,
               CASE WHEN NOT newer OR a.state = 'withheld' THEN a.state ELSE excluded.state END,
               a.withheld_locally OR (newer AND excluded.withheld_locally),
               CASE WHEN newer THEN excluded.embargoed_until ELSE a.embargoed_until END,
               CASE WHEN newer THEN excluded.licence_ends_at ELSE a.licence_ends_at END,
               CASE WHEN newer THEN excluded.document_hash ELSE a.document_hash END
        FROM (SELECT a.source_order IS NULL
                     OR (excluded.source_order, excluded.source_position) > (a.source_order, a.source_position)) AS l (later),
             LATERAL (SELECT later AND a.state <> 'revoked'
                     AND NOT (a.document_hash IS NOT DISTINCT FROM excluded.document_hash
                              AND a.state = excluded.state
                              AND EXISTS (SELECT FROM article_content AS c
                                          WHERE c.retention_date = a.retention_date AND c.article_id = a.article_id))) AS n (newer)
    )
WHERE coalesce(a.retention_date, excluded.retention_date) >= (SELECT retention_date FROM retention_floor)
RETURNING new.article_id, new.retention_date, new.version, new.state,
          new.version IS DISTINCT FROM old.version AS stored

-- name: too_old
-- The same rule as in upsert: the date of the row decides if there is one.
SELECT d.article_id
FROM unnest($1::text[], $2::timestamptz[]) AS d (article_id, published_at)
LEFT JOIN article AS a USING (article_id)
WHERE coalesce(a.retention_date, least(d.published_at, $3)) < (SELECT retention_date FROM retention_floor)

-- name: lock_or_create
-- Locks the identity rows in the order of their ids, also of new ids, and changes none: the condition is checked after
-- the lock. The rows are read by the next statement, whose snapshot is taken after the wait.
INSERT INTO article AS a (article_id, updated_at, state)
SELECT article_id, $2, 'live' FROM unnest($1::text[]) AS n (article_id) ORDER BY article_id
ON CONFLICT (article_id) DO UPDATE SET updated_at = a.updated_at WHERE false

-- name: heads
SELECT article_id, order_no,
       CASE WHEN state = 'revoked' THEN 'revoked' WHEN withheld_by_order THEN 'withheld' ELSE 'live' END AS status,
       revocation_id, version > 0 AS ever_held
FROM article
WHERE article_id = ANY ($1::text[])

-- name: apply_orders
-- Writes the results of orders to locked rows. An article that is withheld for another cause stays withheld after a
-- reinstatement, because an unreadable order may be a later one. An article that is available again gets a new version,
-- so that every holder applies it.
UPDATE article AS a
SET order_no = o.order_no, revocation_id = o.revocation_id, reason = o.reason, ordered_at = o.ordered_at,
    withheld_by_order = o.status = 'withheld',
    withheld_locally = a.withheld_locally AND o.status <> 'revoked',
    embargoed_until = CASE WHEN o.removes THEN NULL ELSE a.embargoed_until END,
    version = CASE WHEN o.returns THEN greatest(a.version + 1, floor(extract(epoch FROM $8::timestamptz) * 1000)::bigint) ELSE a.version END,
    state = CASE WHEN o.status = 'revoked' THEN 'revoked'
                 WHEN o.status = 'withheld' OR a.withheld_locally OR a.unconfirmed THEN 'withheld'
                 WHEN NOT o.removes AND a.embargoed_until > $8 THEN 'embargoed'
                 ELSE 'live' END,
    updated_at = $8
FROM unnest($1::text[], $2::bigint[], $3::text[], $4::uuid[], $5::text[], $6::timestamptz[], $7::boolean[], $9::boolean[])
     AS o (article_id, order_no, status, revocation_id, reason, ordered_at, removes, returns)
WHERE a.article_id = o.article_id
RETURNING a.article_id, a.version, a.state, a.retention_date, o.returns

-- name: mark_unconfirmed
-- An order does not follow the last applied one: the article is not readable and not published until compliance
-- confirms its orders.
UPDATE article SET unconfirmed = true, updated_at = $2, state = CASE state WHEN 'revoked' THEN state ELSE 'withheld' END
WHERE article_id = ANY ($1::text[]) AND NOT unconfirmed

-- name: mark_confirmed
-- Compliance has confirmed the orders: an article withheld only for this cause is available again.
UPDATE article
SET unconfirmed = false, updated_at = $2,
    state = CASE WHEN state = 'revoked' THEN 'revoked' WHEN withheld_by_order OR withheld_locally THEN 'withheld'
                 WHEN embargoed_until > $2 THEN 'embargoed' ELSE 'live' END,
    ever_published = ever_published OR (state <> 'revoked' AND NOT withheld_by_order AND NOT withheld_locally
                      AND coalesce(embargoed_until <= $2, true))
WHERE article_id = $1 AND unconfirmed
RETURNING article_id, version, state

-- name: months
-- The months in which the documents are stored.
SELECT article_id, retention_date FROM article WHERE article_id = ANY ($1::text[]) AND retention_date IS NOT NULL

-- name: withhold
-- An order could not be read: the article is not readable and not published until a person decides.
INSERT INTO article AS a (article_id, updated_at, state, withheld_locally)
SELECT id, $2, 'withheld', true FROM unnest($1::text[]) AS w (id) ORDER BY id
ON CONFLICT (article_id) DO UPDATE SET state = 'withheld', withheld_locally = true, updated_at = excluded.updated_at
WHERE a.state <> 'revoked'

-- name: readable
-- Articles with content that may be published.
SELECT article_id, version FROM article WHERE article_id = ANY ($1::text[]) AND state = 'live' AND version > 0 ORDER BY article_id

-- name: revoked
SELECT article_id FROM article WHERE article_id = ANY ($1::text[]) AND state = 'revoked'

-- name: release
-- Not while an incident or a notice on the article is open, and not if an order withholds it. An embargo that is not
-- over stays.
UPDATE article AS a
SET withheld_locally = false, updated_at = $2,
    state = CASE WHEN withheld_by_order OR unconfirmed THEN 'withheld'
                 WHEN embargoed_until > $2 THEN 'embargoed' ELSE 'live' END,
    ever_published = ever_published OR (NOT withheld_by_order AND NOT unconfirmed AND coalesce(embargoed_until <= $2, true))
WHERE article_id = $1 AND state = 'withheld' AND withheld_locally
  AND NOT EXISTS (SELECT FROM incident WHERE subject = a.article_id AND closed_at IS NULL)
  AND NOT EXISTS (SELECT FROM notice WHERE article_id = a.article_id AND answered_at IS NULL)
RETURNING article_id, version, state

-- name: embargo_over
UPDATE article SET state = 'live', ever_published = true, updated_at = $1
WHERE article_id IN (
    SELECT article_id FROM article WHERE state = 'embargoed' AND embargoed_until <= $1
    ORDER BY article_id LIMIT 500 FOR UPDATE SKIP LOCKED
)
RETURNING article_id, version

-- name: licence_over
-- Each end of a licence becomes one notice, so the date is removed from the row; the document still has it.
UPDATE article AS a SET licence_ends_at = NULL, updated_at = $1
FROM (
    SELECT article_id, licence_ends_at FROM article WHERE licence_ends_at <= $1
    ORDER BY article_id LIMIT 500 FOR UPDATE SKIP LOCKED
) AS over
WHERE a.article_id = over.article_id
RETURNING a.article_id, over.licence_ends_at, a.state, a.order_no

-- name: one
-- With the document if it is readable, also from the table of held documents.
SELECT a.article_id, a.state, a.reason, a.ordered_at, a.version, a.order_no, a.source_order, a.retention_date,
       a.received_at, a.updated_at, coalesce(c.document, h.document) AS document,
       coalesce(a.retention_date < (SELECT retention_date FROM retention_floor), false) AS too_old
FROM article AS a
LEFT JOIN article_content AS c
       ON c.retention_date = a.retention_date AND c.article_id = a.article_id AND a.state = 'live'
LEFT JOIN article_held AS h ON h.article_id = a.article_id AND a.state = 'live'
WHERE a.article_id = $1

-- name: published_page
-- Publications that the broker confirmed after a position, in their order, with the current article. Its columns are
-- null if it was published again since, or is not readable. The index over sent_at is used; documents are measured
-- without being read.
SELECT id, sent_at, article_id, version, order_no, source_order, retention_date, received_at, updated_at, document,
       following IS NOT NULL AS followed
FROM (
    SELECT n.id, n.sent_at, c.*, lead(n.id) OVER by_time AS following,
           coalesce(sum(octet_length(c.document)) OVER by_time - octet_length(c.document), 0) AS bytes_before
    FROM (
        SELECT id, sent_at, ref, version
        FROM outbox_bulk
        WHERE sent_at IS NOT NULL AND partition IS NOT NULL AND sent_at >= $1 AND (sent_at > $1 OR id > $2)
        ORDER BY sent_at, id
        LIMIT $3 + 1
    ) AS n
    LEFT JOIN LATERAL (
        SELECT a.article_id, a.version, a.order_no, a.source_order, a.retention_date, a.received_at, a.updated_at, d.document
        FROM article AS a
        CROSS JOIN LATERAL (
            SELECT document FROM article_content WHERE retention_date = a.retention_date AND article_id = a.article_id
            UNION ALL
            SELECT document FROM article_held WHERE article_id = a.article_id
            LIMIT 1
        ) AS d
        WHERE a.article_id = n.ref AND a.version = n.version AND a.state = 'live'
        OFFSET 0
    ) AS c ON true
    WINDOW by_time AS (ORDER BY n.sent_at, n.id)
) AS measured
WHERE bytes_before < $4
ORDER BY sent_at, id
LIMIT $3

-- name: sample
-- A sample from random blocks of all months: every article has the same probability, and the work is bounded. The share
-- of blocks is computed from file sizes, because statistics may be missing. The lateral subquery is not flattened
-- (OFFSET), so each row is found by its key. Twice the number of rows is looked up, because some articles are not
-- readable.
SELECT a.article_id, a.updated_at
FROM (
    SELECT article_id, retention_date
    FROM article_content TABLESAMPLE SYSTEM ((
        SELECT least(100, 100 * $1::float8 / greatest(1, sum(pg_relation_size(relid)) / current_setting('block_size')::int))
        FROM pg_partition_tree('article_content') WHERE isleaf
    ))
    ORDER BY random()
    LIMIT 2 * $2::int
) AS c
CROSS JOIN LATERAL (
    SELECT article_id, updated_at FROM article
    WHERE article_id = c.article_id AND retention_date = c.retention_date AND state = 'live'
    OFFSET 0
) AS a
LIMIT $2

-- name: revoked_page
SELECT article_id, order_no AS "order", reason, ordered_at AS revoked_at
FROM article
WHERE state = 'revoked' AND article_id > $1
ORDER BY article_id
LIMIT $2

-- name: to_publish
-- The current content of references: only live articles, only in the referenced version, without an open notice, and
-- not older than the retention floor. Documents are measured without being read; rows after the one that reaches $3
-- bytes have no document, and "over" is true.
SELECT number, article_id, version, order_no, source_order, retention_date, received_at, bytes_before >= $3 AS over,
       CASE WHEN bytes_before < $3 THEN document END AS document
FROM (
    SELECT n.number, a.article_id, a.version, a.order_no, a.source_order, a.retention_date, a.received_at, c.document,
           sum(octet_length(c.document)) OVER (ORDER BY n.number) - octet_length(c.document) AS bytes_before
    FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS n (ref, version, number)
    JOIN article AS a ON a.article_id = n.ref AND a.version = n.version AND a.state = 'live'
                     AND a.retention_date >= (SELECT retention_date FROM retention_floor)
    CROSS JOIN LATERAL (
        SELECT document FROM article_content
        WHERE retention_date = a.retention_date AND article_id = a.article_id AND version = a.version
        OFFSET 0
    ) AS c
    WHERE NOT EXISTS (SELECT FROM notice WHERE article_id = a.article_id AND answered_at IS NULL)
) AS measured
ORDER BY number

-- name: counts
-- A swept article is an id without content, in any state.
SELECT CASE WHEN a.state <> 'revoked' AND a.retention_date < (SELECT retention_date FROM retention_floor)
                 AND NOT EXISTS (SELECT FROM article_held WHERE article_id = a.article_id)
            THEN 'swept' ELSE a.state END AS state,
       count(*) AS articles
FROM article AS a
GROUP BY 1
