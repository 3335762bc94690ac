"""The downstream consumer of the README: how it applies orders, answers them, and commits."""

import importlib.util
import json
import sqlite3
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from http.server import ThreadingHTTPServer
from itertools import count
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from clawback_contracts import cloudevents
from clawback_contracts.article.v1 import ArticlePublished, Source
from clawback_contracts.envelope import Event
from clawback_contracts.revocation.v1 import (
    ArticleReinstated,
    ArticleRemoved,
    ArticleRevoked,
    ArticleWithheld,
    Reason,
)
from clawback_contracts.signatures import HEADER, Signature, Signer, signed_bytes
from contracts.generator.files import CONTRACTS

FILE = CONTRACTS / "examples" / "consumer.py"
NOW = datetime(2026, 3, 2, 9, 15, tzinfo=UTC)
ID = "metabase:1"


def the_consumer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("example_consumer", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


consumer = the_consumer()


def published(version: int = 1, after_order: int = 0, article_id: str = ID) -> ArticlePublished:
    return ArticlePublished(
        article_id=article_id,
        published_at=NOW,
        title=f"Title {version}",
        source=Source(key="s"),
        version=version,
        after_order=after_order,
        source_order=version,
        retention_date=NOW,
        received_at=NOW,
    )


def revoked(order: int = 1, article_id: str = ID) -> ArticleRevoked:
    return ArticleRevoked(
        article_id=article_id,
        order=order,
        previous_order=order - 1,
        revocation_id=uuid4(),
        reason=Reason.LICENSOR,
        clock_started_at=NOW,
        due_at=NOW,
        ordered_at=NOW,
    )


def reinstated(order: int = 2, article_id: str = ID) -> ArticleReinstated:
    return ArticleReinstated(
        article_id=article_id,
        order=order,
        previous_order=order - 1,
        revocation_id=uuid4(),
        ordered_at=NOW,
    )


def withheld(order: int = 1) -> ArticleWithheld:
    return ArticleWithheld(
        article_id=ID,
        order=order,
        previous_order=order - 1,
        revocation_id=uuid4(),
        reason=Reason.MANUAL,
        ordered_at=NOW,
    )


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[sqlite3.Connection]:
    monkeypatch.setattr(consumer, "DATABASE", str(tmp_path / "store.sqlite"))
    with closing(an_empty_store(consumer.DATABASE)) as made:
        yield made


def an_empty_store(path: str = ":memory:") -> sqlite3.Connection:
    made = sqlite3.connect(path)
    made.execute(f"CREATE TABLE {consumer.TABLE}")
    return made


def fold(store: sqlite3.Connection, *events: Event) -> list[str]:
    """The answers to the orders among them."""
    answers = []
    for event in events:
        if isinstance(event, ArticlePublished):
            consumer.hold(store, event, event.model_dump_json().encode())
        else:
            answers.append(consumer.apply_order(store, event).value)
    return answers


def held_version(store: sqlite3.Connection) -> int | None:
    row = store.execute("SELECT content FROM article WHERE article_id = ?", (ID,)).fetchone()
    return json.loads(row[0])["version"] if row and row[0] else None


def readable(store: sqlite3.Connection) -> bool:
    return consumer.shown(store, ID) is not None


def test_the_readme_shows_the_very_file_that_runs() -> None:
    readme = (CONTRACTS / "README.md").read_text(encoding="utf-8")
    shown = readme.split("```python\n", 1)[1].split("```", 1)[0]
    assert shown == FILE.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("events", "answers", "version"),
    [
        pytest.param([published(1)], [], 1, id="an article is held"),
        pytest.param([published(2), published(1)], [], 2, id="an older version stays out"),
        pytest.param([published(1), revoked(1)], ["removed"], None, id="an order removes"),
        pytest.param(
            [published(1), revoked(1), revoked(1)],
            ["removed", "already_removed"],
            None,
            id="a repeated order is answered again",
        ),
        pytest.param(
            [revoked(1), revoked(1)], ["never_held"] * 2, None, id="an unknown article is never held"
        ),
        pytest.param(
            [revoked(1), published(1)], ["never_held"], None, id="an article after its order stays out"
        ),
        pytest.param(
            [revoked(1), published(9)], ["never_held"], None, id="a newer version does not lift an order"
        ),
        pytest.param(
            [published(1), revoked(1), reinstated(2), published(1)],
            ["removed", "reinstated"],
            None,
            id="an old text after a reinstatement stays out",
        ),
        pytest.param(
            [published(1), revoked(1), reinstated(2), published(2, after_order=2)],
            ["removed", "reinstated"],
            2,
            id="a text published after a reinstatement is held",
        ),
        pytest.param(
            [published(1), revoked(1), published(2, after_order=2), reinstated(2), revoked(1)],
            ["removed", "reinstated", "superseded"],
            2,
            id="a text that overtakes the reinstatement is held",
        ),
        pytest.param(
            [reinstated(2), revoked(1)], ["reinstated", "superseded"], None, id="an old order is superseded"
        ),
        pytest.param(
            [published(1), reinstated(2), revoked(1)],
            ["reinstated", "superseded"],
            None,
            id="a reinstatement removes what its revocation would have",
        ),
        pytest.param([reinstated(2), reinstated(2)], ["reinstated"] * 2, None, id="a repeated reinstatement"),
        pytest.param(
            [published(1, after_order=1), revoked(1)],
            ["removed"],
            None,
            id="an order of the same number removes",
        ),
        pytest.param(
            [revoked(1), published(9, after_order=1)],
            ["never_held"],
            None,
            id="a text that knows of the order stays out",
        ),
    ],
)
def test_the_greater_number_wins(
    store: sqlite3.Connection, events: list[Event], answers: list[str], version: int | None
) -> None:
    assert fold(store, *events) == answers
    assert held_version(store) == version


