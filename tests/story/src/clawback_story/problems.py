"""What is wrong, in words."""

from collections.abc import Collection, Iterable

SHOWN = 3

Problems = list[str]


def some(ids: Iterable[str]) -> str:
    """The first few, and how many there are."""
    listed = sorted(ids)
    more = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
    return ", ".join(listed[:SHOWN]) + more


def missing(what: str, ids: Collection[str]) -> Problems:
    """One line about these; none when there are none."""
    return [f"{what}: {some(ids)}"] if ids else []
