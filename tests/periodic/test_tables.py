"""Every table that grows has an owner and an end: a sweep, a purge by age, or a reason to be kept for ever."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import asyncpg
import pytest

import alerting.service
import analytics.service
import compliance.service
import ingester.service
import retention.service
from alerting.storage.retention import Alerts
from analytics.storage.purges import PURGES as ANALYTICS
from clawback_common.clock import SystemClock
from clawback_common.postgres.migrate import Migration
from clawback_common.retention.purging import COMMON, QUARANTINE, Aged
from clawback_testing.databases import Databases
from compliance.storage.retention import Records
from ingester.storage.purges import PURGES as INGESTER
from ingester.storage.retention import Articles

pytestmark = pytest.mark.integration


class Service(NamedTuple):
    """The tables of a service, each with its end."""

    migrations: Callable[[], Sequence[Migration]]
    purged: Sequence[Aged]
    """By age, by the worker."""
    swept: Mapping[str, str]
    """By retention, as a class of data."""
    kept: Mapping[str, str]
    """For ever, or bounded: why."""


ONE_ROW = "one row"
BOUNDED: dict[str, str] = {
    "schema_migration": "one row a migration",
    "first_start": ONE_ROW,
    "heartbeat": "one row a role",
    "consumer_offset": "one row a partition",
    "lease": "one row a lease",
    "outbox_delay": "one row a lane",
    "published_log": "one row a topic that news are sent to",
    "unconfirmed_order": "deleted when compliance answers; one row an article until then",
    "stalled_lane": "one row a partition that waits",
    "floor_change": "one row a repair by a person; the record of it",
    "known_hold": "ended ones are deleted by the sweeper after a year",
    "sweep_task": "answered ones are deleted by the sweeper after 90 days",
    "outbox_bulk": "purged like the other outbox",
}
SERVICES = {
    "ingester": Service(
        ingester.service.SERVICE.all_migrations,
        INGESTER,
        {
            "article": "articles",
            "article_content": "articles",
            "article_held": "articles",
            "quarantine": "articles",
        }
        | {"api_call": "api_calls"},
        {
            "feed": "one row a feed",
            "feed_cursor_change": "one row a cursor that was set by hand; the record of it",
            "feed_gap": "one row a gap that a feed ever had; the record of it",
            "key_pace": "one row a key",
            "retention_floor": ONE_ROW,
        },
    ),
    "compliance": Service(
        compliance.service.SERVICE.all_migrations,
        (QUARANTINE,),
        dict.fromkeys(
            (
                "revocation",
                "notice",
                "poll_notice",
                "obligation",
                "receipt",
                "run",
                "holder_change",
                "notice_request",
            ),
            "compliance_records",
        ),
        {
            "article": "one row an id that was ordered: its number is never given again",
            "holder": "one row a holder",
            "control_missing": "a few a store; deleted when they are found",
        },
    ),
    "analytics": Service(
        analytics.service.SERVICE.all_migrations,
        ANALYTICS,
        {"facet": "articles", "rollup": "articles", "value": "articles"},
        {
            "filter_key": "one row a source, language and licences",
            "cache_version": ONE_ROW,
            "retention_floor": ONE_ROW,
        },
    ),
    "alerting": Service(
        alerting.service.SERVICE.all_migrations,
        (QUARANTINE,),
        dict.fromkeys(("alert", "message", "notification", "silence", "alert_group"), "alerts"),
        {
            "notification_budget": "deleted by the hour",
            "channel": "one row a channel",
            "consent": "proof of consent, a row a change of the file",
            "run_watch": ONE_ROW,
        },
    ),
    "retention": Service(
        retention.service.SERVICE.all_migrations,
        (QUARANTINE,),
        {},
        {
            "sweep": "some hundred a year: the proof of what was removed",
            "sweep_answer": "as the sweeps that they answer",
            "hold": "legal evidence, placed by people",
            "hold_change": "legal evidence, placed by people",
            "policy_in_force": "a row a class of data",
        },
    ),
}
TABLES = """
SELECT c.relname AS name FROM pg_class AS c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
"""
IDENTITIES = """
SELECT a.attrelid::regclass::text || '.' || a.attname AS name FROM pg_attribute AS a
JOIN pg_class AS c ON c.oid = a.attrelid AND c.relnamespace = 'public'::regnamespace
WHERE a.attidentity <> '' AND a.atttypid <> 'bigint'::regtype
"""


def ends(service: Service) -> dict[str, str]:
    """How each table of a service ends."""
    found = {one.table: "purged" for one in (*COMMON, *service.purged)}
    return found | {"job_run": "swept"} | dict(service.swept) | dict(BOUNDED) | dict(service.kept)


@pytest.mark.parametrize("name", SERVICES)
async def test_every_table_has_an_end(name: str, databases: Databases) -> None:
    service = SERVICES[name]
    async with databases.fresh(service.migrations()) as url:
        connection = await asyncpg.connect(url)
        tables = {row["name"] for row in await connection.fetch(TABLES)}
        assert tables - set(ends(service)) == set(), "these have no end"
        assert set(ends(service)) - tables - set(BOUNDED) == set(), "these are not there"
        assert [row["name"] for row in await connection.fetch(IDENTITIES)] == [], (
            "these numbers can be used up"
        )
        for one in (*COMMON, *service.purged):
            assert await connection.execute(one.sql, SystemClock().now(), 10) == "DELETE 0"
        await connection.close()


@pytest.mark.parametrize("name", SERVICES)
def test_the_migrations_of_each_component_are_numbered_one_by_one(name: str) -> None:
    files: dict[str, list[str]] = {}
    for one in SERVICES[name].migrations():
        files.setdefault(one.component, []).append(one.file[:4])
    assert set(files) == {"common", name}
    for found in files.values():
        assert found == [f"{number:04}" for number in range(1, len(found) + 1)]


def test_the_plan_of_each_worker_purges_what_is_listed_here() -> None:
    assert {one.table for one in INGESTER} == {
        "delivery",
        "submission",
        "submitted",
        "feed_not_understood",
        "feed_poll",
        "notice",
    }
    assert set(SERVICES["compliance"].swept) < {*_tables(Records)}
    assert {"article", "article_content", "article_held"} < {*_tables(Articles)}
    assert set(SERVICES["alerting"].swept) == set(Alerts.tables)


def _tables(data_class: Any) -> Sequence[str]:
    found: Sequence[str] = data_class.__dataclass_fields__["tables"].default
    return found