@pytest.mark.parametrize(
    ("events", "answers", "version", "shown"),
    [
        pytest.param([published(1), withheld(1)], ["withheld"], 1, False, id="kept and hidden"),
        pytest.param([withheld(1)], ["withheld"], None, False, id="withheld before it came"),
        pytest.param(
            [withheld(1), published(1)], ["withheld"], None, False, id="an article after its order stays out"
        ),
        pytest.param(
            [published(1), withheld(1), reinstated(2)],
            ["withheld", "reinstated"],
            1,
            True,
            id="a reinstatement that follows shows it again",
        ),
        pytest.param(
            [published(1), withheld(1), revoked(2)],
            ["withheld", "removed"],
            None,
            False,
            id="a revocation removes what was hidden",
        ),
        pytest.param(
            [published(1), withheld(1), revoked(2), reinstated(3)],
            ["withheld", "removed", "reinstated"],
            None,
            False,
            id="a reinstatement brings back nothing that was revoked",
        ),
        pytest.param(
            [published(1), withheld(3), reinstated(4)],
            ["withheld", "reinstated"],
            None,
            False,
            id="where an order is missing it may have been a revocation",
        ),
        pytest.param(
            [published(1), withheld(1), reinstated(2), withheld(1)],
            ["withheld", "reinstated", "superseded"],
            1,
            True,
            id="an old order hides nothing",
        ),
        pytest.param(
            [reinstated(2), withheld(1), published(2, after_order=2)],
            ["reinstated", "superseded"],
            2,
            True,
            id="it is published again",
        ),
    ],
)
def test_a_withheld_article_is_kept_and_not_shown(
    store: sqlite3.Connection, events: list[Event], answers: list[str], version: int | None, *, shown: bool
) -> None:
    assert fold(store, *events) == answers
    assert held_version(store) == version
    assert readable(store) == shown


HISTORY = [
    published(1),
    published(2),
    revoked(1),
    reinstated(2),
    published(3, after_order=2),
    revoked(3),
    reinstated(4),
    published(4, after_order=4),
    withheld(5),
    revoked(6),
    reinstated(7),
    published(5, after_order=7),
    published(6, after_order=7),
]


@given(st.integers(1, len(HISTORY)), st.data())
def test_any_order_of_arrival_with_repeats_has_the_same_result(length: int, data: st.DataObject) -> None:
    history = HISTORY[:length]
    arrivals = data.draw(st.permutations(history + data.draw(st.lists(st.sampled_from(history), max_size=5))))
    with closing(an_empty_store()) as straight, closing(an_empty_store()) as shuffled:
        fold(straight, *history)
        fold(shuffled, *arrivals)
        rows = "SELECT last_order, status, CASE status WHEN 'live' THEN content END FROM article"
        assert shuffled.execute(rows).fetchall() == straight.execute(rows).fetchall()


