"""Backfill: reads records that a topic no longer has from the list of the service that wrote them.

It is needed when the position in the database is before the log start: after a restore from an old backup, or with an
empty database and an old cluster. Consuming from the log start would silently skip the deleted records. A position
beyond the log end belongs to a log that no longer exists; what that log received after the backup of a restored
database is available only from the writer.
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
    """Yield every page of a list with ``after``, from start to end. Connects when the first page is requested.

    Args:
        writer: the service that wrote the topic.
        url: its address.
        key_file: file with our API key there.
        path: of the list, below ``/api/v1``.

    Raises:
        Transient: no response, or one that cannot be parsed.
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
        raise Stop(f"{client.name} answered {path} with {answer.status_code}: check the address and the key")
    if not answer.is_success:
        raise client.refused(path, answer)
    try:
        page = answer.json()
        return page["items"], page["next_cursor"], page["caught_up"]
    except (ValueError, KeyError, TypeError) as error:
        raise Transient(f"{client.name} sent a page that cannot be parsed ({type(error).__name__})") from None


async def refill(
    settings: CommonSettings,
    db: Database,
    service: str,
    topic: str,
    listed: Pages,
    read: Callable[[Mapping[str, Any]], Event],
    handle: Callable[[Batch[Any]], Awaitable[None]],
) -> int:
    """Process all listed records, if the log no longer has everything that this service has not processed.

    The batches have no position, so the handler must not store one.

    Returns:
        The number of records.

    Raises:
        Transient: the broker or the list does not respond; records that were processed may be processed again.
    """
    ends, ours = await log_ends(settings, topic), await offsets.stored(db, service)
    behind = {n: first for n, (first, end) in ends.items() if not first <= ours.get((topic, n), 0) <= end}
    if not behind:
        return 0
    _log.warning("backfilling records that the topic no longer has", topic=topic, partitions=len(behind))
    count = 0
    async for items in listed:
        try:
            events = [read(item) for item in items]
        except ValueError:
            raise Transient(f"{topic}: its writer lists a record that cannot be parsed") from None
        await handle([Received(event, "", None, topic, -1, -1) for event in events])
        count += len(events)
    async with db.transaction() as tx:
        starts = {(topic, n): first for n, first in behind.items()}
        await offsets.move(tx, service, starts)
        await offsets.rewind(tx, service, starts)
    _log.info("refilled", topic=topic, events=count)
    return count
