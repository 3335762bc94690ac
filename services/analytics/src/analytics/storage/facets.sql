-- name: take
-- The one door through which an article enters. Takes the rows in the order of their ids and decides under their locks:
-- an article is let in when it knows a later order than the row, or the same, is neither revoked nor withheld by an
-- order, and is newer. What is older than the floor is not even looked at. Gives what was let in, and by what it was
-- counted before.
INSERT INTO facet AS f (article_id, version, order_no, kept_from, day, cell_id, words, source_id, topic_ids)
SELECT d.article_id, d.version, d.order_no, d.kept_from, d.day, d.cell_id, d.words, d.source_id, d.topic_ids::bigint[]
FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::timestamptz[], $5::date[], $6::bigint[], $7::int[], $8::bigint[], $9::text[])
     AS d (article_id, version, order_no, kept_from, day, cell_id, words, source_id, topic_ids)
WHERE d.kept_from >= (SELECT before FROM floor)
ORDER BY d.article_id
ON CONFLICT (article_id) DO UPDATE SET
    version = excluded.version, order_no = excluded.order_no, revoked = false, withheld_by_order = false,
    withheld = f.withheld_locally OR f.unconfirmed, kept_from = excluded.kept_from,
    day = excluded.day, cell_id = excluded.cell_id, words = excluded.words, source_id = excluded.source_id,
    topic_ids = excluded.topic_ids
WHERE excluded.order_no > f.order_no
   OR (excluded.order_no = f.order_no AND NOT f.revoked AND NOT f.withheld_by_order AND excluded.version > f.version)
RETURNING new.article_id, new.withheld, coalesce(old.withheld, false), old.day, old.cell_id, old.words, old.source_id,
          old.topic_ids

-- name: too_old
-- How many of these dates lie below the floor; asked only where some were not let in.
SELECT count(*) FROM unnest($1::timestamptz[]) AS d (kept_from) WHERE d.kept_from < (SELECT before FROM floor)

-- name: lock_or_create
-- Locks the rows in the order of their ids, also of ids never seen, and changes none: the condition is checked after the
-- lock. What stands in them is read by a statement of its own, whose snapshot is taken after the wait.
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
-- Writes what the orders made of locked rows. What is withheld for another cause stays so under a reinstatement. Gives by
-- what each was counted before, and whether it is counted now.
UPDATE facet AS f
SET order_no = o.order_no, revocation_id = o.revocation_id, revoked = o.status = 'revoked',
    withheld_by_order = o.status = 'withheld',
    withheld_locally = f.withheld_locally AND o.status <> 'revoked',
    withheld = o.status = 'withheld' OR ((f.withheld_locally OR f.unconfirmed) AND o.status <> 'revoked'),
    day = CASE WHEN o.removes THEN NULL ELSE f.day END, cell_id = CASE WHEN o.removes THEN NULL ELSE f.cell_id END,
    words = CASE WHEN o.removes THEN NULL ELSE f.words END,
    source_id = CASE WHEN o.removes THEN NULL ELSE f.source_id END,
    topic_ids = CASE WHEN o.removes THEN NULL ELSE f.topic_ids END
FROM unnest($1::text[], $2::bigint[], $3::text[], $4::uuid[], $5::bool[])
     AS o (article_id, order_no, status, revocation_id, removes)
WHERE f.article_id = o.article_id
RETURNING new.article_id, old.withheld AS withheld_before, new.withheld, new.day IS NULL AS emptied,
          old.day, old.cell_id, old.words, old.source_id, old.topic_ids

-- name: doubt
-- An order on these does not follow the last one: not counted until compliance was asked.
UPDATE facet SET unconfirmed = true, withheld = NOT revoked
WHERE article_id = ANY ($1::text[]) AND NOT unconfirmed
RETURNING new.article_id, old.withheld AS withheld_before, new.withheld, false AS emptied,
          old.day, old.cell_id, old.words, old.source_id, old.topic_ids

