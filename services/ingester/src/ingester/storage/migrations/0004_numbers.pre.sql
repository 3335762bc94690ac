-- Numbers of orders and versions are times in milliseconds, so that a restored database never gives one again.
ALTER TABLE article
    ALTER COLUMN version TYPE bigint,
    ALTER COLUMN order_no TYPE bigint,
    ADD COLUMN revocation_id uuid,
    ADD COLUMN withheld_by_order boolean NOT NULL DEFAULT false,
    ADD COLUMN withheld_locally boolean NOT NULL DEFAULT false;
ALTER TABLE article_content ALTER COLUMN version TYPE bigint;
ALTER TABLE article_held ALTER COLUMN version TYPE bigint;
ALTER TABLE notice ALTER COLUMN order_no TYPE bigint;

-- "withheld" has two causes: an order, or something of our own (an order that could not be read, a licence that ended).
-- The end of one does not end the other. Until now there was only the second.
UPDATE article SET withheld_locally = true WHERE state = 'withheld';
