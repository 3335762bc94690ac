"""One database is restored from a backup while the others and the broker are newer, or the broker is wiped too."""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import httpx
import orjson
import yaml

from clawback_contracts import cloudevents
from clawback_contracts.article.v1 import ArticlePublished
from clawback_contracts.revocation.v1 import RevocationNoticed
from clawback_local.config import DATABASES
from clawback_simulator.actions import EndpointName
from clawback_story import (
    checkers,
    counting,
    faults,
    inspection,
    jobs,
    operation_checkers,
    queries,
    scanning,
    sources,
    sweeping,
)
from clawback_story.problems import Problems
from clawback_story.texts import Written, write_all
from clawback_story.world import FEED, METABASE, POLICIES, REVOKED_FEED, UPSTREAM, Broken, World

CREATED, ACCEPTED, OK, NO_CONTENT = 201, 202, 200, 204
NEW, SUBMITTED, UPDATED, REVOKED = 100, 40, 20, 20
OLD, OLD_DAYS = 3, 363
RETENTION = "retention-worker"
SWEPT_DAYS = 360
"""A maximum age below that of the scenario's policy: articles in between were not swept before."""
WITHIN_S = 60.0
READ_EVERY_S = 0.1
REFUSED_CODE, ALWAYS = 1003, 1_000
ENDPOINTS: Mapping[str, EndpointName] = {FEED: "articles", REVOKED_FEED: "revokedArticles"}
SWEEPS_MAX = 3
"""A sweep that omits a hold is rejected and reports the hold; the next one names it."""
CHECKED = (
    "C1 lost",
    "C2 resurrected",
    "C3 stale serve",
    "C5 residue",
    "C8 backwards",
    "C9 removed without cause",
)
"""The checkers of the current state; a restored database has lost part of the history."""
STOPPED_SINCE = """
SELECT count(*) FROM alert
WHERE name = 'FeedStopped' AND labels ->> 'feed' = ANY ($1) AND status = 'firing' AND last_at >= $2
"""
FIRING = "SELECT fingerprint, name FROM alert WHERE service = $1 AND status = 'firing' AND listed"
HOLDING = "SELECT fingerprint FROM alert_state WHERE resolved_at IS NULL"
WATCHERS = ("ingester", "compliance", "retention")
"""Services that raise alerts for lasting conditions, and resolve them when they end."""
LOSS_SEEN = "SELECT count(*) FROM published_log WHERE topic = $1 AND seen_at >= $2"
BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
CHANGED_SINCE = "SELECT count(*) FROM alert WHERE name = 'HolderChanged' AND occurrence > 0 AND last_at >= $1"
HOLD = (
    "SELECT count(*) FROM hold WHERE $1 = ANY (article_ids) AND state IN ('placed', 'confirmed', 'lifting')"
)
HOLD_KNOWN = """
SELECT count(*) FROM known_hold
WHERE data_class = 'articles' AND ended_at IS NULL AND scope -> 'article_ids' ? $1
"""
AN_HOUR_LATER = "UPDATE alert_state SET sent_at = sent_at - interval '1 hour' WHERE resolved_at IS NULL"
"""Makes alerts of lasting conditions due to be raised again."""
A_DAY_LATER = """
UPDATE alert SET first_at = first_at - interval '26 hours', last_at = last_at - interval '26 hours'
WHERE status = 'firing'
"""
"""Makes alerts end that are not raised again."""


@dataclass(frozen=True)
class Done:
    """What was done after the backups, and is missing in a restored database."""

    revoked: frozenset[str]
    reinstated: str
    held: str
    submitted: tuple[Written, ...]


@dataclass(frozen=True)
class Backups:
    """Backups of every database at one time, and what was done afterwards."""

    dumps: Mapping[str, faults.Dump]
    done: Done


@dataclass(frozen=True)
class _Before:
    to_reinstate: str
    old: tuple[str, ...]


