"""RSS and Atom feeds as served by the simulator, with faults."""

import httpx
import pytest
from defusedxml import ElementTree

from clawback_simulator.client import SimulatorClient
from clawback_simulator.rss import FeedControl, Mode

ATOM = "{http://www.w3.org/2005/Atom}"
DELETED = "{http://purl.org/atompub/tombstones/1.0}deleted-entry"


@pytest.fixture
def feed(control: SimulatorClient) -> FeedControl:
    return control.rss("a")


@pytest.fixture
def http(transport: httpx.ASGITransport) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url="http://simulator/rss", transport=transport)


@pytest.mark.parametrize(("form", "entry"), [("atom", f"{ATOM}entry"), ("rss", "item")])
async def test_entries_are_listed_the_newest_first_and_deleted_ones_stay_as_such(
    feed: FeedControl, http: httpx.AsyncClient, form: str, entry: str
) -> None:
    await feed.set(format=form, window=3)
    ids = await feed.publish(4)
    await feed.delete(ids[3])
    answer = await http.get("/a")
    assert answer.headers["content-type"] == f"application/{form}+xml"
    root = ElementTree.fromstring(answer.content)
    assert len(list(root.iter(entry))) == 2
    assert [one.get("ref") for one in root.iter(DELETED)] == [ids[3]]
    assert ids[0] not in answer.text
    await feed.update(ids[0])
    assert ids[0] in (await http.get("/a")).text


async def test_an_unchanged_state_is_304_and_an_etag_overrides_a_time(
    feed: FeedControl, http: httpx.AsyncClient
) -> None:
    await feed.publish()
    first = (await http.get("/a")).headers
    known = {"If-None-Match": first["etag"], "If-Modified-Since": first["last-modified"]}
    assert (await http.get("/a", headers=known)).status_code == 304
    assert (await http.get("/a", headers={**known, "If-None-Match": '"x"'})).status_code == 200
    assert (await http.get("/a", headers={"If-Modified-Since": first["last-modified"]})).status_code == 304
    assert await feed.served() == [200, 304, 200, 304]


@pytest.mark.parametrize(
    ("mode", "status"),
    [
        ("truncated", 200),
        ("html", 200),
        ("empty", 200),
        ("entity_bomb", 200),
        ("error", 500),
        ("rate_limited", 429),
        ("gone", 410),
        ("redirect", 302),
    ],
)
async def test_the_requested_number_of_answers_fail_and_the_next_does_not(
    feed: FeedControl, http: httpx.AsyncClient, mode: Mode, status: int
) -> None:
    await feed.publish()
    sound = (await http.get("/a")).content
    await feed.fail(mode, times=2, retry_after_s=7)
    for _ in range(2):
        failed = await http.get("/a")
        assert (failed.status_code, failed.content == sound) == (status, False)
        assert ("retry-after" in failed.headers) == (status in {429, 500})
    assert (await http.get("/a")).content == sound


async def test_feeds_are_independent_and_a_reset_deletes_them(
    feed: FeedControl, http: httpx.AsyncClient, control: SimulatorClient
) -> None:
    (one,) = await feed.publish()
    assert one not in (await http.get("/b")).text
    await control.reset()
    assert one not in (await http.get("/a")).text


async def test_an_action_that_cannot_be_read_or_done_is_422(http: httpx.AsyncClient) -> None:
    for wrong in (b"{", b'{"action": "vanish"}', b'{"action": "delete", "ids": ["x"]}'):
        assert (await http.post("/a/control", content=wrong)).status_code == 422
