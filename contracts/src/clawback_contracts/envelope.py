"""The envelope: CloudEvents 1.0 in Kafka's binary binding, and the common parts of all events.

The attributes are Kafka headers (``ce_id``, ``ce_type``, …, ``traceparent``); the event is the JSON body.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, ClassVar
from uuid import UUID, uuid5

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

NAMESPACE = UUID("6d0a5c1e-6d0f-5b52-9f39-2c1f5a3c0d11")
"""Every event id is a uuid5 in this namespace."""


def _in_utc(instant: datetime) -> datetime:
    """Return the instant in UTC; reject one that UTC cannot represent, on the calendar's first or last day."""
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise ValueError("an instant outside the calendar") from None


ARTICLE_ID = r"^[a-z0-9-]{1,32}:[A-Za-z0-9._~-]{1,200}$"
"""provider:provider_article_id"""

_TYPE = re.compile(r"([a-z0-9.-]{1,200})\.v([1-9][0-9]{0,3})")

ArticleId = Annotated[str, Field(pattern=ARTICLE_ID, description="provider:provider_article_id")]
Instant = Annotated[
    AwareDatetime,
    AfterValidator(_in_utc),
    Field(description="an instant with its offset; our services write UTC"),
]
Int32 = Annotated[int, Field(ge=-(2**31), le=2**31 - 1)]
NUMBER_MAX = 2**53 - 1
"""The largest integer that every JSON parser represents exactly; none of our numbers is greater."""
Int53 = Annotated[int, Field(ge=-NUMBER_MAX, le=NUMBER_MAX)]
Attempt = Annotated[int, Field(ge=1, le=2**31 - 1)]
Count = Annotated[int, Field(ge=0, le=NUMBER_MAX)]
Order = Annotated[
    int, Field(ge=1, le=NUMBER_MAX, description="the number that compliance gave the order, per article")
]
OrderBefore = Annotated[
    int, Field(ge=0, le=NUMBER_MAX, description="the order before this one; 0: there is none")
]


def event_id(*cause: object) -> UUID:
    """Return the permanent id of an event: the same cause gives the same id."""
    return uuid5(NAMESPACE, "\x1f".join(str(part) for part in cause))


class Value(BaseModel):
    """A part of an event: frozen, and tolerant of optional fields that a later minor version adds."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        allow_inf_nan=False,
        ser_json_bytes="base64",
        use_attribute_docstrings=True,
    )


class Event(Value):
    """A fact or a request on a topic. Subclasses define the topic, the type and the key."""

    TYPE: ClassVar[str]
    TOPIC: ClassVar[str]
    KEY: ClassVar[str]
    """The field that is the Kafka key."""
    SENDER: ClassVar[str | None] = None
    """The field that contains the sender; a signature with another party's key is not valid."""

    @property
    def key(self) -> str:
        """The Kafka key, which is also ``ce_subject``."""
        return str(getattr(self, self.KEY))


def major(ce_type: str) -> tuple[str, int] | None:
    """Split ``clawback.revocation.revoked.v1`` into name and major version, or return None."""
    found = _TYPE.fullmatch(ce_type)
    return (found[1], int(found[2])) if found else None
