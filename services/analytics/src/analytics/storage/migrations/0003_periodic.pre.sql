-- concurrently
-- Articles by state are estimated from these, and what ends by age is found by them.
DROP INDEX CONCURRENTLY IF EXISTS facet_withheld;
CREATE INDEX CONCURRENTLY facet_withheld ON facet (article_id) WHERE withheld;
DROP INDEX CONCURRENTLY IF EXISTS facet_revoked;
CREATE INDEX CONCURRENTLY facet_revoked ON facet (article_id) WHERE revoked;
