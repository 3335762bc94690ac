"""A downstream consumer: holds licensed articles in SQLite, removes what is revoked, hides what is withheld."""

import asyncio
import logging
import os
import signal
import sqlite3
import ssl
from contextlib import closing, suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain
from pathlib import Path
from threading import Thread

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from aiokafka.helpers import create_ssl_context

from clawback_contracts import cloudevents
from clawback_contracts.article.v1 import ArticlePublished
from clawback_contracts.holder.answers import holdings, receipt_for
from clawback_contracts.holder.copies import CopyState, accepts, may_be_shown, with_order, with_version
from clawback_contracts.holder.v1 import HoldingsQuestion
from clawback_contracts.revocation.folding import ORDERS, AnyOrder, Status
from clawback_contracts.revocation.v1 import Outcome
from clawback_contracts.signatures import Signer

log = logging.getLogger("consumer")
HOLDER, DATABASE = os.environ.get("HOLDER", "example"), os.environ.get("DATABASE", "consumer.sqlite")
KEY = os.environ.get("SIGNING_KEY_FILE")
SIGNER = Signer.of(Path(KEY)) if KEY else None
TABLE = "article (article_id TEXT PRIMARY KEY, last_order INT, status TEXT, version INT, content TEXT)"
LOOK = "SELECT last_order, status, version, content FROM article WHERE article_id = ?"
WRITE = "REPLACE INTO article VALUES (?, ?, ?, ?, ?)"


def load(store: sqlite3.Connection, article_id: str) -> tuple[CopyState, str | None]:
    """The state of an article, and its content while it is held."""
    order, status, version, content = store.execute(LOOK, (article_id,)).fetchone() or (0, "live", 0, None)
    return CopyState(article_id, order, Status(status), version, held=content is not None), content


def save(store: sqlite3.Connection, state: CopyState, content: str | None) -> None:
    """Keeps the state for ever, and the content only while it is held."""
    store.execute(WRITE, (*state[:4], content if state.held else None))


def hold(store: sqlite3.Connection, new: ArticlePublished, body: bytes) -> None:
    """Stores a version that is newer than the orders and versions seen so far."""
    state, _ = load(store, new.key)
    if accepts(state, new):
        save(store, with_version(state, new), body.decode())


def apply_order(store: sqlite3.Connection, new: AnyOrder) -> Outcome:
    """Applies an order, and says what became of the copy."""
    state, content = load(store, new.key)
    after, outcome = with_order(state, new)
    save(store, after, content)
    return outcome


def shown(store: sqlite3.Connection, article_id: str) -> str | None:
    """What readers may be shown of an article."""
    state, content = load(store, article_id)
    article = content and ArticlePublished.model_validate_json(content)
    return content if article and may_be_shown(state, article, datetime.now(UTC)) else None


async def follow(consumer: AIOKafkaConsumer, producer: AIOKafkaProducer, store: sqlite3.Connection) -> None:
    """Orders first. Offsets move only after a batch is stored, and every order in it answered."""
    skipped = 0
    while True:
        orders = [partition for partition in consumer.assignment() if partition.topic == "revocations.v1"]
        batch = await consumer.getmany(*orders) or await consumer.getmany(timeout_ms=500, max_records=500)
        answers = []
        with store:  # one transaction
            for record in chain.from_iterable(batch.values()):
                try:
                    event = cloudevents.read(record.topic, record.headers, record.value)
                except cloudevents.Unreadable as error:
                    skipped += 1
                    log.warning("%d skipped, now %s at %d: %s", skipped, record.topic, record.offset, error)
                    continue
                if isinstance(event, ArticlePublished):
                    hold(store, event, record.value)
                elif isinstance(event, ORDERS):
                    outcomes, now = {"content": apply_order(store, event)}, datetime.now(UTC)
                    if answer := receipt_for(event, HOLDER, outcomes, now, record.headers, SIGNER):
                        answers.append(answer)
        await asyncio.gather(*[await producer.send(**answer) for answer in answers])
        with suppress(CommitFailedError, IllegalStateError):  # rebalanced away: the next owner folds it again
            await consumer.commit()


class Holdings(BaseHTTPRequestHandler):
    """``POST /holdings``: which of these ids are held? Answered from the content itself."""

    def do_POST(self) -> None:
        """Says of each id that it is held or gone; what is no such question gets a 422."""
        try:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            asked = HoldingsQuestion.model_validate_json(body)
        except ValueError:
            self.send_error(422)
            return
        with closing(sqlite3.connect(DATABASE)) as store:
            held = {article_id for article_id in asked.article_ids if load(store, article_id)[0].held}
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(holdings(asked, held).model_dump_json().encode())


def connection() -> dict[str, object]:
    """How Kafka is reached: with TLS and a user of one's own, where it is a Kafka of production."""
    known: dict[str, object] = {
        "bootstrap_servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"],
        "request_timeout_ms": 10_000,
    }
    if "KAFKA_SASL_USERNAME" not in os.environ:
        return known
    return known | {
        "security_protocol": "SASL_SSL",
        "ssl_context": create_ssl_context(cafile=os.environ.get("KAFKA_SSL_CAFILE")),
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": os.environ["KAFKA_SASL_USERNAME"],
        "sasl_plain_password": os.environ["KAFKA_SASL_PASSWORD"],
    }


def serve_holdings() -> None:
    """Answers compliance in a thread, over https where there is a certificate."""
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ["HOLDINGS_PORT"])), Holdings)
    if certificate := os.environ.get("HOLDINGS_CERTFILE"):
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(certificate, os.environ["HOLDINGS_KEYFILE"])
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    Thread(target=server.serve_forever, daemon=True).start()


async def run() -> None:
    """Follows both topics in one group; when Kafka is away, tries again."""
    store = sqlite3.connect(DATABASE)
    store.executescript(
        f"PRAGMA journal_mode = WAL; PRAGMA secure_delete = ON; CREATE TABLE IF NOT EXISTS {TABLE}"
    )
    serve_holdings()
    kafka = connection()
    group = {"group_id": os.environ["GROUP"], "heartbeat_interval_ms": 500, "session_timeout_ms": 6_000}
    start = {"auto_offset_reset": "earliest", "enable_auto_commit": False}
    while True:
        consumer = AIOKafkaConsumer("articles.v1", "revocations.v1", **kafka, **group, **start)
        try:
            async with AIOKafkaProducer(acks="all", **kafka) as producer, consumer:
                await follow(consumer, producer, store)
        except KafkaError as error:
            log.warning("Kafka: %r; trying again", error)
            await asyncio.sleep(1)


async def main() -> None:
    """Runs until SIGTERM."""
    running = asyncio.create_task(run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    with suppress(asyncio.CancelledError):
        await running


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    asyncio.run(main())
