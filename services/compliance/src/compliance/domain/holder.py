"""Which holders HTTP may change: a takedown reaches what is registered, so nobody takes our own copies out of it."""

from collections.abc import Collection

from clawback_contracts.holder.v1 import HolderKind

BROKERS = "kafka"
PUBLISHER = "ingester"
"""While it holds an article it may publish it, so the age of the last copy counts from when it does not."""


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
