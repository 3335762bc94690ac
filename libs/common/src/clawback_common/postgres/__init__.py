"""PostgreSQL: a connection pool, transactions with callbacks after the commit, named queries, migrations."""

from clawback_common.postgres.pool import Database, Querier, Transaction
from clawback_common.postgres.queries import Queries

__all__ = ["Database", "Querier", "Queries", "Transaction"]
