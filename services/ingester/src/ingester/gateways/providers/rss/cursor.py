"""How far a feed was read: which state of its document, so that the same state costs nothing the next time."""

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
        digest: of its bytes: it alone shows no change where the server names no state, or another one each time.
        last_modified: as the server gave it; empty where it gave none.
        etag: likewise; one that is too long to be kept counts as none, for half of it could not be sent back.
    """

    digest: str
    last_modified: str = ""
    etag: str = ""

    @classmethod
    def of(cls, body: bytes, headers: httpx.Headers) -> Self:
        """The state that an answer has shown."""
        return cls(
            blake2b(body, digest_size=8).hexdigest(),
            _fit(_DATE, headers.get("last-modified", "")),
            _fit(_ETAG, headers.get("etag", "")),
        )

    @classmethod
    def read(cls, written: str) -> Self | None:
        """The state that a cursor's text means; None: it is none of ours."""
        found = _WRITTEN.fullmatch(written)
        return cls(*found.groups()) if found else None

    @property
    def written(self) -> str:
        """The cursor's text."""
        return f"{self.digest}|{self.last_modified}|{self.etag}"

    @property
    def conditions(self) -> dict[str, str]:
        """The headers that ask for the document only if it has another state."""
        given = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in given.items() if value}


def _fit(allowed: re.Pattern[str], text: str) -> str:
    text = text.strip()
    return text if allowed.fullmatch(text) else ""
