"""Named queries: SQL is in a ``.sql`` file next to the module that uses it, and can be pasted into psql.

A query starts at ``-- name: take`` and ends at the next name. Comments between the name and the SQL explain it.
"""

import re
from collections.abc import Iterator, Mapping
from importlib.resources import files

from typing_extensions import override

_NAME = re.compile(r"^-- name: *(\w+) *$", re.MULTILINE)


class Queries(Mapping[str, str]):
    """The queries of one file, by name; an unknown name raises `KeyError`."""

    def __init__(self, origin: str, by_name: dict[str, str]) -> None:
        self._origin = origin
        self._by_name = by_name

    @classmethod
    def load(cls, package: str, noun: str) -> "Queries":
        """Read ``<noun>.sql`` of the package."""
        text = files(package).joinpath(f"{noun}.sql").read_text(encoding="utf-8")
        parts = _NAME.split(text)[1:]
        return cls(f"{package}/{noun}.sql", dict(zip(parts[::2], map(str.strip, parts[1::2]), strict=True)))

    @override
    def __getitem__(self, name: str) -> str:
        try:
            return self._by_name[name]
        except KeyError:
            raise KeyError(f"no query {name!r} in {self._origin}") from None

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    @override
    def __len__(self) -> int:
        return len(self._by_name)
