-- Versions are times in milliseconds.
ALTER TABLE outbox_news ALTER COLUMN version TYPE bigint;
