"""Holders, version 1: what a downstream system says when it registers."""

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, AnyHttpUrl, Field

from clawback_contracts.envelope import ArticleId, Order, Value
from clawback_contracts.signatures import KeyId, PublicKey

FORGETS_AFTER_H_MAX = 87_600.0
"""Ten years. Nothing that forgets by age keeps a copy for longer, and times beyond it cannot be reckoned with."""


class HolderKind(StrEnum):
    """How a holder's copy is known to be gone."""

    STORE = "store"
    """Ours: it answers by receipt, and is asked for its holdings besides."""
    CONSUMER = "consumer"
    """A downstream system: it answers by receipt."""
    EXPIRY = "expiry"
    """Forgets by age, as Kafka and backups do; closed when its time has passed."""


def _without_credentials(url: AnyHttpUrl) -> AnyHttpUrl:
    if url.username or url.password:
        raise ValueError("an address with credentials, which everybody who reads holders would see")
    return url


HoldingsUrl = Annotated[AnyHttpUrl, AfterValidator(_without_credentials)]


class HolderFilter(Value):
    """Which articles the holder declares to take; empty means all.

    It is recorded and shown to officers, as the purpose is. No order depends on it: each order goes to every holder,
    and one on an article that was not taken is answered with ``never_held``.
    """

    languages: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    licences: tuple[str, ...] = ()


class HolderRegistration(Value):
    """A holder by name, with the consumer group under which it reads ``articles.v1``."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$")
    kind: HolderKind = HolderKind.CONSUMER
    group: str | None = Field(None, min_length=1, max_length=249)
    purpose: str = Field(min_length=1, max_length=500)
    filter: HolderFilter = HolderFilter()
    copy_kinds: tuple[str, ...] = Field(min_length=1)
    """The kinds of copies it makes, such as ``content``, ``index``, ``cache``; a receipt answers for each."""
    holdings_url: HoldingsUrl | None = None
    """Where it answers whether ids are held: within 10 s, in at most 64 KiB, without content encoding or redirect. In
    production an https address that is public, or in a network that the operator allows."""
    contact: str | None = Field(None, max_length=200)
    forgets_after_h: float | None = Field(None, gt=0, le=FORGETS_AFTER_H_MAX)
    """Kind expiry: hours after which a copy is gone by itself."""
    signing_keys: dict[KeyId, PublicKey] = Field(default_factory=dict, max_length=10)
    """Kind consumer: the public keys (Ed25519, base64) with which it signs its receipts on Kafka, by key id. A receipt
    that none of them has signed closes nothing."""


class HoldingsQuestion(Value):
    """Are these ids held? Asked of a store, and of a consumer at its ``holdings_url``."""

    article_ids: tuple[ArticleId, ...] = Field(min_length=1, max_length=500)


class Holding(StrEnum):
    """The answer for one id; unknown counts as held."""

    HELD = "held"
    GONE = "gone"
    UNKNOWN = "unknown"


class HoldingsAnswer(Value):
    """Answered from the content and the caches themselves, never from the guard."""

    items: dict[str, Holding]
    orders: dict[str, Order] | None = None
    """Our own stores: the number of the last order that they applied to each id, from the row that guards it. An id
    without any is left out."""
