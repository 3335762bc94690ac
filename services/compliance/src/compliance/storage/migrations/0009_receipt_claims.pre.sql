-- A receipt that nobody has signed, or not its holder, is a claim: it is recorded beside the holder's own, and never in
-- its place.
ALTER TABLE receipt ADD COLUMN authenticated boolean NOT NULL DEFAULT true;
ALTER TABLE receipt DROP CONSTRAINT receipt_article_id_order_no_holder_attempt_key,
                    ADD UNIQUE (article_id, order_no, holder, attempt, authenticated);
DROP INDEX receipt_stray;
CREATE INDEX receipt_stray ON receipt (received_at)
WHERE meaning IN ('unknown_order', 'not_obliged', 'unauthenticated');
