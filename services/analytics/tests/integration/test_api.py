"""The API."""

from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any
from uuid import uuid4

import httpx
import pytest

from analytics.service import SERVICE
from analytics.settings import Settings
from analytics.use_cases.runs import on_runs
from analytics.use_cases.service import Service
from clawback_common.errors import Poison, Transient
from clawback_common.http.probes import Probes
from clawback_common.messaging.quarantine import Bad, put
from clawback_common.service.api import application
from clawback_contracts.article.v1 import Licence, Source, Topic
from clawback_contracts.run.v1 import RunCompleted, RunFailed
from services.analytics.tests.integration.world import World

pytestmark = pytest.mark.integration
A, B, C = "up:a", "up:b", "up:c"


async def filled(world: World) -> None:
    """Three articles: two sources, two languages, two licences, three days."""
    now = world.clock.now()
    await world.publish(
        world.article(A, published_at=now - timedelta(days=3), licences=(Licence(name="l1"),)),
        world.article(
            B,
            published_at=now - timedelta(days=2),
            source=Source(key="s2", name="Weekly"),
            licences=(Licence(name="l1"), Licence(name="l2")),
            topics=(Topic(name="Markets"), Topic(name="Energy", group="Business")),
            word_count=40,
        ),
        world.article(
            C, published_at=now - timedelta(days=1), language="de", topics=(), licences=(), word_count=None
        ),
    )


async def items(http: httpx.AsyncClient, path: str) -> list[dict[str, Any]]:
    answer = await http.get(f"/analytics/{path}")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["next_cursor"] is None) == ("limit=" not in path)
    found: list[dict[str, Any]] = body["items"]
    return found


async def test_topics_sources_and_days_are_counted(world: World, http: httpx.AsyncClient) -> None:
    await filled(world)
    assert await items(http, "topics") == [
        {"topic": "Markets", "group": "Business", "articles": 2, "words": 140},
        {"topic": "Energy", "group": "Business", "articles": 1, "words": 40},
    ]
    assert await items(http, "sources") == [
        {"source": "s1", "name": "The Daily", "articles": 2, "words": 100},
        {"source": "s2", "name": "Weekly", "articles": 1, "words": 40},
    ]
    assert await items(http, "timeline") == [
        {"start": "2026-02-28T00:00:00Z", "articles": 1, "words": 0},
        {"start": "2026-02-27T00:00:00Z", "articles": 1, "words": 40},
        {"start": "2026-02-26T00:00:00Z", "articles": 1, "words": 100},
    ]


FILTERS: list[tuple[str, list[str]]] = [
    ("from=2026-02-27", ["2026-02-28", "2026-02-27"]),
    ("to=2026-02-27", ["2026-02-27", "2026-02-26"]),
    ("from=2026-02-27&to=2026-02-27", ["2026-02-27"]),
    ("language=de", ["2026-02-28"]),
    ("source=s2", ["2026-02-27"]),
    ("license=l1", ["2026-02-27", "2026-02-26"]),
    ("license=l2&language=en", ["2026-02-27"]),
    ("license=l2&language=de", []),
    ("limit=1", ["2026-02-28"]),
    ("language=EN", []),
]


async def test_every_filter_applies(world: World, http: httpx.AsyncClient) -> None:
    await filled(world)
    for query, days in FILTERS:
        assert [one["start"][:10] for one in await items(http, f"timeline?{query}")] == days, query


async def test_a_revoked_article_is_no_longer_counted(world: World, http: httpx.AsyncClient) -> None:
    await filled(world)
    await world.order(world.revocation(B))
    assert [one["topic"] for one in await items(http, "topics")] == ["Markets"]
    assert [one["source"] for one in await items(http, "sources")] == ["s1"]
    assert len(await items(http, "timeline")) == 2


WRONG = [
    ("from=yesterday", "from"),
    ("to=2026-02-30", "to"),
    ("from=2026-02-02&to=2026-02-01", "from"),
    ("limit=0", "limit"),
    ("limit=501", "limit"),
    ("language=", "language"),
    ("source=a%00b", "source"),
    (f"license={'x' * 501}", "license"),
]


