"""Old articles are deleted from our stores, one on legal hold is kept, and swept and revoked ones stay rejected."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from clawback_story import jobs, queries, sources
from clawback_story.texts import write_all
from clawback_story.world import METABASE, UPSTREAM, Broken, World

YEAR = timedelta(days=365)
MARGIN = timedelta(days=1)
"""The provider's data has dates with half a day of precision."""
CREATED, OK, ACCEPTED = 201, 200, 202
TABLE = "class "
WITHIN_S = 60.0
ASKED = """
SELECT before FROM sweep WHERE data_class = 'articles' AND NOT dry_run ORDER BY requested_at DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Old:
    """Articles from before the limit, by the provider's ids."""

    live: tuple[str, ...]
    revoked: tuple[str, ...]


async def old(world: World) -> Old:
    """Returns the delivered articles that are older than the policy of the scenario."""
    truth = await world.simulator.truth()
    limit = datetime.now(UTC) - YEAR - MARGIN
    aged = {one.id for one in truth.articles if one.dated and datetime.fromisoformat(one.dated) < limit}
    known = {one.removeprefix(f"{METABASE}:") for one in world.history.back}
    gone = truth.gone_ids - known
    spoilt = {one.id for one in truth.articles if one.corrupt}
    return Old(tuple(sorted(aged - gone - spoilt)), tuple(sorted(aged & gone - spoilt)))


async def sweep_old_articles(world: World) -> None:
    """A hold, the sweep, and redeliveries of what was swept or revoked."""
    printer = world.printer
    aged = await old(world)
    if len(aged.live) < 4 or not aged.revoked:
        raise Broken(f"{len(aged.live)} old articles and {len(aged.revoked)} revoked ones: too few to sweep")
    printer.chapter(
        f"{len(aged.live)} articles are over a year old and are deleted; one of them is on legal hold"
    )
    held, swept, later = aged.live[0], aged.live[1], aged.live[2]
    await _hold(world, f"{METABASE}:{held}")
    copy = await asyncio.to_thread(world.downstream.copy, f"{METABASE}:{swept}")
    await sweep(world, [f"{METABASE}:{one}" for one in aged.live if one != held])
    await _redelivered(world, swept, aged.revoked[0], copy.content if copy else None)
    await _revoked_in_a_later_year(world, f"{METABASE}:{later}")


async def _hold(world: World, article_id: str) -> None:
    """Places a hold, confirmed by a second person."""
    placed = await world.retention.post(
        "/retention/holds",
        headers=world.key("officer"),
        json={"data_class": "articles", "article_ids": [article_id], "reason": "evidence in a court case"},
    )
    if placed.status_code != CREATED:
        raise Broken(f"the hold was rejected: {placed.status_code} {placed.text[:300]}")
    hold = placed.json()["hold_id"]
    confirmed = await world.retention.post(
        f"/retention/holds/{hold}/confirm", headers=world.key("approver"), json={"note": "seen"}
    )
    if confirmed.status_code != OK:
        raise Broken(f"the hold was not confirmed: {confirmed.status_code} {confirmed.text[:300]}")
    world.history.on_hold.add(article_id)
    world.printer.line(f"an officer places {article_id} on hold, and an approver confirms it")


async def sweep(world: World, going: list[str]) -> None:
    """Runs ``python -m retention sweep`` for every class and owner, and prints its table."""
    before = await _articles(world)
    seen = await jobs.job(world, "retention", "sweep", "--wait", "2", why="the weekly sweep", shown=_table())
    world.history.sweeps.append(seen)
    if seen.exit_code != 0:
        raise Broken(f"the sweep ended with {seen.exit_code}: {' | '.join(seen.lines[-3:])}")
    world.history.swept |= set(going)
    world.history.floor = await world.value("retention", ASKED)
    after = await _articles(world)
    world.printer.line(
        f"articles in our stores before and after: ingester {before['ingester']:,} and {after['ingester']:,}, "
        f"analytics {before['analytics']:,} and {after['analytics']:,}"
    )


def _table() -> jobs.LineFilter:
    """Selects the table at the end: the result of each owner of each class."""
    begun = False

    def is_shown(line: str) -> bool:
        nonlocal begun
        begun = begun or line.startswith(TABLE)
        return begun

    return is_shown


async def _articles(world: World) -> Mapping[str, int]:
    return {
        "ingester": await world.value(
            "ingester", "SELECT (SELECT count(*) FROM article_content) + (SELECT count(*) FROM article_held)"
        ),
        "analytics": await world.value("analytics", queries.COUNTED),
    }


async def _redelivered(world: World, swept: str, revoked: str, published: str | None) -> None:
    """Redelivers a swept article with a new text and a revoked one with its old text, and replays a topic."""
    article_id = f"{METABASE}:{swept}"
    await world.simulator.update(ids=[swept])
    world.history.came_late.add(article_id)
    await world.simulator.redeliver(ids=[revoked], text="same")
    await sources.poll_well(world)
    if published is None:
        raise Broken(f"the consumer does not hold {article_id}, which was delivered to it")
    await sources.publish_late(world, published.encode())
    beacon = write_all(world.seed, UPSTREAM, 1, first=40_000)
    await sources.submit(world, beacon)

    async def counted() -> bool:
        question = "SELECT count(*) FROM facet WHERE article_id = $1 AND published_at IS NOT NULL"
        return bool(await world.value("analytics", question, beacon[0].article_id))

    await world.until("an article after the redeliveries", counted, within_s=WITHIN_S)
    world.printer.line(
        f"{article_id} is redelivered and replayed on its topic, metabase:{revoked} is redelivered: "
        "both are rejected"
    )


async def _revoked_in_a_later_year(world: World, article_id: str) -> None:
    """Revokes a swept article: our stores no longer have it; its holders are notified all the same."""
    answer = await world.compliance.post(
        "/compliance/notices",
        headers=world.key("officer"),
        json={"article_id": article_id, "reason": "manual", "note": "revoked long after the sweep"},
    )
    if answer.status_code != ACCEPTED:
        raise Broken(f"the officer's notice was rejected: {answer.status_code} {answer.text[:300]}")
    world.history.revoked_by_officer.add(article_id)
    world.history.revoked_when_swept.add(article_id)

    async def removed() -> bool:
        return await asyncio.to_thread(world.downstream.copy, article_id) is None

    await world.until("the consumer's removal", removed, within_s=WITHIN_S)
    await world.until("the answers of all holders", lambda: queries.quiet(world), within_s=WITHIN_S)
    world.printer.line(
        f"{article_id} was swept earlier and is revoked now; the consumer that still holds it removes it"
    )
