"""Providers: each is a package with a function ``feeds`` (`port.Sources`). No other code knows a provider by name."""

from collections.abc import Sequence
from importlib import import_module
from pkgutil import iter_modules
from typing import cast

from clawback_common.errors import Stop
from ingester.gateways.providers.port import Feed, ProviderContext, Sources
from ingester.settings import FeedSettings


def feeds_of(listed: Sequence[FeedSettings], context: ProviderContext) -> dict[str, Feed]:
    """Returns the feeds of these entries, by name.

    Raises:
        Stop: An entry names an unknown provider, or its provider refuses the entry.
    """
    return {feed.name: feed for entry in listed for feed in _provider(entry)(entry, context)}


def _provider(entry: FeedSettings) -> Sources:
    known = sorted(module.name for module in iter_modules(__path__) if module.ispkg)
    if entry.provider not in known:
        raise Stop(
            f"feed {entry.name}: the provider {entry.provider} is not supported; supported: "
            f"{', '.join(known)}"
        )
    return cast("Sources", import_module(f"{__name__}.{entry.provider}").feeds)
