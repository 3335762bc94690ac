"""A retention service with a real database and a fake clock; its outgoing messages are read from the outbox."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import AnyHttpUrl

from clawback_common.messaging.outbox.priority import PriorityOutbox
from clawback_common.postgres import Database
from clawback_common.postgres.migrate import Migration
from clawback_contracts.sweep.v1 import SweepAnswer, SweepCompleted, SweepFailed, SweepRequested
from clawback_testing.clock import FakeClock
from clawback_testing.world import ServiceWorld
from retention.domain.hold import LegalHold, State
from retention.domain.policy import by_class
from retention.domain.sweep import Sweep
from retention.service import SERVICE, assemble
from retention.settings import Settings
from retention.use_cases import holds, sweeps
from retention.use_cases.answers import on_answers
from retention.use_cases.service import Service


class World(ServiceWorld[Service]):
    """The service, with helpers for tests."""

    async def sweep(self, data_class: str | None = "articles", **more: Any) -> list[Sweep]:
        """Requests a sweep."""
        arguments = {"by": "test", "cause": "test"} | more
        policies = by_class(self.service.policies, data_class)
        return await sweeps.sweeps_requested(policies, self.service, **arguments)

    def completed(self, sweep: Sweep, owner: str, **more: Any) -> SweepCompleted:
        """An owner's answer: completed."""
        counts = {"found": 10, "removed": 8, "held": 2}
        return SweepCompleted.model_validate(self._answer(sweep, owner) | counts | more)

    def failed(self, sweep: Sweep, owner: str, **more: Any) -> SweepFailed:
        """An owner's answer: failed."""
        return SweepFailed.model_validate(
            self._answer(sweep, owner) | {"error": "the archive is missing"} | more
        )

    def _answer(self, sweep: Sweep, owner: str) -> dict[str, Any]:
        return {
            "sweep_id": sweep.sweep_id,
            "data_class": sweep.data_class,
            "owner": owner,
            "action": sweep.action,
            "dry_run": sweep.dry_run,
            "started_at": self.clock.now(),
            "ended_at": self.clock.now(),
            "attempt": sweep.attempt,
        }

    async def answers(self, *answers: SweepAnswer) -> None:
        """Processes answers as one batch."""
        await on_answers(self.received(answers), self.service)

    async def finish(self, *sweeps: Sweep) -> None:
        """Every owner completes the sweeps."""
        await self.answers(*(self.completed(sweep, owner) for sweep in sweeps for owner in sweep.owners))

    async def hold(
        self, *article_ids: str, data_class: str = "articles", by: str = "ann", **more: Any
    ) -> UUID:
        """Places a hold; without ids and a span it covers everything."""
        hold = LegalHold(
            hold_id=uuid4(),
            data_class=data_class,
            article_ids=article_ids,
            dated_from=more.get("dated_from"),
            dated_until=more.get("dated_until"),
            state=State.PLACED,
            placed_by=by,
        )
        await holds.hold_placed(hold, "a lawsuit", self.service)
        return hold.hold_id

    async def requests(self) -> list[SweepRequested]:
        """All requests to owners, in order."""
        return await self.events(SweepRequested)

    async def state(self, sweep: Sweep) -> str:
        """The state of a sweep."""
        found: str = await self.db.fetchval("SELECT state FROM sweep WHERE sweep_id = $1", sweep.sweep_id)
        return found

    async def answer_of(self, sweep: Sweep, owner: str) -> tuple[int, str, int]:
        """Attempt, outcome and number of removed records, as saved."""
        row = await self.db.fetchrow(
            "SELECT attempt, outcome, removed FROM sweep_answer WHERE sweep_id = $1 AND owner = $2",
            sweep.sweep_id,
            owner,
        )
        assert row is not None
        return row["attempt"], row["outcome"], row["removed"]


@pytest.fixture
def migrations() -> Sequence[Migration]:
    """The migrations of the retention database."""
    return SERVICE.all_migrations()


@pytest.fixture
def service(database: Database, clock: FakeClock) -> Service:
    """The service without its processes."""
    settings = Settings().model_copy(update={"ingester_url": AnyHttpUrl("http://127.0.0.1:9")})
    return assemble(settings, database, clock, PriorityOutbox())


@pytest.fixture
def world(service: Service, clock: FakeClock) -> World:
    """The service of one test."""
    return World(service, clock)
