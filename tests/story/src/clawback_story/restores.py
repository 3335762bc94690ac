"""One database is set back to a backup while the others, and the broker, have gone on; or the broker is empty too."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

import httpx
import orjson

from clawback_contracts import cloudevents
from clawback_contracts.article.v1 import ArticlePublished
from clawback_story import asking, checkers, counting, doors, faults, jobs, looking, scanning
from clawback_story.problems import Problems, missing
from clawback_story.texts import Written, write_all
from clawback_story.world import FEED, METABASE, REVOKED_FEED, UPSTREAM, Broken, World

CREATED, ACCEPTED, OK, NO_CONTENT = 201, 202, 200, 204
NEW, SUBMITTED, UPDATED, REVOKED = 100, 40, 20, 20
WITHIN_S = 60.0
READ_EVERY_S = 0.05
REFUSED_CODE = 1003
SWEEPS_MAX = 3
"""A sweep that omits a hold is refused, and tells it; the next one names it."""
JUDGES = (
    "C1 lost",
    "C2 resurrected",
    "C3 stale serve",
    "C5 residue",
    "C8 backwards",
    "C9 removed without cause",
)
"""Of the checkers, those that judge what is; a database that was set back has forgotten some of what was done."""
FIRING = "SELECT status FROM alert WHERE name = 'FeedStopped' AND labels ->> 'feed' = $1"
HOLD = (
    "SELECT count(*) FROM hold WHERE $1 = ANY (article_ids) AND state IN ('placed', 'confirmed', 'lifting')"
)
HOLD_KNOWN = """
SELECT count(*) FROM known_hold
WHERE data_class = 'articles' AND ended_at IS NULL AND scope -> 'article_ids' ? $1
"""
AN_HOUR_LATER = "UPDATE watch SET said_at = said_at - interval '1 hour' WHERE resolved_at IS NULL"
"""For what is said again as long as it lasts."""


@dataclass(frozen=True)
class Before:
    """What was done before the backup was taken."""

    to_reinstate: str


@dataclass(frozen=True)
class Done:
    """What was done after it, and is forgotten by the database that is set back."""

    revoked: frozenset[str]
    reinstated: str
    held: str
    submitted: tuple[Written, ...]


async def before(world: World) -> Before:
    """Articles, and one that an officer revokes."""
    submitted = _write(world, SUBMITTED)
    await world.simulator.publish(NEW)
    await doors.submit(world, submitted)
    await doors.poll_well(world, FEED)
    await faults.drained(world, "articles before the backup")
    await revoke_by_officer(world, submitted[0].article_id)
    await faults.drained(world, "a revocation before the backup")
    return Before(submitted[0].article_id)


async def go_on(world: World, before: Before) -> Done:
    """Articles, new texts, takedowns by feed and by HTTP, a reinstatement, a hold, a sweep, an alert."""
    submitted = _write(world, SUBMITTED)
    published = await world.simulator.publish(NEW)
    await doors.submit(world, submitted)
    await doors.poll_well(world, FEED)
    await world.simulator.update(ids=published.ids[:UPDATED])
    await doors.poll_well(world, FEED)
    await faults.drained(world, "articles after the backup")
    revoked = {f"{METABASE}:{one}" for one in await faults.revoke(world, REVOKED)}
    by_officer = {submitted[0].article_id, submitted[1].article_id}
    for article_id in sorted(by_officer):
        await revoke_by_officer(world, article_id)
    await reinstate(world, before.to_reinstate)
    held = submitted[2].article_id
    await place_hold(world, held)
    await sweep(world)
    await faults.drained(world, "what came after the backup")
    await stop_feed(world)
    return Done(frozenset(revoked | by_officer), before.to_reinstate, held, tuple(submitted))


def _write(world: World, count: int) -> list[Written]:
    return write_all(world.seed, UPSTREAM, count, first=200_000 + len(world.written))


async def revoke_by_officer(world: World, article_id: str) -> None:
    """A takedown over HTTP."""
    answer = await world.compliance.post(
        "/compliance/notices",
        headers=world.key("officer"),
        json={"article_id": article_id, "reason": "manual", "note": "before or after a backup"},
    )
    _expect(answer, ACCEPTED, "the officer's notice")
    world.history.revoked_by_officer.add(article_id)


async def reinstate(world: World, article_id: str) -> None:
    """An officer lifts a revocation; nobody sends the article again."""
    order = await asking.order_on(world, article_id)
    if order is None:
        raise Broken(f"there is no order on {article_id}")
    answer = await world.compliance.post(
        f"/compliance/revocations/{order['revocation_id']}/reinstate",
        headers=world.key("officer"),
        json={"note": "revoked by mistake"},
    )
    _expect(answer, ACCEPTED, "the reinstatement")
    world.history.reinstated.add(article_id)


async def place_hold(world: World, article_id: str) -> None:
    """By one person, confirmed by another."""
    placed = await world.retention.post(
        "/retention/holds",
        headers=world.key("officer"),
        json={"data_class": "articles", "article_ids": [article_id], "reason": "evidence in a court case"},
    )
    _expect(placed, CREATED, "the hold")
    confirmed = await world.retention.post(
        f"/retention/holds/{placed.json()['hold_id']}/confirm",
        headers=world.key("approver"),
        json={"note": "seen"},
    )
    _expect(confirmed, OK, "the confirmation of the hold")


def _expect(answer: httpx.Response, status: int, what: str) -> None:
    if answer.status_code != status:
        raise Broken(f"{what} was refused: {answer.status_code} {answer.text[:300]}")


async def sweep(world: World) -> int:
    """Sweep articles until every owner agrees; gives how many sweeps that took."""
    refused: tuple[str, ...] = ()
    for count in range(1, SWEEPS_MAX + 1):
        seen = await jobs.job(world, "retention", "sweep", "--class", "articles", "--wait", "1")
        if seen.exit_code == 0:
            return count
        refused = seen.lines[-3:]
    raise Broken(f"{SWEEPS_MAX} sweeps were refused: {' | '.join(refused)}")


async def stop_feed(world: World) -> None:
    """The provider refuses our key: a lasting alert, of which somebody is told."""
    await world.simulator.fail("articles", "failure", code=REFUSED_CODE)
    await doors.poll(world, FEED)
    await world.until("the alert of a stopped feed", lambda: is_firing(world), within_s=WITHIN_S)


async def resume_feed(world: World) -> None:
    """The key is good again. An ingester that was set back does not know that it was not."""
    if (await doors.feed_row(world, FEED))["state"] == "stopped":
        answer = await world.ingester.post(f"/feeds/{FEED}/resume", headers=world.key("operator"))
        _expect(answer, NO_CONTENT, "to resume the feed")
    await doors.poll_well(world, FEED)


async def is_firing(world: World) -> bool:
    """Alerting knows that the feed is stopped."""
    return bool(await world.value("alerting", FIRING, FEED) == "firing")


class Watching:
    """Asks every API of the ingester for articles that are revoked, from before it serves until the end."""

    def __init__(self, world: World, article_ids: Iterable[str]) -> None:
        self._world = world
        self._ids = sorted(article_ids)
        self._task: asyncio.Task[None] | None = None
        self.readable: set[str] = set()
        self.refused = 0

    async def __aenter__(self) -> Self:
        addresses = [
            await self._world.in_thread(self._world.stack.address, name)
            for name in self._world.stack.processes("ingester-api")
        ]
        self._task = asyncio.create_task(self._watch([f"http://{one}/api/v1/articles/" for one in addresses]))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _watch(self, addresses: list[str]) -> None:
        async with httpx.AsyncClient(headers=self._world.key("reader"), trust_env=False, timeout=10) as http:
            while True:
                for article_id in self._ids:
                    for address in addresses:
                        await self._ask(http, address, article_id)
                    await asyncio.sleep(READ_EVERY_S)

    async def _ask(self, http: httpx.AsyncClient, address: str, article_id: str) -> None:
        with suppress(httpx.TransportError):
            answer = await http.get(f"{address}{article_id}")
            if answer.status_code == OK:
                self.readable.add(f"{article_id} at {datetime.now(UTC):%H:%M:%S.%f}")
            else:
                self.refused += answer.status_code == httpx.codes.GONE


class Published:
    """What lies on ``articles.v1`` at one time, so that what is published later can be told from it."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    async def look(self, world: World) -> frozenset[str]:
        """Ids of the articles that were published since the last look."""
        new: set[str] = set()

        def take(records: Iterable[object]) -> None:
            for record in records:
                event_id = cloudevents.attribute(record.headers, "ce_id") or ""  # type: ignore[attr-defined]
                if event_id not in self._seen:
                    self._seen.add(event_id)
                    new.add(orjson.loads(record.value)["article_id"])  # type: ignore[attr-defined]

        await scanning.read_topics(world, take, (ArticlePublished.TOPIC,))
        return frozenset(new)


