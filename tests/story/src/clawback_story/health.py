"""The health of the whole system as reported by alerting, while a part is stopped."""

from clawback_story import counting
from clawback_story.history import HealthSeen
from clawback_story.world import Broken, World

SEEN_S = 90.0
"""Answers are a few seconds old at most, and a worker takes a few seconds to start."""
HEALTHY, DEGRADED, UP = "healthy", "degraded", "up"


async def look(world: World) -> HealthSeen:
    """Returns the current health."""
    answer = await world.alerting.get("/health")
    body = answer.json()
    not_up = frozenset(name for name, one in body["services"].items() if one["status"] != UP)
    return HealthSeen("", answer.status_code, body["status"], not_up, "")


async def until(world: World, when: str, status: str, naming: str) -> HealthSeen:
    """Waits until health is as expected, and records it; otherwise records the last answer.

    Args:
        world: the running system.
        when: a description.
        status: the expected status.
        naming: the part that must not be up; "": everything must be up.
    """
    seen = await look(world)

    async def as_expected() -> bool:
        nonlocal seen
        seen = await look(world)
        return seen.status == status and (naming in seen.not_up if naming else not seen.not_up)

    try:
        await world.until(f"health {when}", as_expected, within_s=SEEN_S, every_s=0.25)
    except Broken as error:
        world.printer.bad(f"{error}: {seen.status}, not up: {', '.join(sorted(seen.not_up)) or 'none'}")
    noted = HealthSeen(when, seen.code, seen.status, seen.not_up, naming)
    world.history.health.append(noted)
    return noted


async def a_part_is_stopped(world: World, part: str = "valkey", naming: str = "cache") -> None:
    """Stops a part: health must name it, and everything else must work. `it_is_back` starts it again."""
    before = await until(world, f"before {part} is stopped", HEALTHY, "")
    await world.in_thread(world.stack.stop, part)
    during = await until(world, f"while {part} is stopped", DEGRADED, naming)
    if part == "valkey":
        await counting.compare(world, "without the cache")
    world.printer.line(
        f"health is {before.status}; with {part} stopped {during.status}, naming "
        f"{', '.join(sorted(during.not_up)) or 'nobody'}"
    )
    await world.in_thread(world.stack.start, part)


async def it_is_back(world: World, part: str = "valkey") -> None:
    """Health no longer names the part after it was started again."""
    after = await until(world, f"after {part} is back", HEALTHY, "")
    world.printer.line(f"with {part} running again, health is {after.status}")
