"""Only the sender can query the status of its record."""

from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest

from clawback_common.errors import Poison
from clawback_common.messaging.quarantine import Bad, put
from clawback_contracts.article.v1 import ArticleSubmitted
from ingester.entrypoints import deliveries
from ingester.storage import sweeps
from ingester.use_cases import storing
from services.ingester.tests.integration.test_http_api import item, push, submit
from services.ingester.tests.integration.world import CANARY, World

pytestmark = pytest.mark.integration
A, B = "up:a", "up:b"
TOPIC = "article-submissions.upstream.v1"


@pytest.fixture
def topic(world: World) -> str:
    """The topic of one upstream system."""
    topics = {TOPIC: ("up",), "article-submissions.acme.v1": ("acme",)}
    object.__setattr__(world.service.settings, "submission_topics", topics)
    return TOPIC


async def send(
    world: World, article: ArticleSubmitted, topic: str = TOPIC, event_id: str | None = None
) -> str:
    """Delivers an article on the topic; returns its event id."""
    (record,) = world.received([article], topic)
    record = record._replace(event_id=event_id or str(uuid4()))
    await storing.on_submissions([record], world.service)
    return record.event_id


async def status(http: httpx.AsyncClient, event_id: str, key: str = "upstream") -> dict[str, Any]:
    """Returns the response to the sender."""
    response = await http.get(f"/submissions/{event_id}", headers={"X-API-Key": key})
    assert response.status_code == 200, response.text
    assert CANARY not in response.text
    body: dict[str, Any] = response.json()
    return body


async def test_a_record_that_was_never_received_is_unknown(http: httpx.AsyncClient) -> None:
    found = await status(http, str(uuid4()))
    assert (found["state"], found["article_id"], found["errors"]) == ("unknown", None, [])


async def test_a_stored_record_is_published_when_the_broker_has_it(
    http: httpx.AsyncClient, world: World, topic: str
) -> None:
    event_id = await send(world, world.article(A), topic)
    found = await status(http, event_id)
    assert (found["state"], found["article_id"], found["article_state"]) == ("stored", A, "live")
    (published,) = await world.published()
    found = await status(http, event_id)
    assert (found["state"], found["version"]) == ("published", published.version)


async def test_an_embargoed_article_is_stored_and_not_published(
    http: httpx.AsyncClient, world: World, topic: str
) -> None:
    event_id = await send(world, world.article(A, embargoed_until=world.ago(hours=-1)), topic)
    found = await status(http, event_id)
    assert (found["state"], found["article_state"]) == ("stored", "embargoed")


async def test_a_record_that_is_not_stored_has_a_reason(
    http: httpx.AsyncClient, world: World, topic: str
) -> None:
    first = await send(world, world.article(A, "first", source_order=2), topic)
    older = await send(world, world.article(A, "older", source_order=1), topic)
    same = await send(world, world.article(A, "first", source_order=3), topic)
    await world.order(world.revocation(B, 3))
    revoked = await send(world, world.article(B), topic)
    now = world.clock.now()
    await sweeps.raise_floor(world.db, world.ago(days=10), now)
    old = await send(world, world.article("up:old", published_at=world.ago(days=11)), topic)
    assert (await status(http, first))["state"] == "stored"
    codes = {}
    for name, event_id in (("older", older), ("same", same), ("revoked", revoked), ("old", old)):
        found = await status(http, event_id)
        codes[name] = (found["state"], *(error["code"] for error in found["errors"]))
    assert codes == {
        "older": ("refused", "not_newer"),
        "same": ("refused", "not_newer"),
        "revoked": ("refused", "revoked"),
        "old": ("refused", "too_old"),
    }


async def test_a_redelivered_record_keeps_its_status(
    http: httpx.AsyncClient, world: World, topic: str
) -> None:
    event_id = await send(world, world.article(A), topic)
    await send(world, world.article(A), topic, event_id)
    assert (await status(http, event_id))["state"] == "stored"
    await world.order(world.revocation(B, 3))
    event_id = await send(world, world.article(B), topic)
    await world.order(world.reinstatement(B, 4))
    world.clock.advance(minutes=1)
    await send(world, world.article(B), topic, event_id)
    assert (await status(http, event_id))["state"] == "stored"


async def test_the_sender_of_an_article_sees_its_takedown(
    http: httpx.AsyncClient, world: World, topic: str
) -> None:
    event_id = await send(world, world.article(A), topic)
    await world.published()
    await world.order(world.revocation(A, 3))
    found = await status(http, event_id)
    assert (found["state"], found["article_state"]) == ("stored", "revoked")