-- name: believe
-- Compliance has said which orders there are: what only the doubt withheld is counted again.
UPDATE facet SET unconfirmed = false, withheld = NOT revoked AND (withheld_by_order OR withheld_locally)
WHERE article_id = ANY ($1::text[]) AND unconfirmed
RETURNING new.article_id, old.withheld AS withheld_before, new.withheld, false AS emptied,
          old.day, old.cell_id, old.words, old.source_id, old.topic_ids

-- name: withhold
-- An order on these could not be read: not counted until a person has looked. What is needed to count them stays.
INSERT INTO facet AS f (article_id, withheld, withheld_locally)
SELECT id, true, true FROM unnest($1::text[]) AS w (id) ORDER BY id
ON CONFLICT (article_id) DO UPDATE SET withheld = true, withheld_locally = true
WHERE NOT f.withheld_locally AND NOT f.revoked
RETURNING new.article_id, coalesce(old.withheld, false) AS withheld, old.day, old.cell_id, old.words, old.source_id,
          old.topic_ids

-- name: revoked
SELECT article_id FROM facet WHERE article_id = ANY ($1::text[]) AND revoked

-- name: release
-- Not while another incident on it is open. What an order withholds is not counted for that.
UPDATE facet AS f SET withheld_locally = false, withheld = withheld_by_order OR unconfirmed
WHERE article_id = $1 AND withheld_locally
  AND NOT EXISTS (SELECT FROM incident WHERE subject = f.article_id AND closed_at IS NULL)
RETURNING article_id, withheld, day, cell_id, words, source_id, topic_ids

-- name: held
-- Asks what is needed for counting, whatever the row says of orders; and which order it has applied.
SELECT article_id, order_no, day IS NOT NULL AS held FROM facet WHERE article_id = ANY ($1::text[])

-- name: floor
SELECT nullif(before, '-infinity') FROM floor

-- name: lower_floor
UPDATE floor SET before = $1 WHERE before > $1 RETURNING before

-- name: raise_floor
-- Whoever was letting in under the former floor must be waited for before anything goes.
UPDATE floor SET before = $1 WHERE before < $1

-- name: old
-- What a sweep finds, and what of it a hold keeps: these ids, or what dates from these spans.
SELECT count(*) AS found,
       count(*) FILTER (
           WHERE article_id = ANY ($2::text[])
              OR EXISTS (SELECT FROM unnest($3::timestamptz[], $4::timestamptz[]) AS s (since, until)
                         WHERE coalesce(kept_from >= since, true) AND coalesce(kept_from < until, true))
       ) AS held
FROM facet
WHERE day IS NOT NULL AND kept_from < $1

-- name: take_old
-- A slice of what a sweep removes, in the order of the ids.
SELECT article_id FROM facet
WHERE article_id IN (
    SELECT article_id FROM facet
    WHERE day IS NOT NULL AND kept_from < $1 AND article_id <> ALL ($2::text[])
      AND NOT EXISTS (SELECT FROM unnest($3::timestamptz[], $4::timestamptz[]) AS s (since, until)
                      WHERE coalesce(kept_from >= since, true) AND coalesce(kept_from < until, true))
    ORDER BY kept_from LIMIT $5
)
ORDER BY article_id
FOR UPDATE

-- name: empty
-- Takes away what the rows are counted by. Version, order and date stay: a replay stays out, an order is answered.
UPDATE facet SET day = NULL, cell_id = NULL, words = NULL, source_id = NULL, topic_ids = NULL
WHERE article_id = ANY ($1::text[]) AND day IS NOT NULL AND kept_from < $2
RETURNING old.withheld, old.day, old.cell_id, old.words, old.source_id, old.topic_ids

-- name: counts
SELECT count(*) FILTER (WHERE day IS NOT NULL AND NOT withheld) AS counted,
       count(*) FILTER (WHERE withheld) AS withheld,
       count(*) FILTER (WHERE revoked) AS revoked
FROM facet
