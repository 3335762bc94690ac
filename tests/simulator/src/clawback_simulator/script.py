"""Runs the actions of a script in order, and returns their results."""

from typing import Any, assert_never

from pydantic import ValidationError

from clawback_simulator.actions import (
    AdvanceClock,
    AnyAction,
    Corrupt,
    Fail,
    Heal,
    Prerender,
    Publish,
    Recipe,
    Redeliver,
    Reserve,
    Reset,
    Revoke,
    Set,
    SetClock,
    Update,
)
from clawback_simulator.article import Delivery
from clawback_simulator.clock import iso
from clawback_simulator.settings import Settings
from clawback_simulator.simulator import Simulator
from clawback_simulator.world import Impossible

Done = dict[str, Any]


def perform(simulator: Simulator, action: AnyAction) -> Done:
    """Runs one action.

    Raises:
        Impossible: it cannot be done; nothing of this action was done.
    """
    return {"action": action.action, **_perform(simulator, action)}


def _perform(simulator: Simulator, action: AnyAction) -> Done:  # noqa: PLR0911  one per case
    match action:
        case Publish() | Reserve() | Update() | Redeliver() | Corrupt():
            return _articles(simulator, action)
        case Revoke():
            return _revoke(simulator, action)
        case Fail():
            simulator.faults.add(action)
            return {"mode": action.mode, "times": action.times}
        case Heal():
            return {"dropped": simulator.faults.heal(action.endpoint)}
        case Set():
            return _set(simulator, action)
        case AdvanceClock():
            simulator.clock.advance(action.seconds + 3_600 * action.hours + 86_400 * action.days)
            return {"now": iso(simulator.clock.timestamp())}
        case SetClock():
            simulator.clock.set(action.at, frozen=action.frozen)
            return {"now": iso(simulator.clock.timestamp())}
        case Prerender():
            pages, size = simulator.prerender(action.format, action.limit, gzipped=action.gzip)
            return {"pages": pages, "bytes": size}
        case Reset():
            simulator.begin(simulator.seed if action.seed is None else action.seed)
            return {"seed": simulator.seed}
        case _:
            assert_never(action)


def _articles(simulator: Simulator, action: Publish | Reserve | Update | Redeliver | Corrupt) -> Done:
    world = simulator.world
    match action:
        case Publish():
            return _delivered(_publish(simulator, action))
        case Reserve():
            return {"ids": [str(article.id) for article in world.reserve(action.count)]}
        case Update():
            return _delivered(
                world.update(action.ids or world.choose(world.live(), action.count, "live articles"))
            )
        case Redeliver():
            revoked = [one for one in world.revoked if one in world.by_id and world.by_id[one].deliveries]
            ids = action.ids or world.choose(revoked, action.count, "revoked articles")
            return _delivered(world.redeliver(ids, action.text))
        case Corrupt():
            if missing := [one for one in action.ids if one not in world.by_id]:
                raise Impossible(f"unknown: {', '.join(missing[:5])}")
            for one in action.ids:
                world.by_id[one].corrupt = action.mode
            simulator.pages.clear()
            return {"ids": list(action.ids)}
        case _:
            assert_never(action)


def _publish(simulator: Simulator, action: Publish) -> list[Delivery]:
    world = simulator.world
    recipe = Recipe(**action.model_dump(include=set(Recipe.model_fields)))
    held = tuple(world.reserved) if action.reserved else action.ids
    made = world.publish_reserved(held, recipe) if held else []
    return made + world.publish(action.count, recipe)


def _delivered(made: list[Delivery]) -> Done:
    return {
        "ids": [str(delivery.article.id) for delivery in made],
        "first_sequence": str(made[0].sequence_id) if made else None,
        "last_sequence": str(made[-1].sequence_id) if made else None,
    }


def _revoke(simulator: Simulator, action: Revoke) -> Done:
    """Adds all kinds of revocations to one log, shuffled by the seed so that no kind is contiguous."""
    world = simulator.world
    live = world.live() if action.count or action.share else []
    if live and action.served_only:
        served = {str(world.feed[at].article.id) for at in simulator.ledger.positions(("articles",))}
        live = [one for one in live if one in served]
    earlier = list(world.revoked)
    wanted = action.count + round(action.share * len(live))
    chosen = list(dict.fromkeys([*action.ids, *world.choose(live, wanted, "live articles")]))
    repeated = world.choose(earlier, action.repeat, "earlier revocations")
    unknown = world.invent(action.unknown)
    reserved = [str(article.id) for article in world.reserve(action.reserved)] if action.reserved else []
    ago_s = action.ago_s if action.ago_s is not None else (0.0 if action.timestamp else None)
    at = None if ago_s is None else simulator.clock.timestamp() - ago_s
    made = world.revoke(world.shuffled([*chosen, *unknown, *reserved, *repeated]), at)
    return {
        "ids": chosen,
        "unknown": unknown,
        "reserved": reserved,
        "repeated": repeated,
        "first_sequence": str(made[0].sequence) if made else None,
        "last_sequence": str(made[-1].sequence) if made else None,
    }


def _set(simulator: Simulator, action: Set) -> Done:
    try:
        simulator.settings = Settings(**{**simulator.settings.model_dump(), **action.settings})
    except ValidationError as error:
        detail = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise Impossible(detail) from error
    simulator.pages.clear()
    return {"settings": simulator.settings.model_dump()}
