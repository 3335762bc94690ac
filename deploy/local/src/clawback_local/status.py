"""The table of `make status`: process, pid, address, ready, lag, restarts."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from clawback_local.places import Places
from clawback_local.production import kafka_arguments
from clawback_local.stack import read_env

LAG_TIMEOUT_S = 8.0
LANE = "."
"""Separates a service's name and the lane of one of its groups, as in `ingester.orders`."""
HEADER = ("PROCESS", "PID", "ADDRESS", "READY", "LAG", "RESTARTS", "")
Row = Mapping[str, Any]


def table(places: Places, rows: Sequence[Row]) -> str:
    """Returns the table; an unknown lag is a question mark, never zero."""
    lags = _lags(places, [row["group"] for row in rows if row["group"]])
    lines = [HEADER, *(_cells(row, lags) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADER))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _cells(row: Row, lags: Mapping[str, int]) -> tuple[str, ...]:
    ready = "yes" if row["state"] == "ready" else str(row["state"])
    lag = str(lags.get(row["group"], "?")) if row["group"] else "-"
    detail = (row["detail"].splitlines() or [""])[0]
    return (
        row["part"],
        str(row["pid"] or "-"),
        row["address"] or "-",
        ready,
        lag,
        str(row["restarts"]),
        detail,
    )


def _lags(places: Places, groups: Sequence[str]) -> dict[str, int]:
    """Returns the number of uncommitted messages of each service's groups; empty if unknown."""
    if not groups:
        return {}
    try:
        return asyncio.run(_ask(kafka_arguments(places, read_env(places)["KAFKA_BOOTSTRAP_SERVERS"]), groups))
    except (OSError, KeyError, TimeoutError):
        return {}


async def _ask(kafka: Mapping[str, Any], groups: Sequence[str]) -> dict[str, int]:
    from aiokafka import AIOKafkaConsumer  # noqa: PLC0415 - half a second that other commands do not need
    from aiokafka.admin import AIOKafkaAdminClient  # noqa: PLC0415
    from aiokafka.errors import KafkaError  # noqa: PLC0415

    lags: dict[str, int] = {}
    admin = AIOKafkaAdminClient(**kafka)
    consumer = AIOKafkaConsumer(**kafka)
    try:
        async with asyncio.timeout(LAG_TIMEOUT_S):
            await admin.start()
            await consumer.start()
            for known, *_ in await admin.list_consumer_groups():
                service = known.partition(LANE)[0]
                if service in groups:
                    committed = await admin.list_consumer_group_offsets(known)
                    ends = await consumer.end_offsets(list(committed))
                    behind = sum(max(0, ends[place] - committed[place].offset) for place in committed)
                    lags[service] = lags.get(service, 0) + behind
    except KafkaError as error:
        raise OSError(str(error)) from error
    finally:
        await admin.close()
        await consumer.stop()
    return lags
