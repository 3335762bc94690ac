-- name: save_accepted
-- The only statement that saves articles. It locks the rows in the order of their ids and decides under the locks: an
-- article is accepted if it knows a later order than the row, or if it knows the same order, the row is neither revoked
-- nor withheld by an order, and its version is newer. Articles older than the floor are skipped. Returns the accepted
-- rows, and what they were counted under before.
INSERT INTO facet AS f (article_id, version, order_no, retention_date, published_at, filter_key_id, words, value_ids)
SELECT d.article_id, d.version, d.order_no, d.retention_date, d.published_at, d.filter_key_id, d.words, d.value_ids::bigint[]
FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::timestamptz[], $5::timestamptz[], $6::bigint[], $7::int[], $8::text[])
     AS d (article_id, version, order_no, retention_date, published_at, filter_key_id, words, value_ids)
WHERE d.retention_date >= (SELECT before FROM retention_floor)
ORDER BY d.article_id
ON CONFLICT (article_id) DO UPDATE SET
    version = excluded.version, order_no = excluded.order_no, revoked = false, withheld_by_order = false,
    withheld = f.withheld_locally OR f.unconfirmed, retention_date = excluded.retention_date,
    published_at = excluded.published_at, filter_key_id = excluded.filter_key_id, words = excluded.words, value_ids = excluded.value_ids
WHERE excluded.order_no > f.order_no
   OR (excluded.order_no = f.order_no AND NOT f.revoked AND NOT f.withheld_by_order AND excluded.version > f.version)
RETURNING new.article_id, new.withheld, coalesce(old.withheld, false), old.published_at, old.filter_key_id, old.words,
          old.value_ids

-- name: too_old
-- How many of these dates are before the floor; only queried when some articles were not accepted.
SELECT count(*) FROM unnest($1::timestamptz[]) AS d (retention_date)
WHERE d.retention_date < (SELECT before FROM retention_floor)

-- name: lock_or_create
-- Locks the rows in the order of their ids, creates missing ones, and changes none: the condition is evaluated after
-- locking. A separate statement reads the rows, because its snapshot is taken after the wait for the locks.
INSERT INTO facet AS f (article_id)
SELECT article_id FROM unnest($1::text[]) AS n (article_id) ORDER BY article_id
ON CONFLICT (article_id) DO UPDATE SET version = f.version WHERE false

-- name: heads
SELECT article_id, order_no,
       CASE WHEN revoked THEN 'revoked' WHEN withheld_by_order THEN 'withheld' ELSE 'live' END AS status,
       revocation_id, version > 0 AS ever_held
FROM facet
WHERE article_id = ANY ($1::text[])

-- name: apply_orders
-- Saves the results of orders to locked rows. A reinstatement does not end withholding for another cause. Returns what
-- each row was counted under before, and whether it is counted now.
UPDATE facet AS f
SET order_no = o.order_no, revocation_id = o.revocation_id, revoked = o.status = 'revoked',
    withheld_by_order = o.status = 'withheld',
    withheld_locally = f.withheld_locally AND o.status <> 'revoked',
    withheld = o.status = 'withheld' OR ((f.withheld_locally OR f.unconfirmed) AND o.status <> 'revoked'),
    published_at = CASE WHEN o.removes THEN NULL ELSE f.published_at END,
    filter_key_id = CASE WHEN o.removes THEN NULL ELSE f.filter_key_id END,
    words = CASE WHEN o.removes THEN NULL ELSE f.words END,
    value_ids = CASE WHEN o.removes THEN NULL ELSE f.value_ids END
FROM unnest($1::text[], $2::bigint[], $3::text[], $4::uuid[], $5::bool[])
     AS o (article_id, order_no, status, revocation_id, removes)
WHERE f.article_id = o.article_id
RETURNING new.article_id, old.withheld AS withheld_before, new.withheld, new.published_at IS NULL AS emptied,
          old.published_at, old.filter_key_id, old.words, old.value_ids

-- name: mark_unconfirmed
-- An order does not follow the last applied one: not counted until compliance has confirmed it.
UPDATE facet SET unconfirmed = true, withheld = NOT revoked
WHERE article_id = ANY ($1::text[]) AND NOT unconfirmed
RETURNING new.article_id, old.withheld AS withheld_before, new.withheld, false AS emptied,
          old.published_at, old.filter_key_id, old.words, old.value_ids

