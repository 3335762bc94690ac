"""The HTTP API: webhooks, submissions, reads, holdings, feeds, dead letters, incidents."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest
from pydantic import ValidationError

from clawback_common.errors import Poison, Transient
from clawback_common.http.probes import Probes
from clawback_common.messaging.quarantine import Bad
from clawback_common.service.api import application
from clawback_contracts.revocation.v1 import RevocationNoticed
from clawback_testing.commands import command
from ingester.entrypoints import deliveries
from ingester.entrypoints.consumers import subscriptions
from ingester.entrypoints.http.webhooks import sign
from ingester.gateways.providers import port
from ingester.gateways.providers.metabase.codes import failure
from ingester.service import SERVICE
from ingester.settings import Settings
from ingester.storage import sweeps
from ingester.use_cases import orders, polling, storing
from ingester.use_cases.poll_runs import poll_recorded
from services.ingester.tests.integration.conftest import SECRET
from services.ingester.tests.integration.world import (
    CANARY,
    ENTRY,
    Script,
    World,
    articles_page,
    revoked_page,
)

pytestmark = pytest.mark.integration

A, B = "up:a", "up:b"


def item(article_id: str, **more: Any) -> dict[str, Any]:
    """Returns an article as JSON."""
    fields = {
        "article_id": article_id,
        "published_at": "2026-02-28T12:00:00Z",
        "title": CANARY,
        "body": CANARY,
        "source": {"key": "s"},
    }
    return {name: value for name, value in (fields | more).items() if value is not ...}


def signed(
    world: World, body: bytes, webhook_id: str = "w1", *, at: float = 0, secret: str = SECRET
) -> dict[str, str]:
    """Returns the headers of a webhook, sent this many seconds from now."""
    stamp = int(world.clock.now().timestamp() + at)
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(stamp),
        "webhook-signature": sign(secret, webhook_id, stamp, body),
    }


async def push(http: httpx.AsyncClient, world: World, body: Any, **more: Any) -> httpx.Response:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return await http.post("/webhooks/partner", content=raw, headers=signed(world, raw, **more))


async def submit(http: httpx.AsyncClient, body: Any, **headers: str) -> httpx.Response:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return await http.post("/submissions", content=raw, headers={"X-API-Key": "upstream"} | headers)


# Webhooks

ACCEPTED = {"accepted": ["partner:1"], "event_ids": ["w1/0"], "refused": []}


async def test_a_webhook_is_stored_raw_before_it_is_acknowledged_and_processed_from_there(
    http: httpx.AsyncClient, world: World
) -> None:
    body = orjson.dumps(item("partner:1"))
    response = await push(http, world, body)
    assert (response.status_code, response.json()) == (202, ACCEPTED)
    assert await world.db.fetchval("SELECT body FROM delivery") == body
    assert await world.state("partner:1") is None
    await deliveries.process_waiting(world.service)
    assert await world.state("partner:1") == "live"
    assert await world.db.fetchval("SELECT body FROM delivery") is None


async def test_detailed_health_has_the_number_and_age_of_waiting_webhooks(
    http: httpx.AsyncClient, world: World
) -> None:
    async def waiting() -> dict[str, float]:
        found: dict[str, float] = (await http.get("/ingester/health/detailed")).json()["webhooks"]
        return found

    await push(http, world, item("partner:1"))
    world.clock.advance(minutes=2)
    await push(http, world, item("partner:2"), webhook_id="w2")
    assert await waiting() == {"waiting": 2, "oldest_seconds": 120.0}
    await deliveries.process_waiting(world.service)
    assert await waiting() == {"waiting": 0, "oldest_seconds": 0.0}


async def test_a_repeated_webhook_is_200_and_changes_nothing(http: httpx.AsyncClient, world: World) -> None:
    first = await push(http, world, item("partner:1"))
    await deliveries.process_waiting(world.service)
    world.clock.advance(minutes=1)
    again = await push(http, world, item("partner:1"))
    assert (again.status_code, again.json()) == (200, first.json())
    await deliveries.process_waiting(world.service)
    assert len(await world.published()) == 1


async def test_a_stored_webhook_that_is_no_longer_valid_is_quarantined_and_delays_no_other(
    http: httpx.AsyncClient, world: World
) -> None:
    await push(http, world, item("partner:1"))
    await world.db.execute("UPDATE delivery SET body = '{\"items\": 3'")
    await push(http, world, item("partner:2"), webhook_id="w2")
    await deliveries.process_waiting(world.service)
    assert await world.state("partner:2") == "live"
    assert await world.db.fetchval("SELECT reason FROM quarantine") == "json_invalid"


async def test_the_same_webhook_id_with_another_body_is_409(http: httpx.AsyncClient, world: World) -> None:
    await push(http, world, item("partner:1"))
    assert (await push(http, world, item("partner:2"))).status_code == 409


@pytest.mark.parametrize(
    ("more", "drop"),
    [
        ({"at": -301}, None),
        ({"at": 301}, None),
        ({"secret": "whsec_b3RoZXI="}, None),
        ({}, "webhook-id"),
        ({}, "webhook-timestamp"),
        ({}, "webhook-signature"),
    ],
)
async def test_a_webhook_that_is_late_or_not_signed_by_its_partner_is_401_and_not_stored(
    http: httpx.AsyncClient, world: World, more: dict[str, Any], drop: str | None
) -> None:
    raw = orjson.dumps(item("partner:1"))
    headers = signed(world, raw, **more)
    if drop:
        del headers[drop]
    response = await http.post("/webhooks/partner", content=raw, headers=headers)
    assert response.status_code == 401
    assert await world.db.fetchval("SELECT count(*) FROM delivery") == 0


async def test_a_signature_of_another_body_and_an_unknown_partner_get_the_same_response(
    http: httpx.AsyncClient, world: World
) -> None:
    raw = orjson.dumps(item("partner:1"))
    wrong = await http.post("/webhooks/partner", content=raw + b" ", headers=signed(world, raw))
    unknown = await http.post("/webhooks/nobody", content=raw, headers=signed(world, raw))
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json()["detail"] == unknown.json()["detail"]


async def test_one_bad_item_of_500_is_named_and_the_others_are_accepted(
    http: httpx.AsyncClient, world: World
) -> None:
    items = [item(f"partner:{n}") for n in range(500)]
    items[321] = item("partner:321", published_at=...)
    response = await push(http, world, {"items": items})
    assert response.status_code == 202
    body = response.json()
    assert len(body["accepted"]) == 499
    ((index, errors),) = [(one["index"], one["errors"]) for one in body["refused"]]
    assert (index, errors[0]["path"]) == (321, "published_at")
    await deliveries.process_waiting(world.service)
    assert await world.db.fetchval("SELECT count(*) FROM article") == 499
    row = await world.db.fetchrow("SELECT topic, subjects FROM quarantine")
    assert row is not None
    assert tuple(row) == ("webhook:partner", ["partner:321"])


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"not json", 422),
        (b'{"title": "\xff\xfe"}', 422),
        (b"[]", 422),
        (b'"text"', 422),
        (b'{"items": []}', 422),
        (orjson.dumps({"items": [item(f"partner:{n}") for n in range(501)]}), 422),
        (orjson.dumps({"items": [1, None]}), 422),
        (orjson.dumps(item("metabase:1")), 422),
        (orjson.dumps(item("partner:1", title="a\0b")), 422),
        (orjson.dumps(item("partner:1", body="x" * 900_001)), 422),
        (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, 422),
        (b" " * 10_000_001, 413),
    ],
)
async def test_an_invalid_body_is_refused_with_a_message_and_not_stored(
    http: httpx.AsyncClient, world: World, body: bytes, status: int
) -> None:
    for response in (await push(http, world, body), await submit(http, body)):
        assert response.status_code == status
        assert response.headers["content-type"] == "application/problem+json"
        assert CANARY not in response.text
    assert await world.db.fetchval("SELECT count(*) FROM delivery") == 0
    assert await world.db.fetchval("SELECT count(*) FROM article") == 0


# Submissions


async def test_a_submission_is_stored_when_it_is_acknowledged(http: httpx.AsyncClient, world: World) -> None:
    response = await submit(http, {"items": [item(A), item("metabase:1")]})
    assert response.status_code == 202
    assert response.json()["accepted"] == [A]
    assert response.json()["refused"][0]["errors"][0]["code"] == "provider_not_allowed"
    assert (await world.state(A), await world.state("metabase:1")) == ("live", None)


async def test_an_upstream_system_submits_only_articles_of_its_own_providers(
    http: httpx.AsyncClient, world: World
) -> None:
    body, acme = {"items": [item(A), item("acme:1")]}, {"X-API-Key": "acme"}
    response = await submit(http, body, **acme)
    assert response.json()["accepted"] == ["acme:1"]
    assert (await submit(http, body)).json()["accepted"] == [A]
    assert (await world.state(A), await world.state("acme:1")) == ("live", "live")


async def test_a_topic_delivers_only_articles_of_its_own_providers(world: World) -> None:
    topics = {"article-submissions.acme.v1": ("acme",), "article-submissions.up.v1": ("up",)}
    settings = world.service.settings.model_copy(update={"submission_topics": topics})
    service = replace(world.service, settings=settings)
    assert [one.topic for one in subscriptions(service)][:2] == list(topics)
    (one,) = world.received([world.article(A)])
    await storing.on_submissions([one._replace(topic="article-submissions.up.v1")], service)
    for topic in ("article-submissions.acme.v1", "article-submissions.v1"):
        with pytest.raises(Poison, match="provider_not_allowed"):
            await storing.on_submissions([one._replace(topic=topic)], service)


@pytest.mark.parametrize(
    ("topics", "error"),
    [
        ('{"articles.v1": ["up"]}', "articles.v1 is not a topic of submissions"),
        ('{"article-submissions.up.v1": []}', "needs providers"),
        ("{", "not YAML"),
    ],
)
def test_invalid_submission_topics_are_refused(topics: str, error: str) -> None:
    with pytest.raises(ValidationError, match=error):
        Settings(submission_topics=topics)


def test_outside_development_no_topic_is_shared() -> None:
    settings = Settings()
    assert list(settings.topics_of_submissions) == ["article-submissions.v1"]
    assert list(settings.model_copy(update={"environment": "production"}).topics_of_submissions) == []
    shared = settings.model_copy(
        update={"environment": "production", "submission_topics": settings.submission_topics}
    )
    assert any("SUBMISSION_TOPICS" in one for one in shared.unsafe())


async def test_the_same_idempotency_key_gives_the_same_answer_and_no_second_version(
    http: httpx.AsyncClient, world: World
) -> None:
    first = await submit(http, item(A), **{"Idempotency-Key": "k"})
    version = await world.db.fetchval("SELECT version FROM article")
    world.clock.advance(minutes=1)
    again = await submit(http, item(A), **{"Idempotency-Key": "k"})
    assert (again.status_code, again.json()) == (202, first.json())
    assert await world.db.fetchval("SELECT version FROM article") == version
    assert (await submit(http, item(B), **{"Idempotency-Key": "k"})).status_code == 409


TOO_OLD = {
    "path": "published_at",
    "code": "too_old",
    "message": "The article is older than the retention period.",
}


async def test_an_article_older_than_the_retention_floor_is_returned_as_refused(
    http: httpx.AsyncClient, world: World
) -> None:
    await submit(http, item("up:known"))
    now = world.clock.now()
    await sweeps.raise_floor(world.db, now - timedelta(days=10), now)
    old = {"published_at": (now - timedelta(days=11)).isoformat()}
    body = {"items": [item("up:old", **old), item("metabase:1"), item("up:known", **old), item(A)]}
    response = await submit(http, body, **{"Idempotency-Key": "k"})
    assert response.status_code == 202
    assert response.json()["accepted"] == ["up:known", A], "a known article keeps the date of its row"
    assert [(one["index"], one["errors"][0]["code"]) for one in response.json()["refused"]] == [
        (0, "too_old"),
        (1, "provider_not_allowed"),
    ]
    assert (await submit(http, body, **{"Idempotency-Key": "k"})).json() == response.json()
    assert await world.db.fetchval("SELECT count(*) FROM quarantine WHERE 'up:old' = ANY (subjects)") == 0
    alone = await submit(http, item("up:old", **old))
    assert (alone.status_code, alone.json()["errors"]) == (422, [TOO_OLD])
    pushed = await push(http, world, {"items": [item("partner:old", **old), item("partner:1")]})
    assert pushed.json()["accepted"] == ["partner:1"]
    assert pushed.json()["refused"] == [{"index": 0, "errors": [TOO_OLD]}]
    await deliveries.process_waiting(world.service)
    assert (await world.state("partner:old"), await world.state("partner:1")) == (None, "live")


async def test_without_a_key_nothing_is_accepted(http: httpx.AsyncClient, world: World) -> None:
    for headers in ({}, {"X-API-Key": "nobody"}):
        assert (await http.post("/submissions", json=item(A), headers=headers)).status_code == 401
    assert (
        await http.post("/submissions", json=item(A), headers={"X-API-Key": "officer"})
    ).status_code == 403
    assert await world.db.fetchval("SELECT count(*) FROM article") == 0


# Reading


async def test_a_revoked_article_is_410_with_its_reason_and_without_content(
    http: httpx.AsyncClient, world: World
) -> None:
    await world.submit(world.article(A), world.article(B))
    assert CANARY in (await http.get(f"/articles/{A}")).text
    await world.order(world.revocation(A, 3))
    response = await http.get(f"/articles/{A}")
    assert (response.status_code, response.json()["reason"], response.json()["order"]) == (410, "licensor", 3)
    assert CANARY not in response.text
    listed = (await http.get("/articles")).json()["items"]
    assert [one["article_id"] for one in listed] == [B]
    revoked = (await http.get("/revoked")).json()["items"]
    assert [(one["article_id"], one["reason"]) for one in revoked] == [(A, "licensor")]


async def test_an_article_that_may_not_be_read_yet_is_404(http: httpx.AsyncClient, world: World) -> None:
    await world.submit(world.article(A, embargoed_until=world.clock.now().replace(year=2027)))
    await world.submit(world.article(B))
    await world.db.execute("UPDATE article SET state = 'withheld' WHERE article_id = $1", B)
    for one in (A, B, "up:unknown"):
        response = await http.get(f"/articles/{one}")
        assert response.status_code == 404
        assert CANARY not in response.text
    assert (await http.get("/articles")).json()["items"] == []
    assert (await http.get("/admin/articles/stats")).json() == {"embargoed": 1, "withheld": 1}


async def test_lists_are_paged_with_each_item_once(http: httpx.AsyncClient, world: World) -> None:
    ids = [f"up:{n}" for n in range(5)]
    await world.submit(*(world.article(one) for one in ids))
    await world.order(*(world.revocation(one) for one in ids[:3]))
    for path, expected in (("/articles", ids[3:]), ("/revoked", ids[:3])):
        listed: list[str] = []
        cursor: str | None = None
        while True:
            page = (await http.get(path, params={"limit": 1} | ({"cursor": cursor} if cursor else {}))).json()
            listed += [one["article_id"] for one in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert listed == expected
    only = (await http.get("/articles", params={"fields": "article_id,version"})).json()["items"]
    assert only == [{"article_id": one, "version": world.number} for one in ids[3:]]


async def test_a_sample_has_readable_articles_of_the_whole_table(
    http: httpx.AsyncClient, world: World
) -> None:
    ids = [f"up:{n:05}" for n in range(3_000)]
    for start in range(0, len(ids), 500):
        await world.submit(*(world.article(one, body="x" * 1_000) for one in ids[start : start + 500]))
    revoked = ids[::3]
    await world.order(*(world.revocation(one) for one in revoked))
    found: set[str] = set()
    for _ in range(5):
        items = (await http.get("/articles/sample", params={"limit": 100})).json()["items"]
        assert len(items) == 100
        assert set(items[0]) == {"article_id", "updated_at"}
        found |= {one["article_id"] for one in items}
    assert not found & set(revoked)
    assert min(found) < ids[500]
    assert max(found) > ids[-500]


async def holdings(http: httpx.AsyncClient, *ids: str) -> dict[str, str]:
    response = await http.post("/ingester/holdings", json={"article_ids": ids})
    items: dict[str, str] = response.json()["items"]
    return items


async def test_holdings_are_read_from_the_content_and_not_from_the_identity_row(
    http: httpx.AsyncClient, world: World
) -> None:
    await world.submit(world.article(A), world.article(B))
    await world.order(world.revocation(A))
    assert await holdings(http, A, B, "up:c") == {A: "gone", B: "held", "up:c": "gone"}
    # As if a bug had marked the row and kept the content.
    await world.db.execute("UPDATE article SET state = 'revoked' WHERE article_id = $1", B)
    assert (await holdings(http, B))[B] == "held"
    await submit(http, {"items": [item("up:c"), item("up:d", title=...)]})
    assert await holdings(http, "up:d") == {"up:d": "held"}


async def test_holdings_name_the_order_that_the_row_has_applied(
    http: httpx.AsyncClient, world: World
) -> None:
    await world.submit(world.article(A), world.article(B))
    await world.order(world.revocation(A, 1), world.reinstatement(A, 2), world.revocation(A, 3))
    response = await http.post("/ingester/holdings", json={"article_ids": [A, B, "up:never"]})
    assert response.json()["orders"] == {A: 3}


# Feeds


async def test_a_poll_returns_its_result(http: httpx.AsyncClient, world: World, script: Script) -> None:
    script.responses = [revoked_page("1", cursor="c")]
    response = await http.post("/feeds/test-revoked/poll", headers={"X-API-Key": "operator"})
    body = response.json()
    assert (response.status_code, body["noticed"], body["caught_up"]) == (200, 1, True)
    (notice,) = await world.unsent(RevocationNoticed)
    assert str(notice.poll_id) == body["poll_id"]
    listed = (await http.get("/feeds")).json()["items"]
    assert [(one["name"], one["cursor"], one["state"], one["configured"]) for one in listed] == [
        ("test-revoked", "c", "ok", True)
    ]


async def test_a_poll_of_a_failing_provider_is_502_and_never_an_empty_result(
    http: httpx.AsyncClient, script: Script
) -> None:
    script.responses = [failure(9999)]
    response = await http.post("/feeds/test-revoked/poll", headers={"X-API-Key": "operator"})
    assert (response.status_code, "9999" in response.json()["detail"]) == (502, True)
    assert (await http.post("/feeds/nothing/poll", headers={"X-API-Key": "operator"})).status_code == 404
    assert (await http.post("/feeds/test-revoked/poll")).status_code == 401


async def test_a_stopped_feed_is_resumed_by_an_operator(http: httpx.AsyncClient, script: Script) -> None:
    operator = {"X-API-Key": "operator"}
    script.responses = [failure(1000)]
    await http.post("/feeds/test-revoked/poll", headers=operator)
    assert (await http.post("/feeds/test-revoked/resume", headers=operator)).status_code == 204
    assert (await http.post("/feeds/test-revoked/resume", headers=operator)).status_code == 409


# Dead letters and incidents


async def test_dead_letters_are_listed_without_content_and_retried_with_the_same_checks(
    http: httpx.AsyncClient, world: World
) -> None:
    await submit(http, {"items": [item("up:ok"), item("metabase:1"), item(A, source=...)]})
    listed = await http.get("/ingester/dlq?resolved=true", headers={"X-API-Key": "operator"})
    assert sorted(one["reason"] for one in listed.json()["items"]) == ["missing", "provider_not_allowed"]
    assert CANARY not in listed.text
    await world.db.execute(
        "UPDATE quarantine SET value = $1 WHERE subjects = ARRAY[$2]", orjson.dumps(item(A)), A
    )
    world.clock.advance(minutes=1)
    retried = await http.post(
        "/ingester/dlq/retry", json={"older_than_s": 0}, headers={"X-API-Key": "operator"}
    )
    assert retried.json() == {"retried": 1, "failed": 0}
    assert (await world.state(A), await world.state("metabase:1")) == ("live", None)


async def test_no_content_is_kept_of_a_refused_item_about_a_revoked_or_foreign_article(
    http: httpx.AsyncClient, world: World
) -> None:
    await world.order(world.revocation(A))
    bad = [item(A, source=...), item("metabase:1"), item("metabase:2", source=...), item("up:b", source=...)]
    await submit(http, {"items": [item("up:ok"), *bad]})
    assert await world.held(A, "metabase:1", "metabase:2", "up:b") == {"up:b"}
    assert await world.db.fetchval("SELECT count(value) FROM quarantine") == 1


async def test_a_dead_letter_on_a_revoked_article_is_purged_and_not_retried(
    http: httpx.AsyncClient, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    await submit(http, {"items": [item("up:ok"), item(A, source=...)]})
    await world.order(world.revocation(A))
    world.clock.advance(minutes=1)
    assert await command(SERVICE, world.service, "replay-dlq") == 0
    assert "0 reprocessed, 0 failed again" in capsys.readouterr().out
    assert await world.held(A) == set()


async def test_a_dead_letter_of_a_feed_is_reprocessed_by_its_reader(world: World, script: Script) -> None:
    world.configure(script.feed("articles", name="f"))
    entries = [
        port.Bad(0, "77", "7", "odd", "x", orjson.dumps(ENTRY)),
        port.Bad(1, None, "8", "id_missing", "x", b"<article><title>t</title></article>"),
    ]
    script.responses = [articles_page(bad=entries, cursor="8")]
    await polling.poll(script.feed("articles", name="f"), world.service, "test")
    world.clock.advance(minutes=1)
    assert await command(SERVICE, world.service, "replay-dlq") == 3
    assert await world.state("metabase:77") == "live"


async def test_an_officer_closes_an_incident_with_a_note(http: httpx.AsyncClient, world: World) -> None:
    await world.submit(world.article(A))
    bad = Bad(Poison("null_value"), "ingester", "revocations.v1", subjects=(A,))
    async with world.db.transaction() as tx:
        await orders.on_unreadable_orders(tx, [bad], world.service)
    (listed,) = (await http.get("/ingester/incidents")).json()["items"]
    path = f"/ingester/incidents/{listed['id']}/close"
    assert (await http.post(path, json={"note": "looked"})).status_code == 401
    assert (
        await http.post(path, json={"note": "looked"}, headers={"X-API-Key": "operator"})
    ).status_code == 403
    officer = {"X-API-Key": "officer"}
    assert (await http.post(path, json={"note": ""}, headers=officer)).status_code == 422
    assert (await http.post(path, json={"note": "looked"}, headers=officer)).status_code == 200
    assert (await http.post(path, json={"note": "looked"}, headers=officer)).status_code == 404
    assert (await http.get("/ingester/incidents")).json()["items"] == []
    closed = (await http.get("/ingester/incidents", params={"closed": True})).json()["items"]
    assert [(one["closed_by"], one["note"]) for one in closed] == [("officer", "looked")]
    assert (await http.get("/ingester/incidents", params={"cursor": "WyJ4IiwieSJd"})).status_code == 422
    assert await world.state(A) == "live"


async def test_runs_and_health_are_returned(http: httpx.AsyncClient, world: World, script: Script) -> None:
    await poll_recorded(script.feed(), world.service, "schedule")
    assert [one["job"] for one in (await http.get("/ingester/jobs")).json()["items"]] == ["poll:test-revoked"]
    assert (await http.get("/ingester/health")).json()["status"] == "healthy"


async def test_no_article_is_read_before_every_order_is_applied(world: World) -> None:
    async def behind() -> None:
        raise Transient("records from before the start are not processed yet")

    transport = httpx.ASGITransport(
        application(SERVICE, replace(world.service, orders_applied=behind), Probes())
    )
    async with httpx.AsyncClient(transport=transport, base_url="http://ingester/api/v1") as client:
        for path in ("/articles", f"/articles/{A}"):
            assert (await client.get(path)).status_code == 503
        assert (await client.get("/revoked")).status_code == 200


async def test_a_page_of_texts_ends_with_the_one_that_reaches_the_byte_limit_and_the_cursor_continues(
    http: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingester.entrypoints.http.articles.PAGE_BYTES_MAX", 50_000)
    await world.submit(*(world.article(f"up:{n}", body="x" * 20_000) for n in range(7)))
    sizes, found, cursor = [], [], ""
    while cursor is not None:
        query: dict[str, Any] = {"limit": 500} | ({"cursor": cursor} if cursor else {})
        response = (await http.get("/articles", params=query)).json()
        sizes.append(len(response["items"]))
        found += [item["article_id"] for item in response["items"]]
        cursor = response["next_cursor"]
    assert sizes == [3, 3, 1]
    assert found == [f"up:{n}" for n in range(7)]
