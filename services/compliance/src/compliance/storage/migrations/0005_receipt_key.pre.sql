-- A receipt is identified by what it answers and who answers: its sender chooses receipt_id, and a guessed one must not
-- keep the real receipt out of the record.
ALTER TABLE receipt DROP CONSTRAINT receipt_pkey, ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY;
DELETE FROM receipt AS r USING receipt AS e
WHERE e.article_id = r.article_id AND e.order_no = r.order_no AND e.holder = r.holder AND e.attempt = r.attempt
  AND (e.received_at, e.id) < (r.received_at, r.id);
ALTER TABLE receipt ADD UNIQUE (article_id, order_no, holder, attempt);
DROP INDEX receipt_order;
-- Receipts that answer nothing are recorded up to a bound.
CREATE INDEX receipt_stray ON receipt (received_at) WHERE meaning IN ('unknown_order', 'not_obliged');
