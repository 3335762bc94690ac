-- concurrently
-- What a holder owes, the most urgent first; and what it still held although it had reported it removed.
DROP INDEX CONCURRENTLY IF EXISTS obligation_owed;
CREATE INDEX CONCURRENTLY obligation_owed ON obligation (holder, due_at, revocation_id)
    WHERE state IN ('open', 'notified', 'removed');
DROP INDEX CONCURRENTLY IF EXISTS obligation_reopened;
CREATE INDEX CONCURRENTLY obligation_reopened ON obligation (holder)
    WHERE reopened > 0 AND state IN ('open', 'notified', 'removed');
DROP INDEX CONCURRENTLY IF EXISTS obligation_unclosed_holder;
