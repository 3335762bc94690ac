-- name: declare
INSERT INTO feed (name, kind, state_since, updated_at)
SELECT f.name, f.kind, $3, $3 FROM unnest($1::text[], $2::text[]) AS f (name, kind)
ON CONFLICT (name) DO NOTHING

-- name: due
-- The next scheduled poll is due its interval after the last one ended, or earlier after a failed one.
SELECT EXISTS (
    SELECT FROM feed
    WHERE name = $1 AND state <> 'stopped' AND (lease_until IS NULL OR lease_until < clock_timestamp())
      AND (last_pass_at IS NULL OR last_pass_at + least($2, ($3::interval[])[least(failed_passes, cardinality($3))])
                                   <= clock_timestamp())
)

-- name: lease
-- One poll at a time. A lease that was not renewed belongs to a dead or frozen process. Only the clock of the database
-- counts. A scheduled poll ($4) runs only if none has ended since it was due, in any process.
UPDATE feed SET lease_poll = $2, lease_until = clock_timestamp() + $6, updated_at = $3
WHERE name = $1 AND (lease_until IS NULL OR lease_until < clock_timestamp())
  AND ($4::interval IS NULL OR last_pass_at IS NULL
       OR last_pass_at + least($4, ($5::interval[])[least(failed_passes, cardinality($5))]) <= clock_timestamp())
RETURNING cursor, last_complete_at, full_pages, state, page_max, endpoint, key_digest

-- name: under_way
SELECT lease_poll FROM feed WHERE name = $1 AND lease_until >= clock_timestamp()

-- name: renew
UPDATE feed SET lease_until = clock_timestamp() + $3 WHERE name = $1 AND lease_poll = $2 RETURNING name

-- name: begin
INSERT INTO feed_poll (poll_id, feed, cause, started_at) VALUES ($1, $2, $3, $4)

-- name: save_page
-- The cursor advances in the transaction of the page's content, and only under our lease. $9 is null while pages
-- follow. $8 is the size of the previous page if this one shows that the provider had cut it: the same size repeatedly
-- is the provider's limit.
WITH moved AS (
    UPDATE feed SET cursor = coalesce($4, cursor), updated_at = $3, state = 'ok', state_reason = NULL,
           state_since = CASE WHEN state = 'ok' THEN state_since ELSE $3 END,
           full_pages = CASE WHEN $9::timestamptz IS NULL THEN full_pages + 1 ELSE 0 END,
           last_complete_at = coalesce($9, last_complete_at), reached_at = coalesce($10, reached_at),
           page_requested = $7, page_max = greatest(page_max, $5),
           pages_cut = CASE WHEN $5 >= $7 THEN 0 WHEN $8::integer IS NULL THEN pages_cut
                            WHEN $8 = page_cut THEN pages_cut + 1 ELSE 1 END,
           page_cut = coalesce($8, page_cut)
    WHERE name = $1 AND lease_poll = $2
    RETURNING name
)
UPDATE feed_poll SET pages = pages + 1, received = received + $5, noticed = noticed + $6
WHERE poll_id = $2 AND EXISTS (SELECT FROM moved)
RETURNING poll_id

-- name: note_not_understood
INSERT INTO feed_not_understood AS n (hour, feed, field, articles)
SELECT date_trunc('hour', $2::timestamptz, 'UTC'), $1, f.field, f.articles
FROM unnest($3::text[], $4::integer[]) AS f (field, articles) ORDER BY f.field
ON CONFLICT (hour, feed, field) DO UPDATE SET articles = n.articles + excluded.articles

-- name: not_understood
SELECT feed, field, sum(articles)::bigint AS articles FROM feed_not_understood WHERE hour > $1 GROUP BY feed, field

-- name: received
SELECT feed, sum(received)::bigint AS articles FROM feed_poll
WHERE feed = ANY ($1) AND started_at > $2 GROUP BY feed

-- name: page_limit_unasked
UPDATE feed SET page_stated_at = $2
WHERE name = $1 AND pages_cut >= $3 AND (page_stated_at IS NULL OR page_stated_at <= $2::timestamptz - interval '1 day')
RETURNING name

-- name: note_page_limit
UPDATE feed SET page_stated = $2 WHERE name = $1

-- name: failing
UPDATE feed SET state = $2, state_reason = $3, updated_at = $4,
       state_since = CASE WHEN state = $2 THEN state_since ELSE $4 END
WHERE name = $1 AND lease_poll = $5
RETURNING state_since

-- name: end
UPDATE feed_poll SET ended_at = $2, caught_up = $3, error = $4, too_old = $5 WHERE poll_id = $1

-- name: free
-- An interrupted poll (NULL) stays due.
UPDATE feed SET lease_poll = NULL, lease_until = NULL,
       last_pass_at = CASE WHEN $3::boolean IS NULL THEN last_pass_at ELSE clock_timestamp() END,
       failed_passes = CASE WHEN $3 THEN failed_passes + 1 WHEN NOT $3 THEN 0 ELSE failed_passes END
WHERE name = $1 AND lease_poll = $2

