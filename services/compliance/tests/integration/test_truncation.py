"""Lists within a resource are truncated at a limit, and `…_truncated` is true only then."""

import httpx
import pytest

from clawback_common.alerts import alert_state
from compliance.storage import holders
from services.compliance.tests.integration.conftest import World

pytestmark = pytest.mark.integration

RAISED = """
    INSERT INTO alert_state (fingerprint, watcher, name, labels, severity, summary, occurrence, raised_at, sent_at)
    SELECT 'f' || n, 'test', 'TestAlert', '{}', 'info', 's', 1, now(), now() FROM generate_series($1::int, $2::int) AS n
"""
CHANGED = """
    INSERT INTO holder_change (name, changed_at, changed_by, change, now)
    SELECT $1, now(), 'n' || n, 'changed', '{}' FROM generate_series($2::int, $3::int) AS n
"""


async def test_the_alerts_of_the_status_are_truncated_only_above_their_maximum(
    http: httpx.AsyncClient, world: World
) -> None:
    known = len(await alert_state.raised(world.db))
    await world.db.execute(RAISED, known + 1, alert_state.RAISED_MAX)
    status = (await http.get("/compliance/status")).json()
    assert (len(status["alerts"]), status["alerts_truncated"]) == (alert_state.RAISED_MAX, False)
    await world.db.execute(RAISED, alert_state.RAISED_MAX + 1, alert_state.RAISED_MAX + 1)
    status = (await http.get("/compliance/status")).json()
    assert (len(status["alerts"]), status["alerts_truncated"]) == (alert_state.RAISED_MAX, True)


async def test_the_changes_of_a_holder_are_truncated_at_their_maximum_keeping_the_latest(
    http: httpx.AsyncClient, world: World
) -> None:
    known = len(await holders.changes(world.db, "search"))
    await world.db.execute(CHANGED, "search", known + 1, holders.CHANGES_MAX)
    one = (await http.get("/compliance/holders/search")).json()
    assert (len(one["changes"]), one["changes_truncated"]) == (holders.CHANGES_MAX, False)
    await world.db.execute(CHANGED, "search", holders.CHANGES_MAX + 1, holders.CHANGES_MAX + 1)
    one = (await http.get("/compliance/holders/search")).json()
    assert (len(one["changes"]), one["changes_truncated"]) == (holders.CHANGES_MAX, True)
    assert one["changes"][-1]["changed_by"] == f"n{holders.CHANGES_MAX + 1}"