-- name: confirm
-- Compliance has confirmed the orders: articles that were withheld only for this are counted again.
UPDATE facet SET unconfirmed = false, withheld = NOT revoked AND (withheld_by_order OR withheld_locally)
WHERE article_id = ANY ($1::text[]) AND unconfirmed
RETURNING new.article_id, old.withheld AS withheld_before, new.withheld, false AS emptied,
          old.published_at, old.filter_key_id, old.words, old.value_ids

-- name: withhold
-- An order could not be decoded: not counted until a person has closed the incident. The facets are kept.
INSERT INTO facet AS f (article_id, withheld, withheld_locally)
SELECT id, true, true FROM unnest($1::text[]) AS w (id) ORDER BY id
ON CONFLICT (article_id) DO UPDATE SET withheld = true, withheld_locally = true
WHERE NOT f.withheld_locally AND NOT f.revoked
RETURNING new.article_id, coalesce(old.withheld, false) AS withheld, old.published_at, old.filter_key_id, old.words,
          old.value_ids

-- name: revoked
SELECT article_id FROM facet WHERE article_id = ANY ($1::text[]) AND revoked

-- name: release
-- Not while another incident about it is open. An article that an order withholds is still not counted.
UPDATE facet AS f SET withheld_locally = false, withheld = withheld_by_order OR unconfirmed
WHERE article_id = $1 AND withheld_locally
  AND NOT EXISTS (SELECT FROM incident WHERE subject = f.article_id AND closed_at IS NULL)
RETURNING article_id, withheld, published_at, filter_key_id, words, value_ids

-- name: held
-- Whether facets are held, regardless of the orders in the row; and the last applied order.
SELECT article_id, order_no, published_at IS NOT NULL AS held FROM facet WHERE article_id = ANY ($1::text[])

-- name: floor
SELECT nullif(before, '-infinity') FROM retention_floor

-- name: lower_floor
UPDATE retention_floor SET before = $1 WHERE before > $1 RETURNING before

-- name: raise_floor
-- The caller then waits for transactions that still use the former floor, before anything is deleted.
UPDATE retention_floor SET before = $1 WHERE before < $1

-- name: old
-- What a sweep finds, and how much of it is under a legal hold: by these ids, or by dates in these spans.
SELECT count(*) AS found,
       count(*) FILTER (
           WHERE is_held(article_id, retention_date, $2, $3)
       ) AS held
FROM facet
WHERE published_at IS NOT NULL AND retention_date < $1

-- name: lock_old
-- A slice of what a sweep removes, in the order of the ids.
SELECT article_id FROM facet
WHERE article_id IN (
    SELECT article_id FROM facet
    WHERE published_at IS NOT NULL AND retention_date < $1 AND NOT is_held(article_id, retention_date, $2, $3)
    ORDER BY retention_date LIMIT $4
)
ORDER BY article_id
FOR UPDATE

-- name: empty_locked
-- Empties the facets. Version, order and date stay, so that a replay is rejected and an order can be answered.
UPDATE facet SET published_at = NULL, filter_key_id = NULL, words = NULL, value_ids = NULL
WHERE article_id = ANY ($1::text[]) AND published_at IS NOT NULL AND retention_date < $2
RETURNING old.withheld, old.published_at, old.filter_key_id, old.words, old.value_ids

-- name: counts
SELECT count(*) FILTER (WHERE published_at IS NOT NULL AND NOT withheld) AS counted,
       count(*) FILTER (WHERE withheld) AS withheld,
       count(*) FILTER (WHERE revoked) AS revoked
FROM facet

-- name: recent
-- The counted articles that were published last.
SELECT f.article_id, f.published_at, k.source, k.language, k.licences, f.words
FROM facet AS f
JOIN filter_key AS k ON k.id = f.filter_key_id
WHERE f.published_at >= $1 AND f.published_at < $2 AND NOT f.withheld
  AND ($3::text IS NULL OR k.language = $3) AND ($4::text IS NULL OR k.source = $4)
  AND ($5::text IS NULL OR $5 = ANY (k.licences))
  AND (f.published_at, f.article_id) < ($6, $7)
ORDER BY f.published_at DESC, f.article_id DESC
LIMIT $8