async def set_back(world: World, dump: faults.Dump, service: str, *, broker_wiped: bool) -> None:
    """Stop a service, restore its database, and empty the broker; nothing is started yet."""
    await asyncio.gather(world.stop(f"{service}-worker"), world.stop(f"{service}-api"))
    revoked = await world.simulator.revoke(count=REVOKED)
    world.broke(f"restore of the database of {service}", len(revoked.ids))
    await dump.restore()
    if broker_wiped:
        await world.forget_producer()
        await world.downstream.stop()
        await world.in_thread(world.stack.wipe, "kafka")


async def come_back(world: World, service: str, done: Done, *, broker_wiped: bool) -> None:
    """Start it, worker and API at once, and what else an operator does then."""
    await asyncio.gather(world.start(f"{service}-worker"), world.start(f"{service}-api"))
    if broker_wiped:
        await world.downstream.start()
        if service != "ingester":
            await world.stop("ingester-worker")
            await world.start("ingester-worker")
        else:
            await doors.submit(world, done.submitted[2:])
        if (
            service == "compliance"
        ):  # only what stands revoked is known again, and that is revoked above the lifting
            world.history.reinstated.discard(done.reinstated)
    await world.in_thread(world.stack.wait_ready)
    await doors.poll_well(world, REVOKED_FEED)


