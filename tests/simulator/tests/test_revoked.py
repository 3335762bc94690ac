"""The log of revocations: its content, and every shape of its answer."""

from typing import Any

import pytest

from clawback_simulator.client import Refused, SimulatorClient


async def test_the_log_holds_all_kinds_mixed_and_ends(control: SimulatorClient, reader: Any) -> None:
    await control.publish(50)
    first = await control.revoke(count=10, unknown=3, reserved=2)
    again = await control.revoke(repeat=4)
    body = await reader.json("revokedArticles", sequence_id=0)
    ids = [entry["id"] for entry in body["revokedArticles"]]
    assert set(ids[:15]) == first.all_ids
    assert ids[:15] != [*first.ids, *first.unknown, *first.reserved]
    assert ids[15:] == [one for one in ids[15:] if one in again.repeated]
    assert len(ids) == 19
    assert all(set(entry) == {"id", "sequenceId"} for entry in body["revokedArticles"])
    rest = await reader.json("revokedArticles", sequence_id=body["revokedArticles"][-1]["sequenceId"])
    assert rest["revokedArticles"] == []


@pytest.mark.parametrize("style", ["number", "opaque"])
async def test_cursors_of_both_styles_page_through_the_log(
    control: SimulatorClient, reader: Any, style: str
) -> None:
    await control.set(revoked_cursor_style=style)
    revoked = await control.revoke(unknown=25)
    cursor, ids = "0", list[str]()
    while page := (await reader.json("revokedArticles", sequence_id=cursor, limit=10))["revokedArticles"]:
        ids += [entry["id"] for entry in page]
        cursor = page[-1]["sequenceId"]
    assert sorted(ids) == sorted(revoked.unknown)
    assert cursor.isdigit() == (style == "number")


async def test_numbers_begin_in_their_years_range(control: SimulatorClient, reader: Any) -> None:
    await control.script({"action": "set_clock", "at": "2024-12-31T23:59:59Z", "frozen": True})
    await control.revoke(unknown=1)
    await control.advance_clock(seconds=2)
    later = await control.revoke(unknown=1)
    numbers = [int(e["sequenceId"]) for e in (await reader.json("revokedArticles"))["revokedArticles"]]
    assert numbers[0] - 444_444_444 in range(1, 6)
    assert numbers[1] - 555_555_555 in range(1, 6)
    jumped = await reader.json("revokedArticles", sequence_id="555555555")
    assert [e["id"] for e in jumped["revokedArticles"]] == later.unknown


async def test_the_cursors_name_can_be_either(control: SimulatorClient, reader: Any) -> None:
    await control.set(revoked_cursor_name="sequenceId")
    assert await reader.code("revokedArticles", sequence_id=0) == "1022"
    assert await reader.code("revokedArticles", sequenceId=0) is None
    await control.set(revoked_cursor_name="either")
    assert await reader.code("revokedArticles", sequence_id=0) is None


@pytest.mark.parametrize("name", ["revokedArticles", "articles"])
async def test_the_list_has_either_name_in_both_forms(
    control: SimulatorClient, reader: Any, name: str
) -> None:
    await control.set(revoked_shape=name)
    revoked = await control.revoke(unknown=2)
    body = await reader.json("revokedArticles")
    assert {entry["id"] for entry in body[name]} == set(revoked.unknown)
    root = await reader.xml("revokedArticles")
    assert {one.text for one in root.findall(f"{name}/article/id")} == set(revoked.unknown)


@pytest.mark.parametrize(
    ("place", "top", "inside"), [("element", False, True), ("top", True, False), ("both", True, True)]
)
async def test_the_next_cursor_is_at_the_top_or_in_the_elements(
    control: SimulatorClient, reader: Any, place: str, *, top: bool, inside: bool
) -> None:
    await control.set(revoked_next=place)
    revoked = await control.revoke(unknown=2)
    body = await reader.json("revokedArticles")
    assert (body.get("sequenceId") == revoked.last_sequence) is top
    assert all(("sequenceId" in entry) is inside for entry in body["revokedArticles"])
    root = await reader.xml("revokedArticles")
    assert (root.findtext("sequenceId") == revoked.last_sequence) is top


