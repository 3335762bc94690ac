-- concurrently
-- A sender asks what became of a record that could not be used.
DROP INDEX CONCURRENTLY IF EXISTS quarantine_event;
CREATE INDEX CONCURRENTLY quarantine_event ON quarantine (event_id) WHERE event_id IS NOT NULL;
