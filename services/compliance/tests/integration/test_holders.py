"""A holder's registration never blocks a takedown."""

import httpx
import pytest
from pydantic import ValidationError

from clawback_common.errors import Poison
from clawback_contracts.holder.v1 import HolderKind, HolderRegistration, Holding
from compliance.domain.holder import own_holders
from compliance.settings import Settings
from compliance.use_cases import holders
from services.compliance.tests.integration.conftest import SEARCH, World

pytestmark = pytest.mark.integration
A = "metabase:1"


@pytest.mark.parametrize("hours", [87_601, 1e300, float("inf"), float("nan")])
async def test_hours_beyond_ten_years_are_rejected_by_contract_and_table(world: World, hours: float) -> None:
    with pytest.raises(ValidationError):
        HolderRegistration(
            name="backup",
            kind=HolderKind.EXPIRY,
            purpose="p",
            copy_kinds=("dump",),
            content_retention_h=hours,
        )
    with pytest.raises(Poison, match="CheckViolation"):
        await world.db.execute("UPDATE holder SET content_retention_h = $1 WHERE name = 'kafka'", hours)


async def test_an_expiry_time_out_of_bounds_does_not_quarantine_a_notice(world: World) -> None:
    await world.db.execute("ALTER TABLE holder DROP CONSTRAINT holder_forgets_after_h_max")
    await world.db.execute("UPDATE holder SET content_retention_h = 1e300 WHERE name = 'kafka'")
    (order,) = await world.revoke(A)
    assert order.article_id == A
    assert (await world.states(A))[1, "kafka"] == "open"


async def test_the_obligations_of_a_consumer_that_withdraws_its_address_are_closed(world: World) -> None:
    holder = SEARCH.model_validate(SEARCH.model_dump() | {"holdings_url": "https://search.example/holdings"})
    await holders.holder_registered(holder, "test", world.service)
    (order,) = await world.revoke(A)
    await world.receipts(world.receipt(order, "search"))
    assert (await world.states(A))[1, "search"] == "removed"
    assert await holders.close_unverifiable(world.service) == 0
    await holders.holder_registered(SEARCH, "operator", world.service)
    assert await holders.close_unverifiable(world.service) == 1
    row = await world.db.fetchrow("SELECT state, evidence::text FROM obligation WHERE holder = 'search'")
    assert row is not None
    assert row["state"] == "verified"
    assert "own statement" in row["evidence"]
    await world.receipts(world.receipt(order, "ingester"))
    await world.checked("ingester", {A: Holding.GONE})
    assert await world.closed(order.revocation_id) is not None


async def test_a_filter_is_shown_as_it_was_declared_and_exempts_from_no_order(
    http: httpx.AsyncClient, world: World
) -> None:
    declared = {"languages": ["de"], "sources": [], "licences": ["print"]}
    holder = SEARCH.model_validate(SEARCH.model_dump() | {"filter": declared})
    await holders.holder_registered(holder, "test", world.service)
    assert (await http.get("/compliance/holders/search")).json()["filter"] == declared
    await world.revoke(A)
    assert (await world.states(A))[1, "search"] == "open"


def test_expiry_holders_are_registered_by_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPIRY_HOLDERS", "backups=720, tapes=8760")
    settings = Settings()
    found = {
        one.name: one.content_retention_h
        for one in own_holders(settings.stores, settings.expiry_holders, settings.kafka_content_retention_h)
        if one.kind is HolderKind.EXPIRY
    }
    assert found == {"kafka": 8, "backups": 720, "tapes": 8760}
    monkeypatch.setenv("EXPIRY_HOLDERS", "backups=1e300")
    with pytest.raises(ValidationError):
        Settings()
