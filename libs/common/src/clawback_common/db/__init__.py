"""PostgreSQL: one pool, transactions that know what to do after their commit, named queries, migrations."""

from clawback_common.db.pool import Database, Querier, Transaction
from clawback_common.db.queries import Queries

__all__ = ["Database", "Querier", "Queries", "Transaction"]