async def test_an_invalid_query_is_rejected_with_its_field(http: httpx.AsyncClient) -> None:
    for what, (query, path) in product(("topics", "sources", "timeline"), WRONG):
        answer = await http.get(f"/analytics/{what}?{query}")
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
        assert [error["path"] for error in answer.json()["errors"]] == [path]


async def test_holdings_include_counted_articles_and_the_quarantine(
    world: World, http: httpx.AsyncClient
) -> None:
    await filled(world)
    await world.order(world.revocation(A))
    await world.withhold(B)
    bad = Bad(Poison("value_invalid"), "analytics", "articles.v1", subjects=("up:q",), value=b"x")
    async with world.db.transaction() as tx:
        await put(tx, world.service.outbox, [bad], world.clock.now())
    answer = await http.post("/analytics/holdings", json={"article_ids": [A, B, C, "up:q", "up:never"]})
    assert answer.json() == {
        "items": {A: "gone", B: "held", C: "held", "up:q": "held", "up:never": "gone"},
        "orders": {A: 1},
    }
    await world.db.execute("UPDATE facet SET revoked = true, order_no = 9 WHERE article_id = $1", C)
    answer = await http.post("/analytics/holdings", json={"article_ids": [C]})
    assert answer.json()["items"] == {C: "held"}, "the guard let a request through"


async def test_holdings_accept_1_to_500_ids(http: httpx.AsyncClient) -> None:
    for ids in ([], ["no id"], [f"up:{n}" for n in range(501)]):
        assert (await http.post("/analytics/holdings", json={"article_ids": ids})).status_code == 422


async def test_incidents_are_listed_and_closed_by_an_officer(world: World, http: httpx.AsyncClient) -> None:
    await filled(world)
    ids = await world.withhold(A, B)
    listed = (await http.get("/analytics/incidents?limit=1")).json()
    rest = (await http.get(f"/analytics/incidents?cursor={listed['next_cursor']}")).json()
    assert {one["id"] for one in listed["items"] + rest["items"]} == {str(one) for one in ids}
    assert (await http.get("/analytics/incidents?cursor=WyJhIiwiYiJd")).status_code == 422
    close = f"/analytics/incidents/{ids[0]}/close"
    assert (await http.post(close, json={"note": "looked"})).status_code == 401
    operator, officer = {"X-API-Key": "operator"}, {"X-API-Key": "officer"}
    assert (await http.post(close, json={"note": "looked"}, headers=operator)).status_code == 403
    closed = await http.post(close, json={"note": "looked"}, headers=officer)
    assert (closed.status_code, closed.json()["subject"]) == (200, A)
    assert (await http.post(close, json={"note": "looked"}, headers=officer)).status_code == 404
    assert await world.total() == 2


async def test_compliance_runs_are_saved_with_their_results(world: World, http: httpx.AsyncClient) -> None:
    now = world.clock.now()
    times: dict[str, Any] = {"started_at": now - timedelta(minutes=9), "ended_at": now}
    done = RunCompleted(run_id=uuid4(), noticed=3, closed=2, open=1, overdue=0, **times)
    failed = RunFailed(
        run_id=uuid4(), error="the provider failed", **(times | {"ended_at": world.ago(days=1)})
    )
    batch = world.received([done, failed, done])
    await on_runs(batch, world.service)
    await on_runs(batch, world.service)
    listed = (await http.get("/analytics/runs")).json()["items"]
    assert [(one["completed"], one["noticed"], one["open"]) for one in listed] == [
        (True, 3, 1),
        (False, None, None),
    ]


