"""The scenario, chapter by chapter: articles are ingested, some are revoked, and many faults happen meanwhile."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

import httpx

from clawback_story import (
    counting,
    garbage_http,
    garbage_kafka,
    garbage_provider,
    health,
    jobs,
    notifications,
    queries,
    sources,
    sweeping,
)
from clawback_story.history import Served
from clawback_story.inspection import expectation
from clawback_story.texts import write_all
from clawback_story.world import METABASE, PARTNER, REVOKED_FEED, UPSTREAM, Broken, World

COUNT_EVERY_S = 0.5
READ_EVERY_S = 0.1
"""A reader's pause between two articles."""
START_S, HELD_S, ANSWERED_S, BACK_S = 30.0, 120.0, 60.0, 60.0
OK, GONE, CREATED, ACCEPTED = 200, 410, 201, 202
OLD_REVOKED = 2
"""Number of revoked articles that are also old: a sweep finds them already emptied, and must keep their ids."""
OLD_AT_LEAST, OLD_DAYS = 8, 900
"""Minimum number and age of old articles; the simulator makes one in a hundred old, which may be too few."""
OVER_HTTP_SHARE = 4
"""One in this many submissions is sent over HTTP, the others on the topic."""


async def a_holder_registers(world: World) -> None:
    """Registers the downstream consumer in compliance before it reads its first article."""
    world.printer.chapter("A downstream consumer registers")
    answer = await world.compliance.post(
        "/compliance/holders",
        headers=world.key("operator"),
        json={
            "name": world.downstream.name,
            "kind": "consumer",
            "group": world.downstream.group,
            "purpose": "full-text search on the site",
            "copy_kinds": ["content"],
            "holdings_url": world.downstream.holdings_url,
            "signing_keys": world.downstream.signing_keys,
        },
    )
    if answer.status_code != CREATED:
        raise Broken(f"the holder registration was rejected: {answer.status_code} {answer.text[:300]}")
    await world.downstream.start()
    world.printer.line(
        f"{world.downstream.name} reads as group {world.downstream.group}: contracts/examples/consumer.py"
    )


