"""One stack for all disasters: each begins where the one before it has ended, and by then all was well."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
import pytest_asyncio

from clawback_local import Stack
from clawback_story import chapters, faults
from clawback_story.output import Printer
from clawback_story.plan import Sizes
from clawback_story.world import AUTHENTICATED_ENV, OWN_SERVERS, POLICIES, QUICK_ENV, World, opened

SEED = 777
REPLICAS = 2
"""Of every worker and API."""
SIZES = Sizes(articles=1_000, pushed=20, submitted=20, revoked=0, never_delivered=0, afterwards=0, again=0)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """A running stack with a consumer and articles; every request needs a key, and every record a signature."""
    policies = tmp_path_factory.mktemp("policies") / "policies.yaml"  # a copy, for some change them
    shutil.copy(POLICIES, policies)
    env = {**QUICK_ENV, **AUTHENTICATED_ENV, "simulator": {"SIMULATOR_SEED": str(SEED)}}
    env |= {name: {**env[name], "POLICIES": str(policies)} for name in ("retention-worker", "retention-api")}
    with pytest.MonkeyPatch.context() as patch:
        for name in OWN_SERVERS:
            patch.delenv(name, raising=False)
        with Stack(env=env, replicas=REPLICAS) as stack:
            async with opened(stack, SIZES, SEED, Printer()) as world:
                await faults.begin(world)
                live = sorted((await world.simulator.truth()).live_ids)
                reading = asyncio.create_task(chapters.a_reader(world, live))
                yield world
                reading.cancel()
                with suppress(asyncio.CancelledError):
                    await reading
