"""Every order number and article version seen so far, and what it was used for: none may be used twice."""

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

import orjson

from clawback_contracts.article.v1 import ArticlePublished
from clawback_contracts.revocation.v1 import ArticleRevoked
from clawback_story import scanning
from clawback_story.problems import Problems, some
from clawback_story.world import World

if TYPE_CHECKING:
    from aiokafka.structs import ConsumerRecord

TEXTS = ("title", "summary", "body", "authors", "tags")
ORDERS = "SELECT article_id, order_no, extract(epoch FROM ordered_at)::text FROM revocation"
VERSIONS = """
SELECT article_id, version, md5(document) FROM article_content
UNION ALL SELECT article_id, version, md5(document) FROM article_held
"""


class NumbersSeen:
    """Collects numbers from topics and databases before and after a disaster, and keeps them when those lose data.

    The identity of an order includes its number, so the time at which it was issued distinguishes two orders.
    """

    def __init__(self) -> None:
        self._meanings: dict[tuple[str, str, int], set[str]] = {}

    async def look(self, world: World) -> None:
        """Reads the current content of the topics and databases."""
        await scanning.read_topics(world, self.take, (ArticleRevoked.TOPIC, ArticlePublished.TOPIC))
        for kind, database, question in (
            ("order in the database", "compliance", ORDERS),
            ("version in the database", "ingester", VERSIONS),
        ):
            for article_id, number, meaning in await world.rows(database, question):
                self._note(kind, article_id, number, meaning)

    def take(self, records: Iterable["ConsumerRecord[bytes, bytes]"]) -> None:
        """Processes records of one partition; garbage has no number."""
        for record in records:
            try:
                value = orjson.loads(record.value or b"")
            except orjson.JSONDecodeError:
                continue
            if record.topic == ArticlePublished.TOPIC:
                text = orjson.dumps([value.get(name) for name in TEXTS])
                self._note("version", value["article_id"], value["version"], hashlib.sha256(text).hexdigest())
            elif "ordered_at" in value:
                self._note("order", value["article_id"], value["order"], value["ordered_at"])

    @property
    def reused(self) -> Problems:
        """Returns the numbers that were used for more than one order or text."""
        kinds: dict[str, set[str]] = {}
        for (kind, article_id, number), meanings in self._meanings.items():
            if len(meanings) > 1:
                kinds.setdefault(kind, set()).add(f"{article_id} {number}")
        return [f"used twice: {kind} {some(found)}" for kind, found in kinds.items()]

    @property
    def count(self) -> int:
        """Returns how many were seen."""
        return len(self._meanings)

    def _note(self, kind: str, article_id: str, number: int, meaning: str) -> None:
        self._meanings.setdefault((kind, article_id, number), set()).add(meaning)