async def articles_arrive(world: World, *, failing: bool = True) -> None:
    """Delivers articles by feed, webhooks and the submission topic, until the consumer holds all of them."""
    sizes, printer = world.sizes, world.printer
    printer.chapter(
        f"{sizes.articles:,} articles on the provider's feed, {sizes.pushed} by webhook, {sizes.submitted} submitted"
    )
    await world.until(
        "the first poll of revocations",
        lambda: sources.first_revocations_read(world),
        within_s=START_S,
    )
    aged = min(OLD_AT_LEAST, sizes.articles // 10)
    await world.simulator.publish(aged, dated_days_ago=OLD_DAYS)
    await world.simulator.publish(sizes.articles - aged)
    pushed = write_all(world.seed, PARTNER, sizes.pushed)
    submitted = write_all(world.seed, UPSTREAM, sizes.submitted)
    over_http = sizes.submitted // OVER_HTTP_SHARE
    if failing:
        await garbage_provider.between_pages(world, *garbage_provider.WORTH_A_RETRY)
    async with asyncio.TaskGroup() as tasks:
        ticking = tasks.create_task(_count(world))
        polling = tasks.create_task(sources.poll_well(world))
        tasks.create_task(sources.push(world, pushed))
        tasks.create_task(sources.submit_http(world, submitted[:over_http]))
        tasks.create_task(sources.submit(world, submitted[over_http:]))
        if failing:
            tasks.create_task(a_run_that_fails(world))
        await polling
        printer.line("the feed is read to its end; its cursor is durable")
        what = "the consumer holds all offered articles"
        await world.until(what, lambda: _as_many(world), within_s=HELD_S, every_s=0.25)
        await until_held(world, what, within_s=HELD_S)
        ticking.cancel()
    if failing:
        await garbage_provider.refused(world)
    offered = await expectation(world)
    printer.line(
        f"the consumer holds exactly the {len(offered.held):,} articles that were offered, compared by id"
    )


async def _as_many(world: World) -> bool:
    return await asyncio.to_thread(world.downstream.count) >= world.sizes.offered


async def _count(world: World) -> None:
    while True:
        stored = await world.value("ingester", queries.LIVE)
        held = await asyncio.to_thread(world.downstream.count)
        world.printer.counter(f"{stored:,} stored, {held:,} held downstream, of {world.sizes.offered:,}")
        await asyncio.sleep(COUNT_EVERY_S)


async def a_run_that_fails(world: World) -> None:
    """Runs the daily run while the provider answers HTML: it must fail, and not report "0 revoked"."""
    world.printer.line('a run while the provider answers HTML: it must fail, and not report "0 revoked"')
    await garbage_provider.in_a_row(world, "revokedArticles", "html", "html", "html", "html")
    before = await sources.feed_row(world, REVOKED_FEED)
    seen = await jobs.daily_run(world, "the provider answers HTML", 1)
    after = await sources.feed_row(world, REVOKED_FEED)
    garbage_provider.note(
        world, REVOKED_FEED, "HTML, four times", 502 if seen.exit_code else OK, before, after
    )


async def articles_are_revoked(world: World) -> list[str]:
    """Revokes many articles at the provider and one as an officer.

    Returns:
        The provider's ids that were delivered before.
    """
    sizes, printer = world.sizes, world.printer
    printer.chapter(f"The provider revokes {sizes.revoked}, an officer one more")
    old = (await sweeping.old(world)).live[:OLD_REVOKED]
    revoked = await world.simulator.revoke(
        ids=list(old),
        count=sizes.ordinary - len(old),
        unknown=sizes.never_delivered,
        reserved=sizes.afterwards,
    )
    printer.line(
        f"{len(revoked.all_ids)} on the provider's list, {sizes.never_delivered} of them never delivered, "
        f"{sizes.afterwards} still to be delivered"
    )
    article_id = f"{UPSTREAM}:{world.seed}-1"
    answer = await world.compliance.post(
        "/compliance/notices",
        headers=world.key("officer"),
        json={"article_id": article_id, "reason": "manual", "note": "named the wrong person"},
    )
    if answer.status_code != ACCEPTED:
        raise Broken(f"the officer's notice was rejected: {answer.status_code} {answer.text[:300]}")
    world.history.revoked_by_officer.add(article_id)
    printer.line(f"the officer revokes {article_id}")
    return [one for one in revoked.ids if one not in old]


async def the_daily_run(world: World, delivered: Sequence[str]) -> None:
    """Executes the revocations while the ingester's worker is killed and garbage arrives at every interface."""
    printer = world.printer
    printer.chapter(
        "The daily run; meanwhile the ingester's worker is killed, and garbage arrives at every interface"
    )
    again = world.chance.sample(sorted(delivered), world.sizes.again)
    late = [one.id for one in (await world.simulator.truth()).articles if one.state == "reserved"]
    middle_late, middle_again = len(late) // 2, len(again) // 2
    reading = asyncio.create_task(a_reader(world, delivered))
    try:
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(jobs.daily_run(world, "the revocations"))
            tasks.create_task(the_worker_dies(world))
            await asyncio.sleep(0)
            await garbage_by_every_source(world)
            await deliver_after_revocation(world, late[:middle_late], again[:middle_again])
            await running
        if running.result().exit_code != 0:
            raise Broken(f"the daily run ended with {running.result().exit_code}")
        await deliver_after_revocation(world, late[middle_late:], again[middle_again:])
        printer.line(
            f"{len(late)} articles were delivered after their revocation, "
            f"{len(again)} revoked ones were redelivered"
        )
    finally:
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading


async def the_worker_dies(world: World) -> None:
    """Kills the worker as soon as the first notices are stored; the supervisor starts another."""
    await world.until("the run's notices", lambda: _any_notice(world), within_s=ANSWERED_S, every_s=0.005)
    await world.in_thread(world.stack.kill, "ingester-worker")
    unfinished = await queries.in_flight(world)
    world.broke("SIGKILL of ingester-worker", unfinished)
    world.printer.line(f"SIGKILL to the ingester's worker, with {unfinished} notices and obligations open")
    loop = asyncio.get_running_loop()
    killed_at = loop.time()
    await world.in_thread(world.stack.wait_ready, "ingester-worker")
    world.printer.line(f"the ingester's worker is running again after {loop.time() - killed_at:.1f} s")


async def _any_notice(world: World) -> bool:
    return bool(await world.value("ingester", "SELECT EXISTS (SELECT FROM notice)"))


async def garbage_by_every_source(world: World) -> None:
    """Sends garbage over HTTP, on topics and from the provider, mixed with valid data that must be processed."""
    count = 12
    more = write_all(world.seed, PARTNER, count, first=10_000)
    await garbage_http.by_webhook(world, more)
    more = write_all(world.seed, UPSTREAM, count, first=10_000)
    await garbage_http.by_submission(world, more)
    more = write_all(world.seed, UPSTREAM, count, first=20_000)
    await garbage_kafka.on_topics(world, more, [f"{PARTNER}:{world.seed}-1"])
    await garbage_provider.spoilt_articles(world)
    await garbage_provider.in_a_row(world, "articles", *garbage_provider.WORTH_ANOTHER)
    await sources.poll_well(world)
    refused = sum(1 for one in world.history.refusals if one.right)
    world.printer.line(
        f"garbage: {refused} requests answered as documented, {len(world.history.bad_records)} records on the topics, "
        f"{world.history.spoilt} invalid articles on the feed"
    )


async def deliver_after_revocation(world: World, late: Sequence[str], again: Sequence[str]) -> None:
    """Delivers articles that were revoked before they arrived, and redelivers revoked ones."""
    if late:
        await world.simulator.publish(ids=list(late))
    third = len(again) // 3
    parts = (("same", again[:third]), ("old", again[third : 2 * third]), ("new", again[2 * third :]))
    for text, ids in parts:
        if ids:
            await world.simulator.redeliver(ids=list(ids), text=text)
    await sources.poll_well(world)


async def a_reader(world: World, delivered: Sequence[str]) -> None:
    """Reads articles while they are being revoked, and records what was served when."""
    while True:
        article_id = f"{METABASE}:{world.chance.choice(delivered)}"
        with suppress(httpx.TransportError):
            answer = await world.ingester.get(f"/articles/{article_id}")
            world.history.served.append(Served(datetime.now(UTC), article_id, answer.status_code))
        await asyncio.sleep(READ_EVERY_S)


async def one_is_reinstated(world: World, delivered: Sequence[str], old_text: str) -> None:
    """Reinstates one article. A late copy of its old text is rejected; a new one is accepted."""
    number = delivered[0]
    article_id = f"{METABASE}:{number}"
    world.printer.chapter("One is reinstated, and a late copy of its old text arrives")
    order = await queries.order_on(world, article_id)
    if order is None:
        raise Broken(f"there is no order on {article_id}")
    answer = await world.compliance.post(
        f"/compliance/revocations/{order['revocation_id']}/reinstate",
        headers=world.key("officer"),
        json={"note": "revoked by mistake, says the licensor"},
    )
    if answer.status_code != ACCEPTED:
        raise Broken(f"the reinstatement was rejected: {answer.status_code} {answer.text[:300]}")
    world.history.reinstated.add(article_id)
    await world.until("the answers of all holders", lambda: queries.quiet(world), within_s=ANSWERED_S)
    await sources.publish_late(world, old_text.encode())
    beacon = write_all(world.seed, UPSTREAM, 1, first=30_000)
    await sources.submit(world, beacon)
    await world.until(
        "an article after the late copy",
        lambda: _held(world, beacon[0].article_id),
        within_s=ANSWERED_S,
    )
    if await _held(world, article_id):
        world.printer.bad(f"the consumer accepted the old text of {article_id}")
        return
    world.printer.line(f"{article_id} is reinstated; a late copy of its old text is rejected")
    await world.simulator.redeliver(ids=[number], text="new")
    await sources.poll_well(world)
    world.history.back.add(article_id)
    await world.until(
        "the new text of the reinstated article", lambda: _held(world, article_id), within_s=ANSWERED_S
    )
    world.printer.line("a new text is published")


async def _held(world: World, article_id: str) -> bool:
    return await asyncio.to_thread(world.downstream.copy, article_id) is not None


async def incidents_are_closed(world: World) -> None:
    """Closes every incident as an officer; withheld articles are released."""
    closed = 0
    for http, path in (
        (world.ingester, "/ingester/incidents"),
        (world.compliance, "/compliance/incidents"),
        (world.analytics, "/analytics/incidents"),
    ):
        while items := (await http.get(path)).json()["items"]:
            for item in items:
                answer = await http.post(
                    f"{path}/{item['id']}/close",
                    headers=world.key("officer"),
                    json={"note": "garbage of the story, no revocation"},
                )
                if answer.status_code != OK:
                    raise Broken(f"incident {item['id']} cannot be closed: {answer.status_code}")
                closed += 1
    world.printer.line(f"an officer closes {closed} incidents; withheld articles are released")


async def a_quiet_day(world: World) -> None:
    """Runs the daily run when nothing was revoked; it leaves a record too."""
    world.printer.chapter("A day without revocations, and a stopped part")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(jobs.daily_run(world, "a day without revocations"))
        tasks.create_task(health.a_part_is_stopped(world))


async def close_if_complete(world: World) -> None:
    """Waits until nothing is pending, and records how long that took."""
    world.printer.chapter("Everything completes")
    seconds = await world.until("everything is processed", lambda: queries.quiet(world), within_s=ANSWERED_S)
    await until_held(world, "the consumer holds what it must", within_s=ANSWERED_S)
    world.history.drained_after_s["the scenario"] = seconds
    await counting.compare(world, "after the revocations and the sweep")
    await notifications.until_all_sent(world)


async def until_held(world: World, what: str, *, within_s: float) -> float:
    """Waits until the consumer holds exactly the articles that it must hold now, by id. Returns the seconds."""
    expected = await expectation(world)

    async def exactly() -> bool:
        return await asyncio.to_thread(world.downstream.ids) == expected.held.keys()

    return await world.until(what, exactly, within_s=within_s, every_s=0.25)


async def play(world: World) -> None:
    """Runs the whole scenario in order."""
    await a_holder_registers(world)
    await articles_arrive(world)
    await counting.compare(world, "before the revocations")
    delivered = await articles_are_revoked(world)
    kept = await asyncio.to_thread(world.downstream.copy, f"{METABASE}:{delivered[0]}")
    if kept is None:
        raise Broken("the consumer does not hold an article that it must hold")
    await the_daily_run(world, delivered[1:])
    await one_is_reinstated(world, delivered, kept.content)
    await incidents_are_closed(world)
    await a_quiet_day(world)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(health.it_is_back(world))
        tasks.create_task(sweeping.sweep_old_articles(world))
    await close_if_complete(world)
