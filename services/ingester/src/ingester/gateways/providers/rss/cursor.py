"""The cursor of a feed: the state of its document, so that an unchanged document is not processed again."""

import re
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, Self

import httpx

_WRITTEN: Final = re.compile(r"([0-9a-f]{16})\|([ -{}~]{0,40})\|([!-~]{0,142})")
"""At most 200 printable characters."""
_ETAG: Final = re.compile(r"[!-~]{1,142}")
_DATE: Final = re.compile(r"[ -{}~]{1,40}")


@dataclass(frozen=True, slots=True)
class Cursor:
    """A state of the document.

    Attributes:
        digest: Of its bytes: detects an unchanged document if the server sends no validators, or different ones each
            time.
        last_modified: As sent by the server; empty if missing.
        etag: As sent by the server; empty if missing or too long to store, because a part of it would be useless.
    """

    digest: str
    last_modified: str = ""
    etag: str = ""

    @classmethod
    def of(cls, body: bytes, headers: httpx.Headers) -> Self:
        """Returns the state in a response."""
        return cls(
            blake2b(body, digest_size=8).hexdigest(),
            _fit(_DATE, headers.get("last-modified", "")),
            _fit(_ETAG, headers.get("etag", "")),
        )

    @classmethod
    def read(cls, written: str) -> Self | None:
        """Parses a cursor; None: it is not one of this provider."""
        found = _WRITTEN.fullmatch(written)
        return cls(*found.groups()) if found else None

    @property
    def written(self) -> str:
        """Returns the cursor's text."""
        return f"{self.digest}|{self.last_modified}|{self.etag}"

    @property
    def conditions(self) -> dict[str, str]:
        """Returns the headers of a conditional request."""
        given = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in given.items() if value}


def _fit(allowed: re.Pattern[str], text: str) -> str:
    text = text.strip()
    return text if allowed.fullmatch(text) else ""