-- name: poll
SELECT poll_id, feed, cause, started_at, ended_at, pages, received, noticed, too_old, caught_up, error
FROM feed_poll WHERE poll_id = $1

-- name: one
SELECT name, cursor, endpoint, last_complete_at, state FROM feed WHERE name = $1

-- name: all
SELECT f.name, f.kind, f.cursor, f.state, f.state_reason, f.state_since, f.last_complete_at, f.full_pages,
       f.reached_at, f.page_requested, f.page_max, CASE WHEN f.pages_cut >= $1 THEN f.page_cut END AS page_limit,
       f.page_stated, f.endpoint, g.gap_from, g.gap_until,
       f.lease_poll, p.poll_id AS last_poll_id, p.started_at AS last_poll_started_at, p.ended_at AS last_poll_ended_at,
       p.received AS last_poll_received, p.noticed AS last_poll_noticed, p.too_old AS last_poll_too_old
FROM feed AS f
LEFT JOIN LATERAL (
    SELECT * FROM feed_poll WHERE feed = f.name ORDER BY started_at DESC LIMIT 1
) AS p ON true
LEFT JOIN LATERAL (
    SELECT min(gap.gap_from) AS gap_from, max(gap.gap_until) AS gap_until
    FROM feed_gap AS gap JOIN incident AS i ON i.id = gap.incident_id AND i.closed_at IS NULL
    WHERE gap.feed = f.name
) AS g ON true
ORDER BY f.name

-- name: resume
UPDATE feed SET state = 'new', state_reason = NULL, state_since = $2, updated_at = $2, last_pass_at = NULL,
       failed_passes = 0
WHERE name = $1 AND state = 'stopped'
RETURNING name

-- name: set_cursor
-- The lease ends: a running poll stores nothing more, and is repeated from the new cursor.
UPDATE feed SET cursor = $2, endpoint = $3, key_digest = $4, lease_poll = NULL, lease_until = NULL, state = 'new',
       state_reason = NULL, state_since = $5, updated_at = $5, last_pass_at = NULL, failed_passes = 0, full_pages = 0
WHERE name = $1
RETURNING old.cursor

-- name: note_origin
UPDATE feed SET endpoint = $2, key_digest = $3 WHERE name = $1

-- name: reset_cursor
-- Nothing is known of this provider with this key: not its end, and not its page limit.
UPDATE feed SET cursor = NULL, endpoint = $3, key_digest = $4, last_complete_at = NULL, reached_at = NULL, full_pages = 0,
       page_max = 0, page_cut = NULL, pages_cut = 0, page_stated = NULL, page_stated_at = NULL, updated_at = $5
WHERE name = $1 AND lease_poll = $2
RETURNING name

-- name: note_change
INSERT INTO feed_cursor_change (feed, changed_at, changed_by, reason, former, cursor, gap)
VALUES ($1, $2, $3, $4, $5, $6, $7)

-- name: changes
SELECT changed_at, changed_by, reason, former, cursor, gap FROM feed_cursor_change
WHERE feed = $1 ORDER BY changed_at DESC, id DESC LIMIT $2

-- name: note_gap
INSERT INTO feed_gap (incident_id, feed, gap_from, gap_until) VALUES ($1, $2, $3, $4)
ON CONFLICT (incident_id) DO NOTHING

-- name: take_turn
-- A turn of the key, or no row if it may not be used yet. Urgent calls go first, and delete their mark. Only the clock
-- of the database counts, so a replica whose clock is ahead makes no earlier call.
INSERT INTO key_pace AS k (key_name, next_at, urgent_until) VALUES ($1, clock_timestamp() + $2, '-infinity')
ON CONFLICT (key_name) DO UPDATE SET next_at = clock_timestamp() + $2, urgent_until = '-infinity'
WHERE k.next_at <= clock_timestamp() AND ($3 OR k.urgent_until <= clock_timestamp())
RETURNING next_at

-- name: turn_wait
-- The maximum time to wait before the next attempt. An urgent caller leaves a mark that makes the others wait.
UPDATE key_pace SET urgent_until = CASE WHEN $2 THEN next_at + interval '5 seconds' ELSE urgent_until END
WHERE key_name = $1
RETURNING greatest(next_at - clock_timestamp(), interval '0')

-- name: end_turn
-- The provider received the call before it ended, so the pause counts from now. A turn that lasted too long is no
-- longer ours: the next one has started, and is not shortened. A pause that the provider requested ($4) applies to all.
UPDATE key_pace
SET next_at = greatest(CASE WHEN next_at = $3::timestamptz THEN '-infinity' ELSE next_at END,
                       clock_timestamp() + greatest($2::interval, $4::interval))
WHERE key_name = $1

-- name: call
INSERT INTO api_call (feed, poll_id, endpoint, started_at, took_ms, http_status, code, bytes, items, cursor, outcome)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)

-- name: calls_page
SELECT id, feed, endpoint, started_at, took_ms, http_status, code, bytes, items, cursor, outcome, poll_id
FROM api_call WHERE id < $1 ORDER BY id DESC LIMIT $2
