"""What a topic no longer has, from the pages of who wrote it: for a database that stands before the log's start.

That is one restored from long ago, or an empty one beside an old cluster: reading on from the log's start would pass
over in silence what was deleted meanwhile. A position beyond the log's end is of a log that is gone; what it had after
the backup of a restored database is only with its writer.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import structlog

from clawback_common.config.settings import CommonSettings
from clawback_common.errors import Stop, Transient
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


async def pages(address: str, key_file: Path | None) -> Pages:
    """Every page of a list with ``after``, from its beginning to its end. Connects when the first is asked for.

    Raises:
        Transient: no answer, or one that cannot be read.
        Stop: the key or the address is wrong.
    """
    headers = {"Authorization": f"Bearer {_key(key_file)}"} if key_file else {}
    after, caught_up = "", False
    async with httpx.AsyncClient(headers=headers, timeout=TIMEOUT_S, follow_redirects=False) as http:
        while not caught_up:
            items, after, caught_up = await _page(http, address, after)
            yield items


async def _page(http: httpx.AsyncClient, address: str, after: str) -> tuple[Items, str, bool]:
    try:
        answer = await http.get(address, params={"after": after, "limit": PAGE})
        if answer.status_code in _REFUSED:
            raise Stop(f"{address} answers {answer.status_code}: check the address and the key")
        page = answer.raise_for_status().json()
        return page["items"], page["next_cursor"], page["caught_up"]
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        raise Transient(f"{address} gives no page that can be read ({type(error).__name__})") from None


def _key(file: Path) -> str:
    return file.read_text(encoding="utf-8").strip()


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
    _log.warning("what the log no longer has is read from its writer", topic=topic, partitions=len(behind))
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
