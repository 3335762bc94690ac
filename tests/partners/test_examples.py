"""The contract's examples, sent to the local stack as a partner would: all are accepted, none becomes a dead letter."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from clawback_contracts.article.v1 import ArticleSubmitted
from clawback_contracts.envelope import Event
from clawback_contracts.holder.v1 import HoldingsAnswer
from clawback_contracts.registry import QUESTION
from clawback_contracts.revocation.v1 import ArticleRemoved, RevocationNoticed
from clawback_local import Stack
from clawback_local.parts import SUBMISSIONS
from clawback_testing import examples
from clawback_testing.broker import Broker, Raw
from clawback_testing.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(500)]
PARTS = ("ingester-worker", "ingester-api", "compliance-worker", "compliance-api")
WAIT_S_MAX = 60.0
UNKNOWN_FIELDS = "odd"
"""The example that has fields of a later minor version."""


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """The two services that partners send to."""
    with Stack(parts=PARTS) as running:
        yield running


def call(stack: Stack, service: str, key: str) -> httpx.Client:
    """Returns a client of a service's API with a key of the local stack."""
    secret = Path(stack.run_dir / "keys" / f"{key}.key").read_text().strip()
    return httpx.Client(
        base_url=f"http://{stack.address(f'{service}-api')}/api/v1", headers={"X-API-Key": secret}, timeout=10
    )


def values(event: type[Event]) -> list[dict[str, Any]]:
    return [json.loads(message["value"]) for message in examples.load(event).values()]


async def test_every_example_that_a_partner_sends_is_accepted_on_its_topic(stack: Stack) -> None:
    broker = Broker(stack.env["KAFKA_BOOTSTRAP_SERVERS"])
    for event in (ArticleSubmitted, RevocationNoticed, ArticleRemoved):
        topic = SUBMISSIONS if event is ArticleSubmitted else event.TOPIC
        for message in examples.load(event).values():
            await broker.send(topic, [Raw(message["value"], message["key"], message["headers"])])
    with call(stack, "ingester", "operator") as ingester, call(stack, "compliance", "operator") as compliance:

        def ordered() -> bool:
            noticed = {one["article_id"] for one in values(RevocationNoticed)}
            return all(compliance.get(f"/compliance/takedowns/{one}").status_code == 200 for one in noticed)

        def stored() -> bool:
            submitted = {one["article_id"] for one in values(ArticleSubmitted)}
            return all(ingester.get(f"/articles/{one}").status_code in {200, 410} for one in submitted)

        await until(ordered, what="an order for each notice", deadline_s=WAIT_S_MAX)
        await until(stored, what="an article for each submission", deadline_s=WAIT_S_MAX)

        article = "metabase:52999982276"
        sent = {one["receipt_id"] for one in values(ArticleRemoved) if one["article_id"] == article}

        def recorded() -> bool:
            takedown = compliance.get(f"/compliance/takedowns/{article}").json()
            return sent <= {receipt["receipt_id"] for receipt in takedown["receipts"]}

        await until(recorded, what="a record of each receipt", deadline_s=WAIT_S_MAX)
        assert ingester.get("/ingester/dlq").json()["items"] == []
        assert compliance.get("/compliance/dlq").json()["items"] == []


def test_every_submission_and_question_is_answered_over_http(stack: Stack) -> None:
    """Unknown fields are only allowed on topics: over HTTP they are refused by name, and so are revoked ids."""
    named = {name: json.loads(message["value"]) for name, message in examples.load(ArticleSubmitted).items()}
    revoked = {one["article_id"] for one in values(RevocationNoticed)}
    expected = {
        index: "extra_forbidden" if name == UNKNOWN_FIELDS else "revoked"
        for index, (name, one) in enumerate(named.items())
        if name == UNKNOWN_FIELDS or one["article_id"] in revoked
    }
    with call(stack, "ingester", "upstream") as http:
        response = http.post("/submissions", json={"items": list(named.values())})
        assert response.status_code == 202
        found = {one["index"]: one["errors"][0]["code"] for one in response.json()["refused"]}
        assert found == expected
        accepted = [one["article_id"] for index, one in enumerate(named.values()) if index not in expected]
        assert response.json()["accepted"] == accepted != []
    with call(stack, "ingester", "reader") as http:
        for body in examples.bodies(QUESTION).values():
            question = json.loads(body)
            found = http.post("/ingester/holdings", json=question).json()
            assert HoldingsAnswer.model_validate(found).items.keys() == set(question["article_ids"])
