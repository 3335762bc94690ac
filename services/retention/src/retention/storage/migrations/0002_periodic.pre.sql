-- concurrently
-- What is read again and again, or ends by age, is found by an index.
DROP INDEX CONCURRENTLY IF EXISTS watch_resolved;
CREATE INDEX CONCURRENTLY watch_resolved ON watch (resolved_at) WHERE resolved_at IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS hold_ended;
CREATE INDEX CONCURRENTLY hold_ended ON hold (data_class, ended_at DESC, hold_id) WHERE ended_at IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS sweep_swept;
CREATE INDEX CONCURRENTLY sweep_swept ON sweep (data_class, closed_at DESC)
    WHERE state = 'done' AND NOT dry_run AND action IN ('delete', 'archive');