async def backups(world: World) -> Backups:
    """Works, backs up every database, and works on.

    Each database may then be restored from its backup, one at a time.
    """
    before = await _before(world)
    dumps = {name: faults.Dump(world, name) for name in DATABASES}
    await asyncio.gather(*(dump.take() for dump in dumps.values()))
    return Backups(dumps, await _after(world, before))


async def _before(world: World) -> _Before:
    """Creates articles, some of which will soon be old, and one that an officer revokes."""
    submitted = _write(world, SUBMITTED)
    await world.simulator.publish(NEW)
    old = await world.simulator.publish(OLD, dated_days_ago=OLD_DAYS)
    await sources.submit(world, submitted)
    await sources.poll_well(world, FEED)
    await faults.drained(world, "articles before the backups")
    await revoke_by_officer(world, submitted[0].article_id)
    await faults.drained(world, "a revocation before the backups")
    return _Before(submitted[0].article_id, tuple(f"{METABASE}:{one}" for one in old.ids))


async def _after(world: World, before: _Before) -> Done:
    """New articles and texts, takedowns by feed and by HTTP, a reinstatement, a hold, a sweep."""
    submitted, (held, *old) = _write(world, SUBMITTED), before.old
    published = await world.simulator.publish(NEW)
    await sources.submit(world, submitted)
    await sources.poll_well(world, FEED)
    await world.simulator.update(ids=published.ids[:UPDATED])
    await sources.poll_well(world, FEED)
    await faults.drained(world, "articles after the backups")
    revoked = {f"{METABASE}:{one}" for one in await _revoke(world)}
    await sources.poll_well(world, REVOKED_FEED)
    by_officer = {submitted[0].article_id, submitted[1].article_id}
    for article_id in sorted(by_officer):
        await revoke_by_officer(world, article_id)
    await reinstate(world, before.to_reinstate)
    await place_hold(world, held)
    await shorten_policy(world)
    await sweep(world)
    world.history.swept |= set(old)
    await faults.drained(world, "what came after the backups")
    return Done(frozenset(revoked | by_officer), before.to_reinstate, held, tuple(submitted))


async def _revoke(world: World) -> list[str]:
    """Revokes articles at the provider that are not old: swept and held ones stay as they are."""
    old = {one.removeprefix(f"{METABASE}:") for one in world.history.swept | world.history.on_hold}
    live = (await world.simulator.truth()).live_ids - old
    return (await world.simulator.revoke(ids=world.chance.sample(sorted(live), REVOKED))).ids


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
    """Reinstates an article, which is not delivered again."""
    order = await queries.order_on(world, article_id)
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
    """Paths a hold, confirmed by a second person."""
    world.history.on_hold.add(article_id)
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


async def change_holder(world: World) -> datetime:
    """Changes the consumer's registration, which raises an alert once. Returns when."""
    began = datetime.now(UTC)
    answer = await world.compliance.patch(
        f"/compliance/holders/{world.downstream.name}",
        headers=world.key("operator"),
        json={"purpose": f"search of other pages since {began:%H:%M:%S}"},
    )
    _expect(answer, OK, "the change of the holder")
    await _until_change_is_known(world, began)
    return began


async def _until_change_is_known(world: World, changed_at: datetime) -> None:
    async def known() -> bool:
        return bool(await world.value("alerting", CHANGED_SINCE, changed_at))

    await world.until("the alert of a changed holder", known, within_s=WITHIN_S)


def _expect(answer: httpx.Response, status: int, what: str) -> None:
    if answer.status_code != status:
        raise Broken(f"{what} was rejected: {answer.status_code} {answer.text[:300]}")


async def shorten_policy(world: World) -> None:
    """Shortens the policy for articles by some days: retention's workers are restarted with it."""
    environment = await world.in_thread(world.stack.environment, RETENTION)
    policies = yaml.safe_load(POLICIES.read_text())
    policies["policies"]["articles"]["age"] = f"{SWEPT_DAYS} days"
    await asyncio.to_thread(Path(environment["POLICIES"]).write_text, yaml.safe_dump(policies))
    await world.stop(RETENTION)
    await world.start(RETENTION)
    await world.in_thread(world.stack.wait_ready)


