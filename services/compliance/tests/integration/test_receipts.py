"""What is recorded of receipts, and what whoever invents them can do with it."""

import pytest

from clawback_contracts.revocation.v1 import Outcome
from compliance.state import receipts
from services.compliance.tests.integration.conftest import World

pytestmark = pytest.mark.integration
A, B = "metabase:1", "metabase:2"


async def test_a_guessed_receipt_id_does_not_displace_the_real_receipt(world: World) -> None:
    first, second = await world.revoke(A, B)
    real = world.receipt(first, "search")
    forged = world.receipt(second, "stranger").model_copy(update={"receipt_id": real.receipt_id})
    await world.receipts(forged)
    await world.receipts(real)
    await world.receipts(real)
    rows = await world.db.fetch("SELECT article_id, holder FROM receipt ORDER BY article_id")
    assert [(row["article_id"], row["holder"]) for row in rows] == [(A, "search"), (B, "stranger")]


async def test_receipts_that_answer_nothing_are_recorded_up_to_a_bound(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receipts, "STRAYS_MAX", 5)
    (order,) = await world.revoke(A)
    invented = [
        world.receipt(order.model_copy(update={"order": number}), f"stranger-{number}")
        for number in range(2, 9)
    ]
    await world.receipts(*invented[:3])
    await world.receipts(*invented[3:], world.receipt(order, "search"))
    rows = await world.db.fetch("SELECT meaning, count(*) AS n FROM receipt GROUP BY 1")
    assert {row["meaning"]: row["n"] for row in rows} == {"unknown_order": 5, "closed": 1}
    assert await world.alerts() == ["StrayReceipt"]


async def test_kinds_that_nobody_declared_are_not_kept_with_the_obligation(world: World) -> None:
    (order,) = await world.revoke(A)
    kinds = {f"kind-{n}": Outcome.REMOVED for n in range(3_000)}
    await world.receipts(world.receipt(order, "search", {"content": Outcome.REMOVED} | kinds))
    answers = "SELECT count(*) FROM obligation, jsonb_object_keys(answers) WHERE holder = 'search'"
    assert await world.db.fetchval(answers) == 1
    assert await world.db.fetchval("SELECT count(*) FROM receipt, jsonb_object_keys(removals)") == 100
