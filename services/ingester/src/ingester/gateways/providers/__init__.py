"""Providers: each a package with a function ``feeds`` (`port.Sources`). Nothing else knows one by its name."""

from collections.abc import Sequence
from importlib import import_module
from pkgutil import iter_modules
from typing import cast

from clawback_common.errors import Stop
from ingester.gateways.providers.port import Feed, ProviderContext, Sources
from ingester.settings import FeedSettings


def feeds_of(listed: Sequence[FeedSettings], context: ProviderContext) -> dict[str, Feed]:
    """Every feed of these entries, by name.

    Raises:
        Stop: an entry names no provider that can be read, or one that refuses the entry.
    """
    return {feed.name: feed for entry in listed for feed in _provider(entry)(entry, context)}


def _provider(entry: FeedSettings) -> Sources:
    known = sorted(module.name for module in iter_modules(__path__) if module.ispkg)
    if entry.provider not in known:
        raise Stop(
            f"feed {entry.name}: no reader for the provider {entry.provider}; there is one for {', '.join(known)}"
        )
    return cast("Sources", import_module(f"{__name__}.{entry.provider}").feeds)
