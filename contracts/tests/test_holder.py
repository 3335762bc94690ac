"""What a holder decides and answers, for every vector that other languages test themselves with."""

import json
import shutil
import subprocess
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from clawback_contracts import cloudevents
from clawback_contracts.article.v1 import ArticlePublished, Source
from clawback_contracts.holder.answers import holdings, receipt_for
from clawback_contracts.holder.copies import CopyState, accepts, may_be_shown, with_order, with_version
from clawback_contracts.holder.v1 import Holding, HoldingsQuestion
from clawback_contracts.revocation.folding import ORDERS, Status
from clawback_contracts.revocation.v1 import ArticleRemoved, ArticleRevoked, Outcome, Reason
from clawback_contracts.signatures import HEADER, Signer
from contracts.generator.files import CONTRACTS

NOW = datetime(2026, 3, 2, 9, 15, tzinfo=UTC)
ID = "metabase:1"
PUBLISHED = ArticlePublished(
    article_id=ID,
    published_at=NOW,
    title="",
    source=Source(key="s"),
    version=1,
    after_order=0,
    source_order=1,
    retention_date=NOW,
    received_at=NOW,
)
REVOKED = ArticleRevoked(
    article_id=ID,
    order=1,
    previous_order=0,
    revocation_id=UUID(int=1),
    reason=Reason.LICENSOR,
    clock_started_at=NOW,
    due_at=NOW,
    ordered_at=NOW,
)
VECTORS: dict[str, Any] = json.loads((CONTRACTS / "vectors" / "holder.json").read_text())
KINDS = {one.TYPE: one for one in (ArticlePublished, *ORDERS)}
TEMPLATE = {**PUBLISHED.model_dump(), **REVOKED.model_dump()}


def state_of(fields: dict[str, Any]) -> CopyState:
    return CopyState(ID, **{**fields, "status": Status(fields["status"])})


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda one: one["name"])
def test_a_holder_decides_as_in_the_vectors(vector: dict[str, Any]) -> None:
    state = CopyState(ID)
    for arrival in vector["arrivals"]:
        event = KINDS[arrival["type"]].model_validate({**TEMPLATE, **arrival})
        if isinstance(event, ArticlePublished):
            state = with_version(state, event) if accepts(state, event) else state
        else:
            state, outcome = with_order(state, event)
            assert outcome == arrival["outcome"]
    assert state == state_of(vector["state"])


@pytest.mark.parametrize("vector", VECTORS["shown"], ids=lambda one: one["name"])
def test_an_article_is_shown_as_in_the_vectors(vector: dict[str, Any]) -> None:
    article = ArticlePublished.model_validate({**TEMPLATE, **vector["article"]})
    now = datetime.fromisoformat(vector["now"])
    assert may_be_shown(state_of(vector["state"]), article, now) is vector["shown"]


IN_NODE = """
import fs from "node:fs";
import assert from "node:assert/strict";
const [, module, file] = process.argv;
const { accepts, isOrder, mayBeShown, unknown, withOrder, withVersion } = await import(module);
const { vectors, shown } = JSON.parse(fs.readFileSync(file, "utf8"));
for (const { name, arrivals, state: expected } of vectors) {
  let state = unknown;
  for (const arrival of arrivals) {
    if (isOrder(arrival.type)) {
      const applied = withOrder(state, arrival.type, arrival);
      assert.equal(applied.outcome, arrival.outcome, name);
      state = applied.state;
    } else if (accepts(state, arrival)) state = withVersion(state, arrival);
  }
  assert.deepEqual(state, expected, name);
}
for (const one of shown) assert.equal(mayBeShown(one.state, one.article, new Date(one.now)), one.shown, one.name);
console.log(vectors.length + shown.length);
"""


def test_the_holder_in_node_decides_as_in_the_vectors() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no Node here")
    files = [CONTRACTS / "examples" / "partners" / "copies.mjs", CONTRACTS / "vectors" / "holder.json"]
    ran = subprocess.run(  # noqa: S603  # our own words
        [node, "--input-type=module", "--eval", IN_NODE, *files], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) == len(VECTORS["vectors"]) + len(VECTORS["shown"])


def test_a_receipt_has_its_fixed_id_the_trace_of_its_order_and_a_signature() -> None:
    signer, outcomes = (
        Signer(Ed25519PrivateKey.generate()),
        {"content": Outcome.REMOVED, "index": Outcome.WITHHELD},
    )
    cause = cloudevents.write(REVOKED, uuid4(), "compliance", NOW, [("traceparent", b"00-1")])["headers"]
    record = receipt_for(REVOKED, "search", outcomes, NOW, cause, signer)
    assert record is not None
    answer = cloudevents.read(record["topic"], record["headers"], record["value"])
    assert isinstance(answer, ArticleRemoved)
    assert {one.copy_kind: one.outcome for one in answer.removals} == outcomes
    headers = cloudevents.attributes(record["headers"])
    assert (headers["ce_id"], headers["ce_source"]) == (str(answer.receipt_id), "search")
    assert headers["traceparent"] == "00-1"
    signed = cloudevents.signed(headers, record["key"], record["value"])
    assert signed is not None
    assert signed.by(signer.public_key)
    unsigned = receipt_for(REVOKED, "search", outcomes, NOW)
    assert unsigned is not None
    assert HEADER not in dict(unsigned["headers"])


@pytest.mark.parametrize(
    ("holders", "answers"),
    [(None, True), (("search",), True), (("site", "search"), True), (("site",), False), ((), False)],
)
def test_an_order_is_answered_by_the_holders_that_it_names(
    holders: tuple[str, ...] | None, *, answers: bool
) -> None:
    order = REVOKED.model_copy(update={"holders": holders})
    assert (receipt_for(order, "search", {"content": Outcome.REMOVED}, NOW) is not None) is answers


def test_every_id_of_a_holdings_question_is_answered_with_held_or_gone() -> None:
    question = HoldingsQuestion(article_ids=("metabase:1", "metabase:2"))
    answer = holdings(question, {"metabase:2", "metabase:3"})
    assert answer.items == {"metabase:1": Holding.GONE, "metabase:2": Holding.HELD}
