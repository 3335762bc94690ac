"""Three replicas of every worker: each alert, each poll and each report once, while replicas are killed and frozen."""

import asyncio
import os
import re
import signal
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
import yaml

from clawback_contracts import cloudevents
from clawback_contracts.alert.v1 import AlertRaised, AlertResolved
from clawback_local import Stack
from clawback_local.config import DATABASES
from clawback_story import chapters, jobs, notifications, scanning
from clawback_story.operation_checkers import SUMMARY
from clawback_story.output import Printer
from clawback_story.plan import Sizes
from clawback_story.world import (
    AUTHENTICATED_ENV,
    FEED,
    OWN_SERVERS,
    QUICK_ENV,
    REVOKED_FEED,
    World,
    opened,
)

pytestmark = [pytest.mark.e2e, pytest.mark.disaster, pytest.mark.timeout(600)]

SEED, REPLICAS = 4_711, 3
WORKERS = tuple(f"{name}-worker" for name in DATABASES)
APIS = ("ingester-api", "compliance-api", "analytics-api")
SIZES = Sizes(articles=30, pushed=0, submitted=0, revoked=0, never_delivered=0, afterwards=0, again=0)
EVERY_S, PAUSE_S = 2.0, 0.5
REFUSED_AFTER_S = 0.2
"""The provider refuses a call that comes sooner after the one before; the rest of the pause is for slow machines."""
REVOKED, REVOKED_LATER = 3, 2
KINDS = {one.TYPE: one for one in (AlertRaised, AlertResolved)}
CAUSES = {"FeedStopped": 2, "TakedownOverdue": 1}
TAKEN_OVER_S_MAX, WITHIN_S, STARTED_S_MAX = 30.0, 60.0, 300.0
LEADS = re.compile(r'lease_held_state\{lease="leader"\} 1(\.0)?$', re.MULTILINE)
PAST_DUE = "UPDATE obligation SET due_at = now() - interval '1 hour' WHERE holder = $1 RETURNING holder"
STATUS = "SELECT status FROM alert WHERE name = $1"
NOTIFIED = """
SELECT n.recipient, count(*) AS runs
FROM notification AS n JOIN alert AS a USING (fingerprint) JOIN message AS m USING (message_id)
WHERE a.name = $1 AND n.what = 'raised' AND m.sent_at IS NOT NULL
GROUP BY n.recipient, n.channel
"""


@asynccontextmanager
async def _running(folder: Path) -> AsyncIterator[World]:
    """Three of every worker, with feeds that are polled every two seconds, and a provider that insists on its pause."""
    feeds = folder / "feeds.yaml"
    listed = ((FEED, "articles"), (REVOKED_FEED, "revoked"))
    entries = [{"name": name, "kind": kind, "every": f"{EVERY_S}s"} for name, kind in listed]
    feeds.write_text(yaml.safe_dump({"feeds": entries}))
    polls = {"METABASE_PAUSE_S": str(PAUSE_S), "FEEDS": str(feeds)}
    env = {**QUICK_ENV, **AUTHENTICATED_ENV, "ingester-worker": polls, "ingester-api": polls}
    env["simulator"] = {"SIMULATOR_SEED": str(SEED)}
    workers = [*WORKERS, *(f"{worker}-{number}" for worker in WORKERS for number in range(2, REPLICAS + 1))]
    with pytest.MonkeyPatch.context() as patch:
        for name in OWN_SERVERS:
            patch.delenv(name, raising=False)
        stack = Stack(parts=[*workers, *APIS], env=env, replicas=REPLICAS)
        try:
            stack.up(STARTED_S_MAX)
            async with opened(stack, SIZES, SEED, Printer()) as world:
                yield world
        finally:
            stack.down()


async def test_three_replicas_alert_poll_and_report_once_while_some_are_killed_and_frozen(
    tmp_path: Path,
) -> None:
    async with _running(tmp_path) as world:
        await world.simulator.set(pause_s=REFUSED_AFTER_S)
        await _a_takedown_is_overdue(world)
        await _stop_feed(world)
        resumed = [await _freeze_and_kill(world)]
        await world.downstream.start()
        await _stop_feed(world)
        for worker in ("ingester-worker", "compliance-worker"):
            await world.in_thread(world.stack.kill, await _leader(world, worker))
        resumed.append(await _resume_feed(world))
        await _until_status(world, "TakedownOverdue", "resolved")
        await world.simulator.revoke(count=REVOKED_LATER)
        runs = await asyncio.gather(*(jobs.daily_run(world, "one of three") for _ in range(REPLICAS)))
        await notifications.until_all_sent(world)
        assert [run.exit_code for run in runs] == [0] * REPLICAS
        problems = await _polls(world, resumed), await _flaps(world), await _doubled_reports(world)
        assert problems == ([], [], [])


async def _a_takedown_is_overdue(world: World) -> None:
    """A consumer registers, and does not answer."""
    await world.simulator.publish(SIZES.articles)
    await chapters.a_holder_registers(world)
    await world.downstream.stop()
    live = "SELECT count(*) = $1 FROM article WHERE state = 'live'"
    await world.until("articles", lambda: world.value("ingester", live, SIZES.articles), within_s=WITHIN_S)
    await world.simulator.revoke(count=REVOKED)

    async def owed() -> bool:
        return len(await world.rows("compliance", PAST_DUE, world.downstream.name)) == REVOKED

    await world.until("obligations", owed, within_s=WITHIN_S)
    await _until_status(world, "TakedownOverdue", "firing")


