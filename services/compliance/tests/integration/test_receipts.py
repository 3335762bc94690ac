"""Receipts are recorded, and forged ones close nothing."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

import orjson
import pytest

from clawback_common.http.api_keys import Caller
from clawback_contracts.cloudevents import Signed
from clawback_contracts.revocation.v1 import ArticleRemoved, Outcome
from clawback_contracts.signatures import Signature, Signer, signed_bytes
from clawback_testing.keys import new_signer, public
from compliance.storage import receipts
from compliance.use_cases import holders
from compliance.use_cases.receipts import on_receipts
from services.compliance.tests.integration.conftest import SEARCH, World

pytestmark = pytest.mark.integration
A, B = "metabase:1", "metabase:2"
KEY = new_signer()


async def test_a_guessed_receipt_id_does_not_displace_the_real_receipt(world: World) -> None:
    first, second = await world.revoke(A, B)
    real = world.receipt(first, "search")
    forged = world.receipt(second, "unknown").model_copy(update={"receipt_id": real.receipt_id})
    await world.receipts(forged)
    await world.receipts(real)
    await world.receipts(real)
    rows = await world.db.fetch("SELECT article_id, holder FROM receipt ORDER BY article_id")
    assert [(row["article_id"], row["holder"]) for row in rows] == [(A, "search"), (B, "unknown")]


async def _evidence_and_receipts(world: World, article_id: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns the evidence of the search's obligation, and the outcomes of its receipts by id."""
    evidence = await world.db.fetchval(
        "SELECT evidence FROM obligation JOIN revocation USING (revocation_id)"
        " WHERE holder = 'search' AND article_id = $1",
        article_id,
    )
    recorded = await receipts.of_article(world.db, article_id, (world.ago(hours=99), 0), 100)
    return orjson.loads(evidence), {
        str(row["receipt_id"]): orjson.loads(row["removals"]) for row in recorded if row["holder"] == "search"
    }


async def test_the_receipt_that_closes_an_obligation_is_listed_with_the_article(world: World) -> None:
    (order,) = await world.revoke(A)
    parts: list[dict[str, Outcome]] = [{"content": Outcome.REMOVED}, {"index": Outcome.REMOVED}]
    for kinds in parts:
        receipt = world.receipt(order, "search", kinds).model_copy(update={"receipt_id": uuid4()})
        await world.receipts(receipt, receipt)
    evidence, recorded = await _evidence_and_receipts(world, A)
    assert evidence["attempt"] == order.attempt
    assert recorded[evidence["receipt_id"]] == {"index": "removed"}
    assert len(recorded) == len(parts)


async def test_a_receipt_completed_under_the_same_id_is_recorded_in_both_versions(world: World) -> None:
    (order,) = await world.revoke(A)
    await world.receipts(world.receipt(order, "search", {"content": Outcome.REMOVED}))
    await world.receipts(world.receipt(order, "search"))
    rows = await receipts.of_article(world.db, A, (world.ago(hours=99), 0), 100)
    assert {row["meaning"]: orjson.loads(row["removals"]) for row in rows} == {
        "incomplete": {"content": "removed"},
        "closed": {"content": "removed", "index": "removed"},
    }
    assert len({row["receipt_id"] for row in rows}) == 1


async def test_a_receipt_id_reused_for_another_article_is_recorded_and_is_evidence_there(
    world: World,
) -> None:
    first, second = await world.revoke(A, B)
    one = world.receipt(first, "search")
    await world.receipts(one)
    await world.receipts(world.receipt(second, "search").model_copy(update={"receipt_id": one.receipt_id}))
    evidence, recorded = await _evidence_and_receipts(world, B)
    assert evidence["receipt_id"] in recorded


async def test_stray_receipts_are_recorded_up_to_a_limit(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receipts, "STRAYS_MAX", 5)
    (order,) = await world.revoke(A)
    invented = [
        world.receipt(order.model_copy(update={"order": number}), f"unknown-{number}")
        for number in range(2, 9)
    ]
    await world.receipts(*invented[:3])
    await world.receipts(*invented[3:], world.receipt(order, "search"))
    rows = await world.db.fetch("SELECT meaning, count(*) AS n FROM receipt GROUP BY 1")
    assert {row["meaning"]: row["n"] for row in rows} == {"unknown_order": 5, "closed": 1}
    assert await world.alerts() == ["StrayReceipt"]


