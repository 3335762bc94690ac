-- Every answer that differs is recorded, also under an attempt or a receipt id that was used before: otherwise an
-- obligation could be closed by an answer that is in no record.
ALTER TABLE receipt ADD COLUMN answer_sha256 bytea NOT NULL DEFAULT '';
ALTER TABLE receipt DROP CONSTRAINT receipt_article_id_order_no_holder_attempt_authenticated_key,
                    ADD UNIQUE (article_id, order_no, holder, attempt, authenticated, answer_sha256);