async def test_runs_are_paged(world: World, http: httpx.AsyncClient) -> None:
    def ended(days: int) -> RunCompleted:
        at = world.ago(days=days)
        return RunCompleted(
            run_id=uuid4(), started_at=at, ended_at=at, noticed=0, closed=0, open=0, overdue=0
        )

    runs = [ended(2), ended(1), ended(1), ended(1), ended(0)]
    await on_runs(world.received(runs), world.service)
    pages: list[list[str]] = []
    cursor = ""
    while not pages or cursor:
        body = (await http.get(f"/analytics/runs?limit=2{cursor}")).json()
        pages.append([one["run_id"] for one in body["items"]])
        cursor = f"&cursor={body['next_cursor']}" if body["next_cursor"] else ""
    assert [len(page) for page in pages] == [2, 2, 1]
    seen = [one for page in pages for one in page]
    newest = sorted(runs, key=lambda run: (run.ended_at, str(run.run_id)), reverse=True)
    assert seen == [str(run.run_id) for run in newest]
    assert (await http.get("/analytics/runs?limit=5")).json()["next_cursor"] is None
    assert (await http.get("/analytics/runs?cursor=eyJhIjoxfQ")).status_code == 422


async def test_queries_are_rejected_before_the_orders_are_applied(service: Service) -> None:
    async def not_yet() -> None:
        raise Transient("catching up", retry_after_s=1)

    transport = httpx.ASGITransport(
        app=application(SERVICE, replace(service, orders_applied=not_yet), Probes())
    )
    async with httpx.AsyncClient(transport=transport, base_url="http://analytics/api/v1") as http:
        for what in ("topics", "sources", "timeline"):
            answer = await http.get(f"/analytics/{what}")
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert (await http.post("/analytics/holdings", json={"article_ids": [A]})).status_code == 200


async def test_reads_need_a_key_if_configured(service: Service, settings: Settings) -> None:
    careful = replace(service, settings=settings.model_copy(update={"enable_auth": True}))
    transport = httpx.ASGITransport(app=application(SERVICE, careful, Probes()))
    async with httpx.AsyncClient(transport=transport, base_url="http://analytics/api/v1") as http:
        for path in (
            "/analytics/topics",
            "/analytics/incidents",
            "/cache/stats",
            "/analytics/health/detailed",
        ):
            assert (await http.get(path)).status_code == 401
            assert (await http.get(path, headers={"X-API-Key": "search"})).status_code in {200, 503}


async def test_jobs_dead_letters_and_health_have_the_common_paths(
    world: World, http: httpx.AsyncClient
) -> None:
    await filled(world)
    assert (await http.get("/analytics/jobs")).json()["items"] == []
    operator = {"X-API-Key": "operator"}
    assert (await http.get("/analytics/dlq", headers=operator)).json()["items"] == []
    detailed = (await http.get("/analytics/health/detailed")).json()
    assert detailed["articles"] == {"counted": 3, "withheld": 0, "revoked": 0}
    assert detailed["cache"] == {"enabled": False, "hit_rate": None}


async def test_without_a_cache_every_answer_is_computed_and_the_stats_show_it(
    world: World, http: httpx.AsyncClient
) -> None:
    await filled(world)
    assert len(await items(http, "topics")) == len(await items(http, "topics")) == 2
    stats = (await http.get("/cache/stats")).json()
    assert (stats["enabled"], stats["available"], stats["hits"], stats["keys"]) == (False, False, 0, None)
    assert (await http.post("/admin/cache/clear")).status_code == 401


async def test_a_truncated_list_has_a_cursor(world: World, http: httpx.AsyncClient) -> None:
    await filled(world)
    for path, key in (("topics", "topic"), ("sources", "source"), ("timeline", "start")):
        whole = [one[key] for one in await items(http, path)]
        first = (await http.get(f"/analytics/{path}?limit=1")).json()
        found, cursor = [one[key] for one in first["items"]], first["next_cursor"]
        while cursor:
            following = (await http.get(f"/analytics/{path}?limit=1&cursor={cursor}")).json()
            found += [one[key] for one in following["items"]]
            cursor = following["next_cursor"]
        assert (len(whole) > 1, found) == (True, whole), path
        assert (await http.get(f"/analytics/{path}?cursor=odd")).status_code == 422