async def test_an_unusable_record_has_a_reason_without_its_content(
    http: httpx.AsyncClient, world: World, topic: str
) -> None:
    bad = Bad(
        Poison("value_invalid", "title: missing"),
        source="ingester",
        topic=topic,
        event_id="e1",
        subjects=(A,),
        value=CANARY.encode(),
    )
    async with world.db.transaction() as tx:
        await put(tx, world.service.outbox, [bad], world.clock.now())
    found = await status(http, "e1")
    assert (found["state"], found["article_id"]) == ("refused", A)
    assert found["errors"] == [{"path": "", "code": "value_invalid", "message": "title: missing"}]


async def test_a_record_of_one_sender_is_unknown_to_another(
    http: httpx.AsyncClient, world: World, topic: str
) -> None:
    event_id = await send(world, world.article(A), topic)
    bad = Bad(Poison("null_value"), source="ingester", topic=topic, event_id="e1")
    async with world.db.transaction() as tx:
        await put(tx, world.service.outbox, [bad], world.clock.now())
    (over_http,) = (await submit(http, item(B))).json()["event_ids"]
    for one in (event_id, "e1", over_http):
        assert (await status(http, one, "acme"))["state"] == "unknown"
        assert (await status(http, one))["state"] != "unknown"
        assert (await status(http, one, "officer"))["state"] != "unknown"
        assert (await http.get(f"/submissions/{one}")).status_code == 401
        assert (await http.get(f"/submissions/{one}", headers={"X-API-Key": "holder"})).status_code == 403


async def test_two_senders_may_use_one_event_id(http: httpx.AsyncClient, world: World, topic: str) -> None:
    await send(world, world.article(A), topic, "same")
    await send(world, world.article("acme:a"), "article-submissions.acme.v1", "same")
    assert (await status(http, "same"))["article_id"] == A
    assert (await status(http, "same", "acme"))["article_id"] == "acme:a"


async def test_a_submission_over_http_returns_the_ids_for_status_queries(http: httpx.AsyncClient) -> None:
    body = {"items": [item(A), item("up:bad", title=...), item(B)]}
    response = (await submit(http, body)).json()
    assert response["accepted"] == [A, B]
    for event_id, article_id in zip(response["event_ids"], response["accepted"], strict=True):
        found = await status(http, event_id)
        assert (found["state"], found["article_id"]) == ("stored", article_id)
    refused = response["event_ids"][0].rpartition("/")[0] + "/1"
    found = await status(http, refused)
    assert (found["state"], found["errors"][0]["code"]) == ("refused", "missing")


async def test_a_webhook_is_accepted_until_it_is_processed(http: httpx.AsyncClient, world: World) -> None:
    response = (await push(http, world, {"items": [item("partner:1"), item("partner:2", title=...)]})).json()
    assert response["event_ids"] == ["w1/0"]
    assert (await status(http, "w1/0", "partner"))["state"] == "accepted"
    assert (await status(http, "w1/1", "partner"))["errors"][0]["code"] == "missing"
    assert (await status(http, "w1/0"))["state"] == "unknown"
    await deliveries.process_waiting(world.service)
    assert (await status(http, "w1/0", "partner"))["state"] == "stored"
    assert (await status(http, "w1/1", "partner"))["state"] == "refused"


async def test_submitting_a_revoked_article_reports_that_it_is_not_stored(
    http: httpx.AsyncClient, world: World
) -> None:
    await world.order(world.revocation(A, 3))
    alone = await submit(http, item(A))
    assert (alone.status_code, alone.json()["errors"][0]["code"]) == (422, "revoked")
    among = await submit(http, {"items": [item(A), item(B)]})
    assert among.json()["accepted"] == [B]
    assert [(one["index"], one["errors"][0]["code"]) for one in among.json()["refused"]] == [(0, "revoked")]
    await world.order(world.revocation("partner:1", 3))
    pushed = await push(http, world, item("partner:1"))
    assert (pushed.status_code, pushed.json()["refused"][0]["errors"][0]["code"]) == (202, "revoked")


async def test_a_version_refused_as_revoked_stays_older_than_one_after_the_reinstatement(
    http: httpx.AsyncClient, world: World
) -> None:
    await world.order(world.revocation(A, 3))
    await submit(http, item(A, source_order=5))
    await world.order(world.reinstatement(A, 4))
    await submit(http, item(A, source_order=4))
    assert await world.text(A) is None
    await submit(http, item(A, source_order=6))
    assert await world.text(A) is not None


async def test_an_old_stored_response_has_no_event_ids(http: httpx.AsyncClient, world: World) -> None:
    """Stored responses are kept for 90 days, so some are older than this field."""
    body = orjson.dumps(item("partner:1"))
    await push(http, world, body)
    await world.db.execute("""UPDATE delivery SET answer = '{"accepted": ["partner:1"], "refused": []}'""")
    again = await push(http, world, body)
    assert (again.status_code, again.json()["accepted"], again.json()["event_ids"]) == (
        200,
        ["partner:1"],
        [],
    )
