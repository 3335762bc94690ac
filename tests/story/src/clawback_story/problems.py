"""Problems as text."""

from collections.abc import Collection, Iterable

SHOWN = 3

Problems = list[str]


def some(ids: Iterable[str]) -> str:
    """Returns the first few, and how many there are."""
    listed = sorted(ids)
    more = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
    return ", ".join(listed[:SHOWN]) + more


def missing(what: str, ids: Collection[str]) -> Problems:
    """Returns one line about these; none if there are none."""
    return [f"{what}: {some(ids)}"] if ids else []
