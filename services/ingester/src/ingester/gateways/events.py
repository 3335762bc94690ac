"""Creates the events that the ingester sends."""

from collections.abc import Iterable
from datetime import datetime

import orjson

from clawback_common.kafka.envelope import Message
from clawback_common.postgres.pool import Row
from clawback_contracts.article.v1 import ArticlePublished
from clawback_contracts.envelope import event_id
from clawback_contracts.revocation.v1 import RevocationNoticed


def published(row: Row, traceparent: str | None, at: datetime) -> Message:
    """Returns ArticlePublished, built from the stored document without parsing it."""
    article_id, version = row["article_id"], row["version"]
    head = orjson.dumps(
        {
            "version": version,
            "after_order": row["order_no"],
            "source_order": row["source_order"],
            "retention_date": row["retention_date"],
            "received_at": row["received_at"],
        }
    )
    value = head[:-1] + b"," + row["document"].encode()[1:]
    return Message(
        event_id("article", article_id, version, row["order_no"]),
        ArticlePublished.TOPIC,
        article_id,
        ArticlePublished.TYPE,
        value,
        at,
        traceparent,
    )


def notices(noticed: Iterable[RevocationNoticed], at: datetime, traceparent: str | None) -> list[Message]:
    """Returns RevocationNoticed, with the notice's id as event id however often it is sent."""
    return [Message.of(n, n.notice_id, at=at, traceparent=traceparent) for n in noticed]


def notice_of(row: Row) -> RevocationNoticed:
    """Returns the notice in a stored row."""
    return RevocationNoticed.model_validate({**row, "noticed_by": row["feed"]})
