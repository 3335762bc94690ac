-- What was written by the old code while both ran.
UPDATE quarantine
SET subjects = ARRAY[subject], purge_at = coalesce(purge_at, set_aside_at + interval '30 days')
WHERE subject IS NOT NULL AND subjects = '{}' AND value IS NOT NULL;
UPDATE quarantine SET purge_at = set_aside_at + interval '12 hours' WHERE purge_at IS NULL AND value IS NOT NULL;
ALTER TABLE quarantine DROP COLUMN subject;
