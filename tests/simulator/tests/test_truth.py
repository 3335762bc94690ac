"""The truth must be exact, because all checks depend on it."""

from datetime import datetime, timedelta
from typing import Any

from clawback_simulator.client import SimulatorClient
from clawback_simulator.truth import Truth


async def test_the_truth_has_every_article_and_where_it_was_delivered(
    control: SimulatorClient, reader: Any
) -> None:
    await control.publish(20)
    held = await control.reserve(3)
    updated = await control.update(count=4)
    found = await reader.walk()
    truth = await control.truth()
    by_id: dict[str, list[str]] = {}
    for one in found:
        by_id.setdefault(one["id"], []).append(one["sequenceId"])
    assert {one.id: one.sequence_ids for one in truth.articles if one.state == "published"} == by_id
    assert [one.id for one in truth.articles if one.state == "reserved"] == held
    assert [one.id for one in truth.updated] == updated.ids
    assert truth.published_ids == truth.live_ids == set(by_id)


async def test_the_truth_has_every_revocation_in_order(control: SimulatorClient, reader: Any) -> None:
    await control.publish(30)
    first = await control.revoke(count=5, unknown=2, reserved=1, ago_s=3600)
    second = await control.revoke(repeat=3, ids=["123"])
    entries = (await reader.json("revokedArticles"))["revokedArticles"]
    truth = await control.truth()
    assert [(one.id, one.sequence) for one in truth.revocations] == [
        (e["id"], e["sequenceId"]) for e in entries
    ]
    assert truth.gone_ids == first.all_ids | {"123"}
    assert set(truth.unknown) == {*first.unknown, "123"}
    assert sorted(truth.repeated) == sorted(second.repeated)
    assert {one.provider_at is None for one in truth.revocations[:8]} == {False}
    assert len(truth.live_ids) == 25


async def test_the_truth_has_what_each_reader_received(control: SimulatorClient, reader: Any) -> None:
    published = await control.publish(10)
    revoked = await control.revoke(count=2)
    await reader.json("articles", key="a", sequence_id=0, limit=6)
    await reader.json("articles", key="a", sequence_id=0, limit=2)
    await reader.json("articles", key="b", sequence_id=published.last_sequence)
    await reader.json("revokedArticles", key="b")
    truth = await control.truth(served=True)
    assert truth.served is not None
    assert list(truth.served["a"]["articles"]) == published.ids[:6]
    assert [len(numbers) for numbers in truth.served["a"]["articles"].values()] == [2, 2, 1, 1, 1, 1]
    assert set(truth.served["b"]["revokedArticles"]) == set(revoked.ids)
    assert truth.served["b"]["articles"] == {}
    a, b, log = truth.consumers
    assert (a.key, a.calls, a.last_cursor, a.served, a.caught_up) == ("a", 2, "0", 8, False)
    assert (b.key, b.last_cursor, b.served, b.caught_up) == ("b", published.last_sequence, 0, True)
    assert (log.endpoint, log.next_cursor, log.served) == ("revokedArticles", revoked.last_sequence, 2)


async def test_a_damaged_answer_counts_as_not_served(control: SimulatorClient, reader: Any) -> None:
    await control.publish(5)
    for mode in ("truncated", "wrong_content_type", "html", "gzip_bomb"):
        await control.fail("articles", mode, bomb_bytes=1000)
        await reader.get("articles", sequence_id=0)
    truth = await control.truth(served=True)
    assert sum(one.served for one in truth.consumers) == 0
    assert truth.calls["articles"].ok == 0
    assert truth.calls["articles"].total == 4


async def test_every_canary_is_in_its_text_and_nowhere_else(control: SimulatorClient, reader: Any) -> None:
    await control.publish(300)
    await control.update(count=20)
    found = await reader.walk()
    truth = await control.truth(canaries=True)
    assert truth.canaries is not None
    versions = {
        number: at
        for one in truth.articles
        for number, at in zip(one.sequence_ids, one.versions, strict=True)
    }
    seen = set[str]()
    for one in found:
        marks = truth.canaries[one["id"]][versions[one["sequenceId"]]]
        places = {"title": one["title"], "body": one["content"], "author": one["author"].get("name", "")}
        assert {place for place, text in places.items() if "cnry-" in text} == set(marks)
        assert all(marks[place] in places[place] for place in marks)
        seen |= set(marks.values())
    assert seen == set(truth.tokens())
    assert len(seen) == sum(len(places) for facts in truth.canaries.values() for places in facts.values())


async def test_the_truth_has_the_facets_of_each_article(control: SimulatorClient, reader: Any) -> None:
    old = (await control.publish(1, dated_days_ago=3000)).ids[0]
    await control.publish(40)
    await control.update(count=5)
    last = {one["id"]: one for one in await reader.walk()}
    truth = await control.truth(facets=True)
    assert truth.facets is not None
    assert truth.facets.keys() == last.keys()
    for article_id, facts in truth.facets.items():
        one = last[article_id]
        assert facts.published == one["publishedDate"]
        assert facts.feed_id == one["source"]["feed"]["id"]
        assert facts.language_code == one["languageCode"]
        assert facts.topics == [topic["name"] for topic in one["topics"]]
        assert facts.licenses == [licence["name"] for licence in one["licenses"]]
        assert facts.author == one["author"].get("name", "")
        assert set(facts.companies) == {company["name"] for company in one["companies"]}
        assert set(facts.countries) == {
            place["country"]["isoCode"] for place in one["locations"] if place["country"]
        }
        assert len(facts.entities) <= len(one["semantics"]["entities"])
        assert facts.tags == one.get("tags", [])
        assert facts.sentiment == one["sentiment"].get("score", "")
    dated = {one.id: one.dated for one in truth.articles}
    apart = datetime.fromisoformat(last[old]["publishedDate"]) - datetime.fromisoformat(dated[old])
    assert abs(apart) < timedelta(minutes=11)  # the others: up to half a day


async def test_tokens_of_some_articles_can_be_requested(control: SimulatorClient) -> None:
    await control.publish(10)
    gone = (await control.revoke(count=2, unknown=1)).all_ids
    truth = await control.truth(canaries=True)
    assert set(truth.tokens(gone).values()) == gone - set(truth.unknown)


async def test_the_truth_has_its_documented_shape(control: SimulatorClient, reader: Any) -> None:
    await control.publish(2, embargo_s=60)
    raw = (await reader.http.get("/control/truth?served=1&canaries=1&facets=1")).json()
    assert set(raw) == set(Truth.model_fields)
    assert raw["articles"][0]["embargo_date"]
