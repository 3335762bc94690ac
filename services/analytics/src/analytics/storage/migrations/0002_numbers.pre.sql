-- Numbers of orders and versions are times in milliseconds, so that a restored database never gives one again.
-- "withheld" is what follows from its causes: an order, or an order that could not be read. The end of one does not end
-- the other. Until now there was only the second.
ALTER TABLE facet
    ALTER COLUMN version TYPE bigint,
    ALTER COLUMN order_no TYPE bigint,
    ADD COLUMN revocation_id uuid,
    ADD COLUMN withheld_by_order boolean NOT NULL DEFAULT false,
    ADD COLUMN withheld_locally boolean NOT NULL DEFAULT false;
UPDATE facet SET withheld_locally = true WHERE withheld;
