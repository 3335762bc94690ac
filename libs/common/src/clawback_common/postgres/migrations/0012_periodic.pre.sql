-- concurrently
-- What is read again and again is found by an index: rows to delete by age, the last run of a job.
DROP INDEX CONCURRENTLY IF EXISTS outbox_orders_sent;
CREATE INDEX CONCURRENTLY outbox_orders_sent ON outbox_orders (sent_at) WHERE sent_at IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS outbox_orders_failed;
CREATE INDEX CONCURRENTLY outbox_orders_failed ON outbox_orders (queued_at) WHERE set_aside IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS outbox_news_sent;
CREATE INDEX CONCURRENTLY outbox_news_sent ON outbox_news (sent_at) WHERE sent_at IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS outbox_news_failed;
CREATE INDEX CONCURRENTLY outbox_news_failed ON outbox_news (queued_at) WHERE set_aside IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS quarantine_purged;
CREATE INDEX CONCURRENTLY quarantine_purged ON quarantine (set_aside_at) WHERE purge_at IS NULL;
DROP INDEX CONCURRENTLY IF EXISTS incident_closed;
CREATE INDEX CONCURRENTLY incident_closed ON incident (closed_at) WHERE closed_at IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS job_run_done;
CREATE INDEX CONCURRENTLY job_run_done ON job_run (job, ended_at DESC) WHERE outcome IN ('done', 'attention');
DROP INDEX CONCURRENTLY IF EXISTS job_run_running;
CREATE INDEX CONCURRENTLY job_run_running ON job_run (job) WHERE outcome = 'running';
DROP INDEX CONCURRENTLY IF EXISTS job_run_age;
CREATE INDEX CONCURRENTLY job_run_age ON job_run (ended_at);