async def test_undeclared_copy_kinds_are_not_stored_with_the_obligation(world: World) -> None:
    (order,) = await world.revoke(A)
    kinds = {f"kind-{n}": Outcome.REMOVED for n in range(3_000)}
    await world.receipts(world.receipt(order, "search", {"content": Outcome.REMOVED} | kinds))
    answers = "SELECT count(*) FROM obligation, jsonb_object_keys(answers) WHERE holder = 'search'"
    assert await world.db.fetchval(answers) == 1
    assert await world.db.fetchval("SELECT count(*) FROM receipt, jsonb_object_keys(removals)") == 100


@pytest.fixture
async def strict(world: World) -> World:
    """Authentication is on, and a holder has registered a key."""
    settings = world.service.settings.model_copy(update={"enable_auth": True})
    service = replace(world.service, settings=settings)
    registration = SEARCH.model_copy(update={"signing_keys": public(KEY)})
    await holders.holder_registered(registration, "ann", service)
    return World(service, world.clock)


def signed(world: World, receipt: ArticleRemoved, signer: Signer | None, sender: str | None = None) -> Any:
    """Returns a receipt as received from the topic."""
    (one,) = world.received([receipt])
    key, value = receipt.key, receipt.model_dump_json().encode()
    caller = Caller(sender, frozenset()) if sender else None
    if signer is None:
        return one._replace(sender=caller)
    _, header = signer.sign(one.event_id, receipt.TYPE, key, value)
    signature = Signature.read(header.decode())
    assert signature is not None
    content = signed_bytes(one.event_id, receipt.TYPE, key, value)
    return one._replace(sender=caller, signed=Signed(signature, content))


@pytest.mark.parametrize(
    ("signer", "sender"),
    [(None, None), (new_signer(), None), (None, "analytics"), (new_signer(), "compliance")],
)
async def test_a_receipt_in_another_holders_name_closes_nothing_and_is_recorded_as_unauthenticated(
    strict: World, signer: Signer | None, sender: str | None
) -> None:
    (order,) = await strict.revoke(A)
    for holder in ("search", "ingester"):
        receipt = strict.receipt(order, holder)
        await on_receipts([signed(strict, receipt, signer, sender)], strict.service)
    states = await strict.states(A)
    assert {states[1, name] for name in ("search", "ingester")} == {"open"}
    rows = await strict.db.fetch("SELECT holder, meaning, authenticated FROM receipt ORDER BY holder")
    assert [tuple(row) for row in rows] == [
        ("ingester", "unauthenticated", False),
        ("search", "unauthenticated", False),
    ]
    assert (await strict.alerts()).count("StrayReceipt") == 2


async def test_a_holders_signed_receipt_is_applied_and_recorded_beside_an_unsigned_one(strict: World) -> None:
    (order,) = await strict.revoke(A)
    receipt = strict.receipt(order, "search")
    await on_receipts([signed(strict, receipt, None), signed(strict, receipt, KEY)], strict.service)
    ours = strict.receipt(order, "ingester")
    await on_receipts([signed(strict, ours, None, "ingester")], strict.service)
    states = await strict.states(A)
    assert (states[1, "search"], states[1, "ingester"]) == ("verified", "removed")
    rows = await strict.db.fetch("SELECT meaning FROM receipt WHERE holder = 'search' ORDER BY authenticated")
    assert [row["meaning"] for row in rows] == ["unauthenticated", "closed"]


async def test_a_replaced_signing_key_is_no_longer_accepted(strict: World) -> None:
    (order,) = await strict.revoke(A)
    change = SEARCH.model_copy(update={"signing_keys": public(new_signer())})
    await holders.holder_registered(change, "ann", strict.service)
    await on_receipts([signed(strict, strict.receipt(order, "search"), KEY)], strict.service)
    assert (await strict.states(A))[1, "search"] == "open"


@pytest.mark.usefixtures("strict")
async def test_a_holder_with_a_registered_key_must_sign_even_with_authentication_off(world: World) -> None:
    (order,) = await world.revoke(A)
    await world.receipts(world.receipt(order, "search"), world.receipt(order, "ingester"))
    states = await world.states(A)
    assert (states[1, "search"], states[1, "ingester"]) == ("open", "removed")