async def sweep(world: World) -> None:
    """Sweeps articles until every owner agrees."""
    arguments, refused = ("sweep", "--class", "articles", "--wait", "1"), tuple[str, ...]()
    for _ in range(SWEEPS_MAX):
        seen = await jobs.job(world, "retention", *arguments)
        if seen.exit_code == 0:
            world.history.floor = await world.value("retention", sweeping.ASKED)
            return
        refused = seen.lines[-3:]
    raise Broken(f"{SWEEPS_MAX} sweeps were rejected: {' | '.join(refused)}")


async def stop_feeds(world: World) -> None:
    """The provider rejects the key on both feeds, which raises lasting alerts."""
    began = datetime.now(UTC)
    for feed, endpoint in ENDPOINTS.items():
        await world.simulator.fail(endpoint, "failure", code=REFUSED_CODE, times=ALWAYS)
        await sources.poll(world, feed)
    await _until_stopped(world, list(ENDPOINTS), began)


async def _until_stopped(world: World, feeds: list[str], since: datetime) -> None:
    """Waits until alerting has alerts, raised since then, for the stopped feeds."""

    async def known() -> bool:
        return bool(await world.value("alerting", STOPPED_SINCE, feeds, since) == len(feeds))

    await world.until("alerts of stopped feeds", known, within_s=WITHIN_S)


async def alert_is_known(world: World, since: datetime) -> None:
    """The feed of articles is still rejected; hours later its alert is raised again."""
    await sources.poll(world, FEED)

    async def known() -> bool:
        await world.databases["ingester"].execute(AN_HOUR_LATER)
        return bool(await world.value("alerting", STOPPED_SINCE, [FEED], since))

    await world.until("the alert of a stopped feed", known, within_s=WITHIN_S, every_s=1)


async def resume_feed(world: World) -> None:
    """The key is valid again, for the feed of articles too."""
    await world.simulator.heal("articles")
    answer = await world.ingester.post(f"/feeds/{FEED}/resume", headers=world.key("operator"))
    _expect(answer, NO_CONTENT, "to resume the feed")
    await sources.poll_well(world, FEED)


async def alerts_end(world: World, changed_at: datetime) -> list[str]:
    """Checks that single events are known, and that ended alerts are resolved, even if the service has lost them.

    Args:
        world: the running system.
        changed_at: when the holder was changed, before the restore.

    Returns:
        The names of the alerts that the service had lost, for which a day had to pass.
    """

    async def ended() -> bool:
        return not await lingering(world)

    async def resumed() -> bool:
        return not await world.value("alerting", STOPPED_SINCE, [FEED], BEGINNING)

    await _until_change_is_known(world, changed_at)
    await world.until("the end of the alert of a stopped feed", resumed, within_s=WITHIN_S)
    forgotten = await lingering(world)
    if forgotten:
        await world.databases["alerting"].execute(A_DAY_LATER)
        for service in {one.service for one in forgotten}:
            await world.stop(f"{service}-worker")
            await world.start(f"{service}-worker")
        await world.until("the end of every alert that is over", ended, within_s=WITHIN_S)
    return [one.name for one in forgotten]


@dataclass(frozen=True)
class Lingering:
    """An alert that fires in alerting, but not in the service that raised it."""

    service: str
    name: str


async def lingering(world: World) -> list[Lingering]:
    """Returns all of these."""
    found = []
    for service in WATCHERS:
        holding = {row["fingerprint"] for row in await world.rows(service, HOLDING)}
        found += [
            Lingering(service, row["name"])
            for row in await world.rows("alerting", FIRING, service)
            if row["fingerprint"] not in holding
        ]
    return found


class Watching:
    """Requests revoked articles from every API of the ingester, from before it is ready until the end."""

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
                        await self._read(http, address, article_id)
                    await asyncio.sleep(READ_EVERY_S)

    async def _read(self, http: httpx.AsyncClient, address: str, article_id: str) -> None:
        with suppress(httpx.TransportError):
            answer = await http.get(f"{address}{article_id}")
            if answer.status_code == OK:
                self.readable.add(f"{article_id} at {datetime.now(UTC):%H:%M:%S.%f}")
            else:
                self.refused += answer.status_code == httpx.codes.GONE


