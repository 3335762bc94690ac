-- concurrently
-- Articles by state are estimated from these, and what ends by age is found by them.
ALTER INDEX IF EXISTS article_embargo RENAME TO article_embargoed;
DROP INDEX CONCURRENTLY IF EXISTS article_withheld;
CREATE INDEX CONCURRENTLY article_withheld ON article (article_id) WHERE state = 'withheld';
DROP INDEX CONCURRENTLY IF EXISTS delivery_age;
CREATE INDEX CONCURRENTLY delivery_age ON delivery (received_at) WHERE processed_at IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS submission_age;
CREATE INDEX CONCURRENTLY submission_age ON submission (received_at);
DROP INDEX CONCURRENTLY IF EXISTS feed_poll_age;
CREATE INDEX CONCURRENTLY feed_poll_age ON feed_poll (started_at) WHERE ended_at IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS notice_answered;
CREATE INDEX CONCURRENTLY notice_answered ON notice (answered_at) WHERE answered_at IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS watch_resolved;
CREATE INDEX CONCURRENTLY watch_resolved ON watch (resolved_at) WHERE resolved_at IS NOT NULL;
