"""The demo's story in production mode: TLS and keys on every connection, played once for all tests.

On a stack of its own, with other articles and in a small size.
"""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from clawback_local import Stack
from clawback_local.stack import ANY_PART
from clawback_story import chapters
from clawback_story.evidence import Evidence
from clawback_story.inspection import gather
from clawback_story.output import Printer
from clawback_story.plan import SMALL
from clawback_story.world import OWN_SERVERS, QUICK_ENV, World, opened
from tests.e2e.collector import Collector

SEED = 20_241


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    """The collector of the spans of all processes."""
    collector = Collector()
    yield collector
    collector.server.shutdown()
    collector.server.server_close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def world(collector: Collector) -> AsyncIterator[World]:
    """A stack on which the story has been played."""
    tracing = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "200"}
    env = {**QUICK_ENV, ANY_PART: tracing, "simulator": {"SIMULATOR_SEED": str(SEED)}}
    with pytest.MonkeyPatch.context() as patch:
        for name in OWN_SERVERS:
            patch.delenv(name, raising=False)
        with Stack(env=env, production=True) as stack:
            async with opened(stack, SMALL, SEED, Printer()) as world:
                await chapters.play(world)
                yield world


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def evidence(world: World) -> Evidence:
    """What was found after the story had been played."""
    return await gather(world)