class Bus:
    """A consumer and a producer that remember the order in which they were used."""

    def __init__(
        self, *batches: dict[TopicPartition, list[Any]], confirms: bool = True, rebalanced: bool = False
    ) -> None:
        self.batches, self.confirms, self.rebalanced = list(batches), confirms, rebalanced
        self.sent: list[ArticleRemoved] = []
        self.headers: list[dict[str, bytes]] = []
        self.story: list[str] = []

    def assignment(self) -> set[TopicPartition]:
        """One partition of each topic."""
        return {TopicPartition("revocations.v1", 0), TopicPartition("articles.v1", 0)}

    async def getmany(self, *only: TopicPartition, **_: object) -> dict[TopicPartition, list[Any]]:
        """The next batch, or the next of these partitions; ``EOFError`` ends the test."""
        if only:
            urgent = [batch for batch in self.batches if set(batch) <= set(only)]
            if not urgent:
                return {}
            self.batches.remove(urgent[0])
            return urgent[0]
        if not self.batches:
            raise EOFError
        return self.batches.pop(0)

    async def send(self, topic: str, key: bytes, value: bytes, headers: list[tuple[str, bytes]]) -> Any:
        """Return a future, as a producer does."""
        receipt = cloudevents.read(topic, headers, value)
        assert isinstance(receipt, ArticleRemoved)
        assert key == receipt.key.encode()
        self.sent.append(receipt)
        self.headers.append(dict(headers))
        self.story.append("sent")
        return self.confirmed()

    async def confirmed(self) -> None:
        """The final response of Kafka."""
        if not self.confirms:
            raise ConnectionError
        self.story.append("confirmed")

    async def commit(self) -> None:
        """Record that the offsets moved."""
        self.story.append("committed")
        if self.rebalanced:
            raise CommitFailedError


def record(event: Event, offset: int = 0, **spoilt: Any) -> Any:
    message = cloudevents.write(event, uuid4(), "test", NOW, cause=[("traceparent", b"00-1-2-01")])
    return SimpleNamespace(**{**message, "partition": 0, "offset": offset, **spoilt})


def batch(*records: Any) -> dict[TopicPartition, list[Any]]:
    return {TopicPartition(records[0].topic, 0): list(records)}


async def follow(bus: Bus, store: sqlite3.Connection) -> None:
    with pytest.raises(EOFError):
        await consumer.follow(bus, bus, store)


async def test_offsets_move_after_every_answer_is_confirmed(store: sqlite3.Connection) -> None:
    bus = Bus(batch(record(revoked(1)), record(revoked(1))))
    await follow(bus, store)
    assert bus.story == ["sent", "sent", "confirmed", "confirmed", "committed"]
    assert bus.sent[0].holder == consumer.HOLDER
    assert bus.sent[0].receipt_id == bus.sent[1].receipt_id


