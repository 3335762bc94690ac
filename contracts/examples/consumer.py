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
from clawback_contracts.holder.v1 import Holding, HoldingsAnswer, HoldingsQuestion
from clawback_contracts.revocation.folding import ORDERS, AnyOrder, OrderHead, Status, keeps_copy, status_of
from clawback_contracts.revocation.receipts import addressed, receipt
from clawback_contracts.revocation.v1 import ArticleReinstated, ArticleRevoked, ArticleWithheld, Outcome
from clawback_contracts.signatures import Signer

log = logging.getLogger("consumer")
HOLDER, DATABASE = os.environ.get("HOLDER", "example"), os.environ.get("DATABASE", "consumer.sqlite")
KEY = os.environ.get("SIGNING_KEY_FILE")
SIGNER = Signer.of(Path(KEY)) if KEY else None
TABLE = "article (article_id TEXT PRIMARY KEY, last_order INT, status TEXT, version INT, content TEXT)"
LOOK = "SELECT last_order, status, version, content FROM article WHERE article_id = ?"
READ = "SELECT content FROM article WHERE article_id = ? AND status = 'live'"  # what readers may be shown
WRITE = "REPLACE INTO article VALUES (?, ?, ?, ?, ?)"


def hold(store: sqlite3.Connection, new: ArticlePublished, body: bytes) -> None:
    """Numbers decide, not arrival: takes a text that is newer than the orders and versions seen so far."""
    order, status, version, _ = store.execute(LOOK, (new.key,)).fetchone() or (0, "live", 0, None)
    newer = new.after_order == order and status == "live" and new.version > version
    if new.after_order > order or newer:
        store.execute(WRITE, (new.key, new.after_order, "live", new.version, body.decode()))


def obey(store: sqlite3.Connection, new: AnyOrder) -> Outcome:
    """Removes or hides what came before the order, whatever arrived first, and says what became of the copy."""
    order, status, version, held = store.execute(LOOK, (new.key,)).fetchone() or (0, "live", 0, None)
    if new.order > order or (new.order == order and isinstance(new, ArticleRevoked)):
        kept = held if keeps_copy(OrderHead(new.key, order, Status(status)), new) else None
        store.execute(WRITE, (new.key, new.order, status_of(new), version, kept))
    if new.order < order:
        return Outcome.SUPERSEDED
    match new:
        case ArticleReinstated():
            return Outcome.REINSTATED
        case ArticleWithheld():
            return Outcome.WITHHELD
        case ArticleRevoked():
            return Outcome.REMOVED if held else Outcome.ALREADY_REMOVED if version else Outcome.NEVER_HELD


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
                    outcome = obey(store, event)
                    if addressed(event, HOLDER):
                        said = receipt(event, HOLDER, {"content": outcome}, at=datetime.now(UTC))
                        answers.append(
                            cloudevents.write(
                                said, said.receipt_id, HOLDER, said.answered_at, record.headers, SIGNER
                            )
                        )
        await asyncio.gather(*[await producer.send(**answer) for answer in answers])
        with suppress(CommitFailedError, IllegalStateError):  # rebalanced away: the next owner folds it again
            await consumer.commit()


class Holdings(BaseHTTPRequestHandler):
    """``POST /holdings``: which of these ids are held? Answered from the content itself."""

    def do_POST(self) -> None:
        """Says of each id that it is held or gone; what is no such question gets a 422."""
        try:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            asked = HoldingsQuestion.model_validate_json(body).article_ids
        except ValueError:
            self.send_error(422)
            return
        with closing(sqlite3.connect(DATABASE)) as store:
            rows = {key: store.execute(LOOK, (key,)).fetchone() for key in asked}
        items = {key: Holding.HELD if row and row[3] else Holding.GONE for key, row in rows.items()}
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(HoldingsAnswer(items=items).model_dump_json().encode())


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
