"""A service without its processes, for tests: its input, and its unsent output."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID, uuid4

from clawback_common.kafka.envelope import Received
from clawback_common.postgres import Database
from clawback_contracts.alert.v1 import AlertRaised
from clawback_contracts.envelope import Event, event_id
from clawback_contracts.registry import EVENTS
from clawback_contracts.revocation.v1 import ArticleReinstated, ArticleRevoked, ArticleWithheld, Reason
from clawback_testing.clock import FakeClock


class StatefulService(Protocol):
    """A service that stores its state in a database."""

    @property
    def db(self) -> Database:
        """Its own database."""
        ...


S = TypeVar("S", bound=StatefulService)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class ServiceWorld(Generic[S]):
    """The service and the clock; the tests of each service add their own methods."""

    service: S
    clock: FakeClock
    offset: int = 0

    @property
    def db(self) -> Database:
        """The service's own database."""
        return self.service.db

    def ago(self, **by: float) -> datetime:
        """Return an instant before now."""
        return self.clock.now() - timedelta(**by)

    @property
    def number(self) -> int:
        """The first number of an order or version issued now: milliseconds since the epoch."""
        return (self.clock.now() - _EPOCH) // timedelta(milliseconds=1)

    def received(self, events: Sequence[Event], topic: str | None = None) -> list[Received[Any]]:
        """Return a batch from one partition."""
        batch = []
        for event in events:
            arrived_ms = int(self.clock.now().timestamp() * 1000)
            position = (topic or event.TOPIC, 0, self.offset)
            batch.append(Received(event, str(uuid4()), None, *position, timestamp_ms=arrived_ms))
            self.offset += 1
        return batch

    def revocation(self, article_id: str, number: int = 1, **more: Any) -> ArticleRevoked:
        """Return an order to remove; it follows the number before."""
        now = self.clock.now()
        fields: dict[str, Any] = {
            **self._order(article_id, number),
            "revocation_id": _revocation_id(article_id, number),
            "reason": Reason.LICENSOR,
            "clock_started_at": now,
            "due_at": now + timedelta(hours=24),
        }
        return ArticleRevoked(**(fields | more))

    def reinstatement(self, article_id: str, number: int = 2, **more: Any) -> ArticleReinstated:
        """Return an order that ends the one before."""
        fields = {
            **self._order(article_id, number),
            "revocation_id": _revocation_id(article_id, number - 1),
        }
        return ArticleReinstated(**(fields | more))

    def withholding(self, article_id: str, number: int = 1, **more: Any) -> ArticleWithheld:
        """Return an order to keep the article and not to show it."""
        fields = {
            **self._order(article_id, number),
            "revocation_id": _revocation_id(article_id, number),
            "reason": Reason.MANUAL,
        }
        return ArticleWithheld(**(fields | more))

    def _order(self, article_id: str, number: int) -> dict[str, Any]:
        return {
            "article_id": article_id,
            "order": number,
            "previous_order": number - 1,
            "ordered_at": self.clock.now(),
        }

    async def unsent(self, *kinds: type[Event]) -> list[Any]:
        """Return the unsent events of the priority outbox, in order."""
        return await self._outbox("WHERE sent_at IS NULL", kinds)

    async def events(self, *kinds: type[Event]) -> list[Any]:
        """Return all events of the priority outbox, sent or not, in order."""
        return await self._outbox("", kinds)

    async def _outbox(self, which: str, kinds: Sequence[type[Event]]) -> list[Any]:
        rows = await self.db.fetch(f"SELECT type, value FROM outbox_priority {which} ORDER BY id")  # noqa: S608 - a constant
        wanted = {kind.TYPE for kind in kinds}
        return [
            EVENTS[row["type"]].model_validate_json(row["value"]) for row in rows if row["type"] in wanted
        ]

    async def mark_sent(self) -> None:
        """Mark every unsent row as sent, as the relay would."""
        await self.db.execute(
            "UPDATE outbox_priority SET sent_at = $1 WHERE sent_at IS NULL", self.clock.now()
        )

    async def alerts(self) -> list[str]:
        """Return the names of the unsent alerts."""
        return [alert.name for alert in await self.unsent(AlertRaised)]


def _revocation_id(article_id: str, number: int) -> UUID:
    return event_id("revocation", article_id, number)