async def test_its_answers_are_signed_where_it_has_a_key(
    store: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus = Bus(batch(record(revoked(1))))
    await follow(bus, store)
    assert HEADER not in bus.headers[0]
    monkeypatch.setattr(consumer, "SIGNER", Signer(Ed25519PrivateKey.generate()))
    bus = Bus(batch(record(revoked(1))))
    await follow(bus, store)
    signature, (answer,) = Signature.read(bus.headers[0][HEADER].decode()), bus.sent
    signed = signed_bytes(str(answer.receipt_id), answer.TYPE, answer.key, answer.model_dump_json().encode())
    assert signature is not None
    assert signature.fits(consumer.SIGNER.public_key, signed)


async def test_an_order_for_other_holders_is_applied_without_a_receipt(store: sqlite3.Connection) -> None:
    elsewhere = revoked(1).model_copy(update={"holders": ("somebody-else",)})
    ours = revoked(1).model_copy(update={"holders": ("somebody-else", consumer.HOLDER), "attempt": 2})
    bus = Bus(batch(record(published(1))), batch(record(elsewhere)))
    await follow(bus, store)
    assert (bus.sent, held_version(store)) == ([], None)
    bus = Bus(batch(record(ours)))
    await follow(bus, store)
    assert [one.attempt for one in bus.sent] == [2]


async def test_offsets_stay_when_an_answer_is_not_confirmed(store: sqlite3.Connection) -> None:
    bus = Bus(batch(record(revoked(1))), confirms=False)
    with pytest.raises(ConnectionError):
        await consumer.follow(bus, bus, store)
    assert "committed" not in bus.story


async def test_orders_go_before_articles_that_wait(store: sqlite3.Connection) -> None:
    bus = Bus(batch(record(published(1))), batch(record(revoked(1))))
    await follow(bus, store)
    assert [receipt.removals[0].outcome.value for receipt in bus.sent] == ["never_held"]
    assert held_version(store) is None


async def test_garbage_is_skipped_and_counted_and_other_records_are_processed(
    store: sqlite3.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    offsets = count(1)
    ways: list[dict[str, Any]] = [
        {"value": None},
        {"value": b"<html>the council voted</html>"},
        {"headers": []},
        {"headers": [("ce_type", b"\xff")]},
        {"headers": [("ce_type", None)]},
        {"headers": [("ce_type", b"clawback.article.published.v2")]},
    ]
    garbage = [record(published(1), next(offsets), **spoilt) for spoilt in ways]
    bus = Bus(batch(record(published(1)), *garbage, record(published(2), next(offsets))))
    await follow(bus, store)
    assert held_version(store) == 2
    assert bus.story == ["committed"]
    assert [line.split(":")[0] for line in caplog.messages] == [
        f"{n} skipped, now articles.v1 at {n}" for n in range(1, 7)
    ]
    assert "council" not in caplog.text


async def test_an_order_on_the_articles_topic_is_ignored(store: sqlite3.Connection) -> None:
    bus = Bus(batch(record(published(1))), batch(record(revoked(1), topic="articles.v1")))
    await follow(bus, store)
    assert held_version(store) == 1
    assert not bus.sent


async def test_a_batch_lost_to_a_rebalance_is_no_error(store: sqlite3.Connection) -> None:
    bus = Bus(batch(record(published(1))), batch(record(published(2))), rebalanced=True)
    await follow(bus, store)
    assert held_version(store) == 2


async def test_an_answered_order_is_on_disk_and_in_its_trace(store: sqlite3.Connection) -> None:
    traces: list[str | None] = []

    class Watching(Bus):
        @override
        async def send(self, topic: str, key: bytes, value: bytes, headers: list[tuple[str, bytes]]) -> Any:
            with closing(sqlite3.connect(consumer.DATABASE)) as other:
                assert other.execute("SELECT status, content FROM article").fetchall() == [("revoked", None)]
            traces.append(cloudevents.attribute(headers, "traceparent"))
            return await super().send(topic, key, value, headers)

    await follow(Watching(batch(record(revoked(1)))), store)
    assert traces == ["00-1-2-01"]


@pytest.fixture
def holdings(store: sqlite3.Connection) -> Iterator[str]:
    fold(store, published(1), revoked(1, "metabase:2"), published(1, article_id="metabase:3"))
    fold(store, reinstated(2, "metabase:5"))
    store.commit()
    server = ThreadingHTTPServer(("127.0.0.1", 0), consumer.Holdings)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/holdings"
    server.shutdown()
    server.server_close()
    thread.join()


def post(url: str, body: bytes) -> Any:
    with urllib.request.urlopen(urllib.request.Request(url, data=body), timeout=5) as answer:  # noqa: S310  # our own server
        return json.load(answer)


def test_holdings_are_answered_from_the_content(holdings: str) -> None:
    gone = dict.fromkeys(["metabase:2", "metabase:4", "metabase:5"], "gone")
    held = dict.fromkeys([ID, "metabase:3"], "held")
    body = json.dumps({"article_ids": [*gone, *held]}).encode()
    assert post(holdings, body)["items"] == gone | held


@pytest.mark.parametrize("body", [b"", b"x", b"{}", b'{"article_ids": []}', b'{"article_ids": ["a b"]}'])
def test_an_invalid_holdings_query_is_refused(holdings: str, body: bytes) -> None:
    with pytest.raises(urllib.error.HTTPError, match="422"):
        post(holdings, body)


def test_the_consumer_needs_nothing_but_aiokafka_and_the_contracts() -> None:
    program = f"import runpy, sys; runpy.run_path({str(FILE)!r}); print(*sorted(sys.modules))"
    imported = subprocess.check_output([sys.executable, "-c", program], text=True).split()  # noqa: S603  # our own
    ours = {name.split(".")[0] for name in imported} & {"clawback_common", "faststream", "fastapi", "uvicorn"}
    assert not ours
