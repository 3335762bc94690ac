"""Our own holders, and which of all HTTP may change: nobody takes our own copies out of takedowns."""

from collections.abc import Collection, Mapping

from clawback_contracts.holder.v1 import HolderKind, HolderRegistration

BROKERS = "kafka"
PUBLISHER = "ingester"
"""While it holds an article it may publish it, so the age of the last copy counts from when it does not."""

COPY_KINDS = dict.fromkeys(("ingester", "analytics"), ("content", "quarantine"))
"""The kinds of copies that each of our stores answers for."""
READING = {"analytics": "analytics"}
"""The group with which a store reads articles; the ingester reads none, it publishes them."""


def own_holders(
    stores: Collection[str], expiry_holders: Mapping[str, float], brokers_forget_after_h: float
) -> list[HolderRegistration]:
    """Our stores, and what forgets by itself.

    Args:
        stores: names of our stores.
        expiry_holders: hours after which each of these forgets.
        brokers_forget_after_h: hours after which content is off the brokers.
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
        forgets_after_h=brokers_forget_after_h,
    )
    aging = [
        HolderRegistration(
            name=name,
            kind=HolderKind.EXPIRY,
            purpose="copies that disappear by age, named in EXPIRY_HOLDERS",
            copy_kinds=("copy",),
            forgets_after_h=hours,
        )
        for name, hours in sorted(expiry_holders.items())
    ]
    return [*ours, brokers, *aging]


def fixed(name: str, kind: HolderKind, stores: Collection[str]) -> str | None:
    """Why HTTP may not change or remove this holder; None: it may.

    Args:
        name: the holder's.
        kind: as it is registered.
        stores: the names in ``STORES``.
    """
    if name in stores or kind is HolderKind.STORE:
        return "our own stores are registered by the worker from STORES"
    if name == BROKERS:
        return "the brokers are registered by the worker from KAFKA_FORGETS_AFTER_H"
    if kind is HolderKind.EXPIRY:
        return "copies that disappear by age are changed by the setting EXPIRY_HOLDERS alone"
    return None