class Published:
    """The current content of ``articles.v1``, to recognise what is published later."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    async def look(self, world: World) -> frozenset[str]:
        """Returns the ids of the articles that were published since the last call."""
        new: set[str] = set()

        def take(records: Iterable[object]) -> None:
            for record in records:
                event_id = cloudevents.attribute(record.headers, "ce_id") or ""  # type: ignore[attr-defined]
                if event_id not in self._seen:
                    self._seen.add(event_id)
                    new.add(orjson.loads(record.value)["article_id"])  # type: ignore[attr-defined]

        await scanning.read_topics(world, take, (ArticlePublished.TOPIC,))
        return frozenset(new)


async def restore(world: World, dump: faults.Dump, service: str, *, broker_wiped: bool) -> datetime | None:
    """Stops a service, restores its database, and wipes the broker if requested; starts nothing.

    Returns:
        When the broker was wiped.
    """
    await asyncio.gather(world.stop(f"{service}-worker"), world.stop(f"{service}-api"))
    world.broke(f"restore of the database of {service}", len(await _revoke(world)))
    await world.simulator.heal("revokedArticles")
    await dump.restore()
    if not broker_wiped:
        return None
    await world.forget_producer()
    await world.downstream.stop()
    wiped_at = datetime.now(UTC)
    await world.in_thread(world.stack.wipe, "kafka")
    return wiped_at


async def orders(world: World) -> Mapping[str, int]:
    """Returns the last order of each article in compliance."""
    rows = await world.rows("compliance", "SELECT article_id, order_no FROM article WHERE order_no > 0")
    return {row["article_id"]: row["order_no"] for row in rows}


async def restart(world: World, service: str, done: Done, wiped_at: datetime | None) -> None:
    """Starts it, worker and API together; resubmits what only the broker had."""
    await asyncio.gather(world.start(f"{service}-worker"), world.start(f"{service}-api"))
    if wiped_at:
        await world.downstream.start()
        if service == "ingester":
            await sources.submit(world, done.submitted[2:])
        if service == "compliance":
            # Only what is revoked now is known again, with an order above that of the reinstatement.
            world.history.reinstated.discard(done.reinstated)
        await _until_loss_is_seen(world, wiped_at)
    await world.in_thread(world.stack.wait_ready)


async def _until_loss_is_seen(world: World, since: datetime) -> None:
    """Waits until the ingester, which checks every 30 seconds, detects the loss of its notices and sends them again."""

    async def seen() -> bool:
        return bool(await world.value("ingester", LOSS_SEEN, RevocationNoticed.TOPIC, since))

    await world.until("notices that the broker lost", seen, within_s=WITHIN_S)


async def catch_up(world: World) -> None:
    """Does what an operator would do: polls the revocations that were missed, and sweeps again."""
    await sources.poll_well(world, REVOKED_FEED)
    await sweep(world)


async def verify(world: World, done: Done) -> dict[str, Problems]:
    """Returns the problems of the checkers of the current state."""
    await counting.compare(world, f"at {datetime.now(UTC):%H:%M:%S}")
    evidence = await inspection.gather(world)
    found = {name: checkers.ALL[name](evidence) for name in CHECKED}
    found["swept"] = operation_checkers.kept_too_long(evidence)
    found["holds"] = await holds_forgotten(world, done)
    last = evidence.history.counts[-len(counting.KEYS) :]
    found["counts"] = [f"{one.question}: {'; '.join(one.differs)}" for one in last if one.differs]
    return {name: problems for name, problems in found.items() if problems}


async def holds_forgotten(world: World, done: Done) -> Problems:
    """Returns the stores that lack the hold after the sweep."""
    problems = [] if await world.value("retention", HOLD, done.held) else ["retention does not know the hold"]
    return problems + [
        f"{owner} does not know the hold"
        for owner in ("ingester", "analytics")
        if not await world.value(owner, HOLD_KNOWN, done.held)
    ]
