"""What a topic no longer has, from the pages of who wrote it: for a database that stands before the log's start.

That is one restored from long ago, or an empty one beside an old cluster: reading on from the log's start would pass
over in silence what was deleted meanwhile. A position beyond the log's end is of a log that is gone; what it had after
the backup of a restored database is only with its writer.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import structlog
from pydantic import AnyHttpUrl

from clawback_common.config.settings import CommonSettings
from clawback_common.errors import Stop, Transient
from clawback_common.http.client import Sibling, sibling
from clawback_common.kafka import offsets
from clawback_common.kafka.envelope import Batch, Received
from clawback_common.kafka.gaps import log_ends
from clawback_common.postgres import Database
from clawback_contracts.envelope import Event

PAGE = 500
TIMEOUT_S = 30.0
_REFUSED = {401, 403, 404}
_log = structlog.stdlib.get_logger(__name__)

Items = Sequence[Mapping[str, Any]]
Pages = AsyncIterator[Items]


async def pages(writer: str, url: AnyHttpUrl, key_file: Path | None, path: str) -> Pages:
    """Every page of a list with ``after``, from its beginning to its end. Connects when the first is asked for.

    Args:
        writer: the service that wrote the topic.
        url: its address.
        key_file: of our key there.
        path: of the list, below ``/api/v1``.

    Raises:
        Transient: no answer, or one that cannot be read.
        Stop: the key or the address is wrong.
    """
    after, caught_up = "", False
    async with sibling(writer, url, key_file, TIMEOUT_S) as client:
        while not caught_up:
            items, after, caught_up = await _page(client, path, after)
            yield items


async def _page(client: Sibling, path: str, after: str) -> tuple[Items, str, bool]:
    answer = await client.send("GET", path, params={"after": after, "limit": PAGE})
    if answer.status_code in _REFUSED:
        raise Stop(f"{client.name} answers {path} with {answer.status_code}: check the address and the key")
    if not answer.is_success:
        raise client.refused(path, answer)
    try:
        page = answer.json()
        return page["items"], page["next_cursor"], page["caught_up"]
    except (ValueError, KeyError, TypeError) as error:
        raise Transient(f"{client.name} gives no page that can be read ({type(error).__name__})") from None


async def refill(
    settings: CommonSettings,
    db: Database,
    service: str,
    topic: str,
    listed: Pages,
    read: Callable[[Mapping[str, Any]], Event],
    handle: Callable[[Batch[Any]], Awaitable[None]],
) -> int:
    """Hands over all that is listed, if the log no longer has all that this service has not read. Gives how many.

    The batches carry no position: the handler must not note one.

    Raises:
        Transient: the broker or the list does not answer; what was handed over may come again.
    """
    ends, ours = await log_ends(settings, topic), await offsets.stored(db, service)
    behind = {n: first for n, (first, end) in ends.items() if not first <= ours.get((topic, n), 0) <= end}
    if not behind:
        return 0
    _log.warning("backfilling records that the log no longer has", topic=topic, partitions=len(behind))
    count = 0
    async for items in listed:
        try:
            events = [read(item) for item in items]
        except ValueError:
            raise Transient(f"{topic}: its writer lists what cannot be read") from None
        await handle([Received(event, "", None, topic, -1, -1) for event in events])
        count += len(events)
    async with db.transaction() as tx:
        starts = {(topic, n): first for n, first in behind.items()}
        await offsets.move(tx, service, starts)
        await offsets.rewind(tx, service, starts)
    _log.info("refilled", topic=topic, events=count)
    return count
