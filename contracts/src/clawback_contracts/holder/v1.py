"""Holders, version 1: what a downstream system declares when it registers."""

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, AnyHttpUrl, Field

from clawback_contracts.envelope import ArticleId, Order, Value
from clawback_contracts.signatures import KeyId, PublicKey

FORGETS_AFTER_H_MAX = 87_600.0
"""Ten years. A store that expires by age keeps no copy longer, and larger times are outside the calendar."""


class HolderKind(StrEnum):
    """How the removal of a holder's copy is verified."""

    STORE = "store"
    """One of our stores: it sends receipts, and its holdings are queried."""
    CONSUMER = "consumer"
    """A downstream system: it sends receipts."""
    EXPIRY = "expiry"
    """Deletes by age, as Kafka and backups do; closed when that time has passed."""


def _without_credentials(url: AnyHttpUrl) -> AnyHttpUrl:
    if url.username or url.password:
        raise ValueError("the address contains credentials, which every reader of holders would see")
    return url


HoldingsUrl = Annotated[AnyHttpUrl, AfterValidator(_without_credentials)]


class HolderFilter(Value):
    """The articles that the holder declares to receive; empty means all.

    It is recorded and shown to officers, as is the purpose. It does not affect orders: each order goes to every holder,
    and an order on an article that was not received is answered with ``never_held``.
    """

    languages: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    licences: tuple[str, ...] = ()


class HolderRegistration(Value):
    """A holder by name, with the consumer group with which it reads ``articles.v1``."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$")
    kind: HolderKind = HolderKind.CONSUMER
    group: str | None = Field(None, min_length=1, max_length=249)
    purpose: str = Field(min_length=1, max_length=500)
    filter: HolderFilter = HolderFilter()
    copy_kinds: tuple[str, ...] = Field(min_length=1)
    """The kinds of copies it makes, such as ``content``, ``index``, ``cache``; a receipt has an outcome for each."""
    holdings_url: HoldingsUrl | None = None
    """Where it answers which ids it holds: within 10 s, with at most 64 KiB, without content encoding or redirect. In
    production an HTTPS address that is public, or in a network that the operator allows."""
    contact: str | None = Field(None, max_length=200)
    content_retention_h: float | None = Field(None, gt=0, le=FORGETS_AFTER_H_MAX)
    """Kind expiry: hours after which a copy is deleted by itself."""
    signing_keys: dict[KeyId, PublicKey] = Field(default_factory=dict, max_length=10)
    """Kind consumer: the public keys (Ed25519, base64) with which it signs its receipts on Kafka, by key id. A receipt
    without a signature by one of them closes nothing."""


class HoldingsQuestion(Value):
    """A query whether these ids are held, to a store, or to a consumer at its ``holdings_url``."""

    article_ids: tuple[ArticleId, ...] = Field(min_length=1, max_length=500)


class Holding(StrEnum):
    """The answer for one id; unknown counts as held."""

    HELD = "held"
    GONE = "gone"
    UNKNOWN = "unknown"


class HoldingsAnswer(Value):
    """The answer to a holdings query, read from the content and the caches themselves, never from the guard."""

    items: dict[str, Holding]
    orders: dict[str, Order] | None = None
    """Our own stores only: the number of the last order applied to each id, from the row that guards it. Ids without
    an order are left out."""
