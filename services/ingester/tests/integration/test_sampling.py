"""The cost of a sample depends on its blocks, not on the number of articles."""

import pytest

from ingester.storage import articles
from services.ingester.tests.integration.world import World

pytestmark = pytest.mark.integration

FILL = """
    INSERT INTO article (article_id, retention_date, received_at, updated_at, source_order, version, state,
                         ever_published)
    SELECT 'metabase:' || n, retention_date, retention_date, retention_date, n, 1, 'live', true
    FROM generate_series(1, 20000) AS s (n), (SELECT retention_date FROM article LIMIT 1) AS one
"""
FILL_CONTENT = """
    INSERT INTO article_content (retention_date, article_id, version, document)
    SELECT retention_date, article_id, 1, repeat('x', 600) FROM article WHERE article_id LIKE 'metabase:%'
"""


async def test_a_sample_does_not_scan_a_whole_table(world: World) -> None:
    await world.submit(world.article("up:1"))
    await world.db.execute(FILL)
    await world.db.execute(FILL_CONTENT)
    await world.db.execute("ANALYZE article, article_content")
    query = articles.SQL["sample"]
    plan = await world.db.fetch(f"EXPLAIN (ANALYZE, FORMAT TEXT) {query}", articles.SAMPLED_BLOCKS, 100)
    lines = "\n".join(row["QUERY PLAN"] for row in plan)
    assert "Sample Scan" in lines
    assert "Seq Scan" not in lines
    assert len(await articles.sample(world.db, 100)) == 100
