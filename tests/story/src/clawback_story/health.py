"""The health of the whole, as alerting answers for it, while a part is stopped."""

from clawback_story import counting
from clawback_story.history import HealthSeen
from clawback_story.world import Broken, World

SEEN_S = 90.0
"""Answers are some seconds old at most, and a worker takes some seconds to start."""
HEALTHY, DEGRADED, UP = "healthy", "degraded", "up"


async def look(world: World) -> HealthSeen:
    """What it says now."""
    answer = await world.alerting.get("/health")
    told = answer.json()
    not_up = frozenset(name for name, one in told["services"].items() if one["status"] != UP)
    return HealthSeen("", answer.status_code, told["status"], not_up, "")


async def until(world: World, when: str, status: str, naming: str) -> HealthSeen:
    """Wait until it says so, and note what it said; what it says in the end, when it never does.

    Args:
        world: where.
        when: in words.
        status: of the whole.
        naming: what must not be up; "": everything must be.
    """
    seen = await look(world)

    async def says_so() -> bool:
        nonlocal seen
        seen = await look(world)
        return seen.status == status and (naming in seen.not_up if naming else not seen.not_up)

    try:
        await world.until(f"health {when}", says_so, within_s=SEEN_S, every_s=0.25)
    except Broken as error:
        world.teller.bad(f"{error}: {seen.status}, not up: {', '.join(sorted(seen.not_up)) or 'none'}")
    noted = HealthSeen(when, seen.code, seen.status, seen.not_up, naming)
    world.history.health.append(noted)
    return noted


async def a_part_is_stopped(world: World, part: str = "valkey", naming: str = "cache") -> None:
    """Health names what is stopped, and everything else goes on. It is started again at the end: see `it_is_back`."""
    before = await until(world, f"before {part} is stopped", HEALTHY, "")
    await world.in_thread(world.stack.stop, part)
    during = await until(world, f"while {part} is stopped", DEGRADED, naming)
    if part == "valkey":
        await counting.compare(world, "without the cache")
    world.teller.line(
        f"health is {before.status}; with {part} stopped {during.status}, naming "
        f"{', '.join(sorted(during.not_up)) or 'nobody'}"
    )
    await world.in_thread(world.stack.start, part)


async def it_is_back(world: World, part: str = "valkey") -> None:
    """Health forgets what was stopped."""
    after = await until(world, f"after {part} is back", HEALTHY, "")
    world.teller.line(f"with {part} back, health is {after.status}")
