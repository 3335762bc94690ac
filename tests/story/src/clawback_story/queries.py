"""Queries to the databases, used by chapters and checkers. They bypass the services."""

from collections.abc import Mapping
from typing import Any

from clawback_story.world import World

LIVE = "SELECT count(*) FROM article WHERE state = 'live'"
UNANSWERED = "SELECT count(*) FROM notice WHERE answered_at IS NULL"
OPEN = """
SELECT count(*) FROM obligation
WHERE kind <> 'expiry' AND state IN ('open', 'notified', 'removed')
"""
REVOKED = "SELECT count(*) FROM article WHERE state = 'revoked'"
UNSENT = "SELECT count(*) FROM outbox_priority WHERE sent_at IS NULL AND set_aside IS NULL"
UNPUBLISHED = "SELECT count(*) FROM outbox_bulk WHERE sent_at IS NULL AND set_aside IS NULL"
COUNTED = "SELECT count(*) FROM facet WHERE published_at IS NOT NULL"
WAITING_WEBHOOKS = "SELECT count(*) FROM delivery WHERE processed_at IS NULL"


async def in_flight(world: World) -> int:
    """Counts the revocations in flight: not answered to the ingester, or not closed in compliance."""
    unanswered = await world.value("ingester", UNANSWERED)
    return int(unanswered) + int(await world.value("compliance", OPEN))


async def quiet(world: World) -> bool:
    """Whether nothing is pending: no notice, no obligation, no message, no webhook."""
    for database, question in (
        ("ingester", UNANSWERED),
        ("ingester", UNSENT),
        ("ingester", UNPUBLISHED),
        ("ingester", WAITING_WEBHOOKS),
        ("compliance", OPEN),
        ("compliance", UNSENT),
        ("analytics", UNSENT),
    ):
        if await world.value(database, question):
            return False
    return True


async def counted_ids(world: World) -> frozenset[str]:
    """Returns the ids of the articles that analytics holds."""
    rows = await world.rows("analytics", "SELECT article_id FROM facet WHERE published_at IS NOT NULL")
    return frozenset(row["article_id"] for row in rows)


async def order_on(world: World, article_id: str) -> Mapping[str, Any] | None:
    """Returns the last order that compliance issued on an article."""
    rows = await world.rows(
        "compliance",
        """
        SELECT revocation_id, order_no, kind, closed_at FROM revocation
        WHERE article_id = $1 ORDER BY order_no DESC LIMIT 1
        """,
        article_id,
    )
    return dict(rows[0]) if rows else None
