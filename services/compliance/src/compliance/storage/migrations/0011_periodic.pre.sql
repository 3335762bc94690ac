-- concurrently
-- What is read again and again, or ends by age, is found by an index.
DROP INDEX CONCURRENTLY IF EXISTS watch_resolved;
CREATE INDEX CONCURRENTLY watch_resolved ON watch (resolved_at) WHERE resolved_at IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS revocation_ordered;
CREATE INDEX CONCURRENTLY revocation_ordered ON revocation (ordered_at);
DROP INDEX CONCURRENTLY IF EXISTS revocation_withheld;
CREATE INDEX CONCURRENTLY revocation_withheld ON revocation (seq) WHERE kind = 'withheld';
DROP INDEX CONCURRENTLY IF EXISTS revocation_backlog;
CREATE INDEX CONCURRENTLY revocation_backlog ON revocation (seq) WHERE backlog;
DROP INDEX CONCURRENTLY IF EXISTS obligation_superseded;
CREATE INDEX CONCURRENTLY obligation_superseded ON obligation (revocation_id) WHERE state = 'superseded';
DROP INDEX CONCURRENTLY IF EXISTS obligation_expired;
CREATE INDEX CONCURRENTLY obligation_expired ON obligation (revocation_id) WHERE kind = 'expiry' AND state = 'verified';
DROP INDEX CONCURRENTLY IF EXISTS obligation_open;
CREATE INDEX CONCURRENTLY obligation_open ON obligation (revocation_id) WHERE state = 'open' AND kind <> 'expiry';
DROP INDEX CONCURRENTLY IF EXISTS run_requested;
CREATE INDEX CONCURRENTLY run_requested ON run (asked_at, run_id) WHERE state = 'requested';
DROP INDEX CONCURRENTLY IF EXISTS run_running;
CREATE INDEX CONCURRENTLY run_running ON run (run_id) WHERE state = 'running';
DROP INDEX CONCURRENTLY IF EXISTS run_ended;
CREATE INDEX CONCURRENTLY run_ended ON run (ended_at DESC) WHERE state IN ('completed', 'failed');
