-- concurrently
-- The last run of a job, and the one that runs, are found without reading all runs.
DROP INDEX CONCURRENTLY IF EXISTS job_run_done;
CREATE INDEX CONCURRENTLY job_run_done ON job_run (job, ended_at DESC) WHERE outcome IN ('done', 'attention');
DROP INDEX CONCURRENTLY IF EXISTS job_run_running;
CREATE INDEX CONCURRENTLY job_run_running ON job_run (job) WHERE outcome = 'running';
DROP INDEX CONCURRENTLY IF EXISTS job_run_age;
CREATE INDEX CONCURRENTLY job_run_age ON job_run (ended_at);
