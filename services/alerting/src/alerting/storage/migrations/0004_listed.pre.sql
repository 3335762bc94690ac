-- Alerts that their service lists while they are firing: one that it lists no longer has ended.
ALTER TABLE alert ADD COLUMN listed boolean NOT NULL DEFAULT false;
