"""The holders that the worker registers itself, and which holders HTTP may change.

Nobody can exclude our own copies from takedowns over HTTP.
"""

from collections.abc import Collection, Mapping

from clawback_contracts.holder.v1 import HolderKind, HolderRegistration

BROKERS = "kafka"
PUBLISHER = "ingester"
"""While it holds an article it may publish it, so expiry by age starts when it no longer holds the article."""

COPY_KINDS = dict.fromkeys(("ingester", "analytics"), ("content", "quarantine"))
"""The kinds of copies that each of our stores answers for."""
READING = {"analytics": "analytics"}
"""The consumer group with which a store reads articles. The ingester reads none; it publishes them."""


def own_holders(
    stores: Collection[str], expiry_holders: Mapping[str, float], brokers_forget_after_h: float
) -> list[HolderRegistration]:
    """Returns the registrations of our stores, the brokers and the expiry holders.

    Args:
        stores: The names of our stores.
        expiry_holders: For each expiry holder, the hours after which it deletes a copy.
        brokers_forget_after_h: Hours after which content is deleted from the brokers.
    """
    ours = [
        HolderRegistration(
            name=name,
            kind=HolderKind.STORE,
            group=READING.get(name),
            purpose="one of our own stores",
            copy_kinds=COPY_KINDS.get(name, ("content",)),
        )
        for name in sorted(stores)
    ]
    brokers = HolderRegistration(
        name=BROKERS,
        kind=HolderKind.EXPIRY,
        purpose="the brokers that carry articles to their readers",
        copy_kinds=("log",),
        content_retention_h=brokers_forget_after_h,
    )
    aging = [
        HolderRegistration(
            name=name,
            kind=HolderKind.EXPIRY,
            purpose="copies that are deleted by age, named in EXPIRY_HOLDERS",
            copy_kinds=("copy",),
            content_retention_h=hours,
        )
        for name, hours in sorted(expiry_holders.items())
    ]
    return [*ours, brokers, *aging]


def fixed(name: str, kind: HolderKind, stores: Collection[str]) -> str | None:
    """Returns why HTTP must not change or remove this holder; None if it may.

    Args:
        name: The holder's name.
        kind: The kind with which it is registered.
        stores: The names in ``STORES``.
    """
    if name in stores or kind is HolderKind.STORE:
        return "our own stores are registered by the worker from STORES"
    if name == BROKERS:
        return "the brokers are registered by the worker from KAFKA_CONTENT_RETENTION_H"
    if kind is HolderKind.EXPIRY:
        return "copies that are deleted by age are changed only by the setting EXPIRY_HOLDERS"
    return None