@pytest.mark.parametrize("shape", ["missing", "renamed", "text", "ids"])
async def test_a_malformed_answer_has_no_list_of_entries(
    control: SimulatorClient, reader: Any, shape: str
) -> None:
    await control.set(revoked_shape=shape)
    await control.revoke(unknown=2)
    body = await reader.json("revokedArticles")
    assert body["status"] == "SUCCESS"
    listed = body.get("revokedArticles", body.get("articles"))
    assert not isinstance(listed, list) or not any(isinstance(entry, dict) for entry in listed)
    assert (await reader.xml("revokedArticles")).find(".//article/id") is None


async def test_the_providers_own_time_is_sent_only_when_requested(
    control: SimulatorClient, reader: Any
) -> None:
    await control.script({"action": "set_clock", "at": "2026-11-02T00:00:00Z", "frozen": True})
    await control.revoke(unknown=1)
    await control.revoke(unknown=1, timestamp=True)
    await control.revoke(unknown=1, ago_s=86_400)
    entries = (await reader.json("revokedArticles"))["revokedArticles"]
    times = [entry.get("revokedDate") for entry in entries]
    assert times == [None, "2026-11-02T00:00:00Z", "2026-11-01T00:00:00Z"]


async def test_a_revoked_article_stays_on_the_feed_unless_withheld(
    control: SimulatorClient, reader: Any
) -> None:
    await control.publish(10)
    gone = (await control.revoke(count=3)).all_ids
    assert gone <= {one["id"] for one in await reader.walk()}
    await control.set(revoked_on_feed="withheld")
    assert gone.isdisjoint(one["id"] for one in await reader.walk())
    again = await control.redeliver(count=1)
    assert [one["id"] for one in await reader.walk()][-1:] == again.ids


async def test_a_reserved_article_is_revoked_first_and_arrives_afterwards(
    control: SimulatorClient, reader: Any
) -> None:
    revoked = await control.revoke(reserved=3)
    assert await reader.walk() == []
    published = await control.publish(reserved=True)
    assert published.ids == revoked.reserved
    assert {one["id"] for one in await reader.walk()} == set(revoked.reserved)
    truth = await control.truth()
    assert truth.gone_ids == set(revoked.reserved)
    assert truth.live_ids == set()


@pytest.mark.parametrize("text", ["same", "old", "new"])
async def test_a_revoked_article_is_redelivered_with_the_requested_text(
    control: SimulatorClient, reader: Any, text: str
) -> None:
    published = await control.publish(1, without_body=False)
    await control.update(ids=published.ids)
    await control.revoke(ids=published.ids)
    again = await control.redeliver(ids=published.ids, text=text)
    first, second, third = await reader.walk()
    assert {one["id"] for one in (first, second, third)} == set(published.ids)
    assert third["sequenceId"] == again.first_sequence
    texts = {"same": second["content"], "old": first["content"]}
    assert (third["content"] == texts[text]) if text in texts else third["content"] not in texts.values()
    assert second["updateDate"]
    truth = await control.truth()
    assert [(one.id, one.text) for one in truth.redelivered] == [(published.ids[0], text)]
    assert truth.articles[0].versions == [1, 2, {"same": 2, "old": 1, "new": 3}[text]]


async def test_an_impossible_revocation_or_redelivery_is_refused_and_changes_nothing(
    control: SimulatorClient,
) -> None:
    published = await control.publish(2)
    for action in (
        {"action": "revoke", "count": 3},
        {"action": "revoke", "count": 1, "repeat": 1, "unknown": 5},
        {"action": "redeliver", "ids": published.ids},
        {"action": "update", "ids": ["1"]},
        {"action": "publish", "ids": ["1"]},
        {"action": "corrupt", "ids": ["1"], "mode": None},
        {"action": "set", "settings": {"pause": 1}},
    ):
        with pytest.raises(Refused):
            await control.script(action)
    truth = await control.truth()
    assert (truth.revoked, truth.unknown, truth.redelivered) == ([], [], [])


async def test_only_what_was_served_can_be_chosen(control: SimulatorClient, reader: Any) -> None:
    published = await control.publish(10)
    await reader.json("articles", sequence_id=0, limit=4)
    revoked = await control.revoke(share=1.0, served_only=True)
    assert sorted(revoked.ids) == sorted(published.ids[:4])
