"""An upstream system over Kafka: ``upstream_kafka.py submit <article.json``, and ``upstream_kafka.py revoke ID``."""

import asyncio
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from aiokafka import AIOKafkaProducer
from aiokafka.helpers import create_ssl_context
from http_calls import ask, ended

from clawback_contracts import cloudevents
from clawback_contracts.article.v1 import ArticleSubmitted
from clawback_contracts.envelope import event_id
from clawback_contracts.revocation.v1 import Reason, RevocationNoticed
from clawback_contracts.signatures import Signer

NAME = os.environ["UPSTREAM"]
KEY = os.environ.get("SIGNING_KEY_FILE")
SIGNER = Signer.of(Path(KEY)) if KEY else None


def submission() -> tuple[cloudevents.Message, str]:
    """The article on standard input, and where to ask what became of it."""
    article = ArticleSubmitted.model_validate_json(sys.stdin.read())
    ce_id = event_id("submitted", article.article_id, article.source_order)
    message = cloudevents.write(article, ce_id, NAME, datetime.now(UTC), signer=SIGNER)
    message["topic"] = f"article-submissions.{NAME}.v1"  # which nobody else may write
    return message, f"{os.environ['INGESTER_URL']}/api/v1/submissions/{ce_id}"


def notice(article_id: str) -> tuple[cloudevents.Message, str]:
    """A notice on an article, and where to ask what became of it."""
    notice_id, now = event_id("noticed", NAME, article_id), datetime.now(UTC)
    noticed = RevocationNoticed(
        notice_id=notice_id, article_id=article_id, reason=Reason.LICENSOR, noticed_by=NAME, noticed_at=now
    )
    message = cloudevents.write(noticed, notice_id, NAME, now, signer=SIGNER)
    return message, f"{os.environ['COMPLIANCE_URL']}/api/v1/notices/{notice_id}"


async def send(message: cloudevents.Message) -> None:
    """Sends it; back when every replica has it."""
    secured: dict[str, object] = {}
    if user := os.environ.get("KAFKA_SASL_USERNAME"):
        secured = {
            "security_protocol": "SASL_SSL",
            "ssl_context": create_ssl_context(cafile=os.environ.get("KAFKA_SSL_CAFILE")),
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": user,
            "sasl_plain_password": os.environ["KAFKA_SASL_PASSWORD"],
        }
    servers = os.environ["KAFKA_BOOTSTRAP_SERVERS"]
    async with AIOKafkaProducer(bootstrap_servers=servers, acks="all", **secured) as producer:
        await producer.send_and_wait(**message)


message, url = notice(sys.argv[2]) if sys.argv[1] == "revoke" else submission()
asyncio.run(send(message))
answer = ask(url, os.environ["API_KEY"], ended)
sys.stdout.write(f"{json.dumps(answer)}\n")
sys.exit(answer["state"] == "refused")
