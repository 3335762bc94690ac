"""Every named query is valid in the migrated schema."""

import pytest

from clawback_common.postgres import Database
from clawback_testing.queries import prepare_all

pytestmark = pytest.mark.integration


async def test_every_query_can_be_prepared(database: Database) -> None:
    assert await prepare_all(database, "analytics.storage") == []
