-- Numbers of orders are times in milliseconds, so that a restored database never gives one again. Each order names the
-- one before it on its article; what was ordered before this column does not say.
ALTER TABLE article ALTER COLUMN order_no TYPE bigint;
ALTER TABLE revocation ALTER COLUMN order_no TYPE bigint, ADD COLUMN previous_order bigint;
ALTER TABLE receipt ALTER COLUMN order_no TYPE bigint;
