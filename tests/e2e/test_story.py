"""Every checker and every promise, on what was found after the story was played with another seed."""

import pytest

from clawback_story import checkers
from clawback_story.evidence import Evidence
from clawback_story.promises import verify_all

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="session")]


@pytest.mark.parametrize("name", list(checkers.ALL))
async def test_no_checker_finds_anything_wrong(evidence: Evidence, name: str) -> None:
    assert checkers.ALL[name](evidence) == []


@pytest.mark.parametrize("number", range(14))
async def test_every_promise_is_kept(evidence: Evidence, number: int) -> None:
    promise = verify_all(evidence)[number]
    assert promise.problems == (), promise.text


async def test_a_takedown_closes_for_every_holder_and_its_times_are_known(evidence: Evidence) -> None:
    prompt = {name for name, kind in evidence.ledger.holders.items() if kind != "expiry"}
    assert prompt == {"ingester", "analytics", "search"}
    closed = [one for one in evidence.ledger.obligations if one.holder in prompt and one.state == "verified"]
    assert len(closed) >= 3 * len(evidence.expected.gone)
    assert all(one.verified_at is not None for one in closed)


async def test_a_sweep_reaches_our_stores_and_no_consumer(evidence: Evidence) -> None:
    swept = evidence.expected.swept
    assert swept
    holding = {store.name for store in evidence.stores if store.whole and store.ids & swept}
    assert holding == {"the consumer's store"}
    assert {one.owner for one in evidence.sweeps} == {
        "ingester",
        "compliance",
        "analytics",
        "alerting",
        "retention",
    }
