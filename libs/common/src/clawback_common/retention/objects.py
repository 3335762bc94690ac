"""Named objects in a folder or a bucket: each appears whole or not at all, and is durable when `put` returns.

Imported only where objects are read or written, because the library costs every process memory.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, from_url

from clawback_common.errors import Poison, Transient

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

CLIENT: "ClientConfig" = {"connect_timeout": timedelta(seconds=5), "timeout": timedelta(seconds=30)}
"""For one request with its body, which has a few megabytes."""
RETRIES: "RetryConfig" = {"max_retries": 3, "retry_timeout": timedelta(seconds=60)}
"""With the timeout: an object that cannot be written or read is reported within 90 s."""
_REASON = re.compile(
    r"(?<=status code: )\d{3}[\w ]*|(?<=kind: )(?:Timeout|Connect)|BadScheme|body error|incorrectly configured region"
    r"|[A-Z][\w ]+(?= \(os error)"
)
"""The part of an error that contains no address, no key id and nothing that the store says."""


class Objects:
    """The objects below a URL that was checked. The methods block."""

    def __init__(self, url: str, *, tls_only: bool) -> None:
        """Open it; credentials, region and endpoint are those of the environment or the instance.

        Timeouts and TLS are set here alone: client options that are given replace those of the environment.

        Raises:
            Transient: it cannot be opened.
        """
        parts, options = urlsplit(url), CLIENT | {"allow_http": not tls_only}
        self._folder = Path(unquote(parts.path)) if parts.scheme == "file" else None
        with _reported("opened"):
            self._store: ObjectStore = (
                LocalStore(self._folder, mkdir=True)
                if self._folder
                else from_url(url, client_options=options, retry_config=RETRIES)
            )

    def put(self, path: str, data: bytes) -> None:
        """Write or replace an object with one request.

        Raises:
            Transient: the store cannot be reached, is too slow, or refuses.
        """
        with _reported("written"):
            obstore.put(self._store, path, data, use_multipart=False)
            if self._folder:
                _sync(self._folder, path)

    def get(self, path: str) -> bytes:
        """Read an object.

        Raises:
            Poison: ``archive_damaged``, there is none.
            Transient: the store cannot be reached, is too slow, or refuses.
        """
        with _reported("read"):
            try:
                return bytes(obstore.get(self._store, path).bytes())
            except FileNotFoundError:
                raise Poison("archive_damaged", f"{path} is missing") from None

    def paths(self, name: str) -> list[str]:
        """List the objects with this name, in the order of their paths.

        Subfolders that cannot be read, such as ``lost+found``, are left out; the library would list nothing.

        Raises:
            Transient: the store cannot be reached, is too slow, or refuses.
        """
        with _reported("listed"):
            if self._folder:
                return sorted(str(one.relative_to(self._folder)) for one in self._folder.rglob(name))
            listed = (one["path"] for page in obstore.list(self._store) for one in page)
            return sorted(path for path in listed if path.rpartition("/")[2] == name)


def _sync(root: Path, path: str) -> None:
    """Sync the file and the folders that name it: the library renames whole files into place, and syncs none."""
    file = root / path
    for one in (file, *file.parents[: len(Path(path).parts)]):
        handle = os.open(one, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def _reported(done: str) -> Iterator[None]:
    try:
        yield
    except (BaseError, OSError, ValueError) as error:
        reason = _REASON.search(str(error))
        cause = reason.group() if reason else type(error).__name__
        raise Transient(f"the archive cannot be {done} ({cause})") from None