async def alert_is_known(world: World) -> None:
    """Wait until alerting knows that the feed is stopped, with hours passing."""

    async def known() -> bool:
        await world.databases["ingester"].execute(AN_HOUR_LATER)
        return await is_firing(world)

    await world.until("the alert of a stopped feed", known, within_s=WITHIN_S, every_s=1)


async def judged(world: World) -> dict[str, Problems]:
    """What the checkers of what is have to say."""
    await counting.compare(world, f"at {datetime.now(UTC):%H:%M:%S}")
    evidence = await looking.gather(world)
    found = {name: checkers.ALL[name](evidence) for name in JUDGES}
    last = evidence.history.counts[-len(counting.KEYS) :]
    found["counts"] = [f"{one.question}: {'; '.join(one.differs)}" for one in last if one.differs]
    return {name: problems for name, problems in found.items() if problems}


async def holds_forgotten(world: World, done: Done) -> Problems:
    """After the next sweep retention and the owners know the hold, and the article is there."""
    await sweep(world)
    problems = []
    if not await world.value("retention", HOLD, done.held):
        problems.append("retention does not know the hold")
    problems += [
        f"{owner} does not know the hold"
        for owner in ("ingester", "analytics")
        if not await world.value(owner, HOLD_KNOWN, done.held)
    ]
    answer = await world.ingester.get(f"/articles/{done.held}")
    return problems + missing("on hold, and not there", [done.held] if answer.status_code != OK else [])
