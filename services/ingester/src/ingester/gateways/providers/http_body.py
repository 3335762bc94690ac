"""Reads a response body with a limit on its decompressed size: a gzip bomb is refused early."""

import zlib
from typing import Final

import httpx

from ingester.gateways.providers.answers import Unreadable, UnreadableAnswer

_GZIP_OR_ZLIB: Final = zlib.MAX_WBITS | 32
_PLAIN: Final = frozenset({"", "identity"})
_ZIPPED: Final = frozenset({"gzip", "x-gzip", "deflate"})


class Body:
    """Collects the decompressed chunks of a response.

    Args:
        encoding: The Content-Encoding header.
        bytes_max: The maximum decompressed size.

    Raises:
        UnreadableAnswer: The encoding was not requested.
    """

    def __init__(self, encoding: str, bytes_max: int) -> None:
        encoding = encoding.strip().lower()
        if encoding not in _PLAIN | _ZIPPED:
            raise UnreadableAnswer(Unreadable.CONTENT_ENCODING)
        self._unzip = zlib.decompressobj(_GZIP_OR_ZLIB) if encoding in _ZIPPED else None
        self._left = bytes_max
        self._parts: list[bytes] = []

    def feed(self, chunk: bytes) -> None:
        """Adds one chunk as received.

        Raises:
            UnreadableAnswer: It cannot be decompressed, or the body is too large.
        """
        if self._unzip is None:
            self._keep(chunk)
            return
        while chunk:
            try:
                self._keep(self._unzip.decompress(chunk, self._left + 1))
            except zlib.error:
                raise UnreadableAnswer(Unreadable.CONTENT_ENCODING) from None
            chunk = self._unzip.unconsumed_tail
            if self._unzip.eof and self._unzip.unused_data:
                chunk = self._unzip.unused_data
                self._unzip = zlib.decompressobj(_GZIP_OR_ZLIB)

    def whole(self) -> bytes:
        """Returns the body after all chunks were added.

        Raises:
            UnreadableAnswer: The compressed body is truncated.
        """
        if self._unzip is not None and self._parts and not self._unzip.eof:
            raise UnreadableAnswer(Unreadable.TRUNCATED)
        return b"".join(self._parts)

    def _keep(self, part: bytes) -> None:
        self._left -= len(part)
        if self._left < 0:
            raise UnreadableAnswer(Unreadable.TOO_LARGE)
        self._parts.append(part)


async def read_body(response: httpx.Response, bytes_max: int) -> bytes:
    """Returns the decompressed body of an open response.

    Raises:
        UnreadableAnswer: It cannot be decompressed, or exceeds ``bytes_max``.
    """
    body = Body(response.headers.get("content-encoding", ""), bytes_max)
    async for chunk in response.aiter_raw():
        body.feed(chunk)
    return body.whole()