async def _freeze_and_kill(world: World) -> int:
    """Two leaders freeze and three die; the others lead, and resolve what the frozen have raised.

    Returns the result of `_resume_feed`.
    """
    frozen = {worker: await _leader(world, worker) for worker in ("ingester-worker", "compliance-worker")}
    pids = [await world.in_thread(world.stack.pid, one) for one in frozen.values()]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    frozen_at = time.monotonic()
    try:
        for worker in ("alerting-worker", "analytics-worker", "retention-worker"):
            await world.in_thread(world.stack.kill, await _leader(world, worker))
        for worker, one in frozen.items():
            await _leader(world, worker, but=one)
        assert time.monotonic() - frozen_at < TAKEN_OVER_S_MAX
        resumed = await _resume_feed(world)
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    await world.in_thread(world.stack.wait_ready)
    return resumed


async def _leader(world: World, worker: str, *, but: str = "") -> str:
    """Which replica leads its service; waits until one does."""
    found: list[str] = []

    async def leads() -> bool:
        found[:] = [
            one for one in world.stack.processes(worker) if one != but and await _is_leader(world, one)
        ]
        return bool(found)

    await world.until(f"a leader of {worker}", leads, within_s=WITHIN_S)
    assert len(found) == 1, f"{found} lead at the same time"
    return found[0]


async def _is_leader(world: World, process: str) -> bool:
    address = await world.in_thread(world.stack.address, process)
    async with httpx.AsyncClient(trust_env=False, timeout=5) as http:
        with suppress(httpx.TransportError):
            return LEADS.search((await http.get(f"http://{address}/metrics")).text) is not None
    return False


async def _stop_feed(world: World) -> None:
    await world.simulator.fail("articles", "failure", code=1003)
    await _until_status(world, "FeedStopped", "firing")


async def _resume_feed(world: World) -> int:
    """Resume the feed as an operator; return the number of calls before."""
    before = len((await world.simulator.truth()).calls["articles"].at)
    answer = await world.ingester.post(f"/feeds/{FEED}/resume", headers=world.key("operator"))
    assert answer.status_code == httpx.codes.NO_CONTENT, answer.text
    await _until_status(world, "FeedStopped", "resolved")
    return before


async def _until_status(world: World, name: str, status: str) -> None:
    async def has_status() -> bool:
        return bool(await world.value("alerting", STATUS, name) == status)

    await world.until(f"{name} is {status}", has_status, within_s=WITHIN_S)


async def _polls(world: World, resumed: Collection[int]) -> list[str]:
    """By the provider's own record: passes that came too early, and calls that it refused for its pause.

    A pass begins where the one before ended, with its last cursor; each further page of a pass has another one.

    Args:
        world: where.
        resumed: numbers of the calls that a person had made at once.
    """
    calls = (await world.simulator.truth()).calls
    times = calls["articles"].at
    early = [
        f"call {number} of articles {later - before:.2f} s after the one before, with its cursor"
        for number, ((before, read), (later, cursor)) in enumerate(pairwise(times), 1)
        if read == cursor and later - before < EVERY_S - REFUSED_AFTER_S and number not in resumed
    ]
    refused = [f"{one.paused} calls of {name} refused" for name, one in calls.items() if one.paused]
    assert len(times) > 5, "hardly polled"
    return early + refused


async def _flaps(world: World) -> list[str]:
    """By the topic of alerts: what does not alternate, or was not raised as often as there was a cause."""
    events_of: dict[str, dict[str, tuple[datetime, str, type]]] = defaultdict(dict)

    def take(records: Iterable[object]) -> None:
        for record in records:
            headers = record.headers  # type: ignore[attr-defined]
            kind = KINDS.get(cloudevents.attribute(headers, "ce_type") or "")
            if kind is None:
                continue
            event = kind.model_validate_json(record.value)  # type: ignore[attr-defined]
            at = event.raised_at if isinstance(event, AlertRaised) else event.resolved_at
            events_of[event.fingerprint][cloudevents.attribute(headers, "ce_id") or ""] = (
                at,
                event.name,
                kind,
            )

    await scanning.read_topics(world, take, (AlertRaised.TOPIC,))
    raised = Counter[str]()
    flaps = []
    for events in events_of.values():
        ordered = sorted(events.values(), key=lambda one: one[0])
        kinds = [kind for _, _, kind in ordered]
        name = ordered[0][1]
        raised[name] += kinds.count(AlertRaised)
        if kinds != [AlertRaised, AlertResolved] * (len(kinds) // 2) + [AlertRaised] * (len(kinds) % 2):
            flaps.append(f"{name}: {[kind.__name__ for kind in kinds]}")
    return flaps + [
        f"{name} raised {raised[name]} times" for name, times in CAUSES.items() if raised[name] != times
    ]


async def _doubled_reports(world: World) -> list[str]:
    """Messages that people received twice, and recipients who were not notified once of each run.

    One mail may name several runs that end within its delay, so runs are counted by what each sent message names.
    """
    runs = await world.value("compliance", "SELECT count(*) FROM run WHERE state = 'completed'")
    assert runs
    notified: dict[str, int] = {}

    async def all_notified() -> bool:
        notified.update(
            {row["recipient"]: row["runs"] for row in await world.rows("alerting", NOTIFIED, SUMMARY)}
        )
        return bool(notified) and min(notified.values()) >= runs

    await world.until("every run's summary has been sent", all_notified, within_s=WITHIN_S)
    sent = notifications.read(world.stack.run_dir)
    copies = Counter((one.by, one.to, one.reference) for one in sent)
    doubled = [f"{which} came {count} times" for which, count in copies.items() if count > 1]
    return doubled + [f"{who} of {count} of {runs} runs" for who, count in notified.items() if count != runs]
