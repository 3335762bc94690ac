"""TLS of a process: the certificate authorities its clients trust, and the certificate its server presents."""

import os
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

import certifi
import structlog

from clawback_common.errors import Stop
from clawback_common.telemetry.describe import describe

if TYPE_CHECKING:
    from clawback_common.service.process import ShutdownEvent

RELOAD_S = 10.0
"""Interval at which the certificate files are checked for changes."""
_TRUST_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PGSSLROOTCERT")
"""Variables in which OpenSSL, requests and PostgreSQL's driver look for certificate authorities."""
_log = structlog.stdlib.get_logger(__name__)


class ServerTlsSettings(Protocol):
    """The settings of the TLS server."""

    @property
    def http_tls_certfile(self) -> Path | None:
        """The certificate chain."""

    @property
    def http_tls_keyfile(self) -> Path | None:
        """Its private key."""


def trust(cafile: Path | None) -> None:
    """Trust these certificate authorities in addition to the system's, in every client of this process.

    This includes clients inside libraries. The bundle is kept in memory, because a process may have no writable folder.

    Raises:
        Stop: the file cannot be read, or contains no certificate.
    """
    if cafile is None:
        return
    try:
        ssl.create_default_context(cafile=cafile)
        own = cafile.read_bytes()
        others = Path(os.environ.get("SSL_CERT_FILE") or certifi.where()).read_bytes()
    except (OSError, ssl.SSLError) as error:
        raise Stop(f"TLS_CAFILE {cafile} cannot be used: {describe(error)}") from None
    bundle = os.memfd_create("trusted-authorities")
    with open(bundle, "wb", closefd=False) as file:
        file.write(others + b"\n" + own)
    for name in _TRUST_VARIABLES:
        os.environ[name] = f"/proc/self/fd/{bundle}"


class ServerCertificate:
    """The certificate of a server; reloaded when its files are replaced.

    Raises:
        Stop: the files cannot be used at start-up. Later, the previous certificate stays in use.
    """

    def __init__(self, certfile: Path, keyfile: Path) -> None:
        self._files = certfile, keyfile
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        try:
            self._stamp = self._stamped()
            self.context.load_cert_chain(*self._files)
        except (OSError, ssl.SSLError) as error:
            raise Stop(f"HTTP_TLS_CERTFILE {certfile} cannot be used: {describe(error)}") from None

    @classmethod
    def of(cls, settings: ServerTlsSettings) -> Self | None:
        """Return the configured certificate; None for plain HTTP."""
        certfile, keyfile = settings.http_tls_certfile, settings.http_tls_keyfile
        return None if certfile is None or keyfile is None else cls(certfile, keyfile)

    async def renew(self, stopping: "ShutdownEvent") -> None:
        """Check the files periodically until shutdown."""
        while not await stopping.sleep(RELOAD_S):
            self.reload()

    def reload(self) -> None:
        """Load the files if they were replaced by a valid certificate and key."""
        try:
            stamp = self._stamped()
            if stamp == self._stamp:
                return
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(*self._files)
            self.context.load_cert_chain(*self._files)
            self._stamp = stamp
            _log.info("certificate reloaded")
        except (OSError, ssl.SSLError) as error:
            _log.error(
                "certificate cannot be reloaded, the previous one stays in use", reason=describe(error)
            )

    def _stamped(self) -> tuple[tuple[int, int], ...]:
        found = [path.stat() for path in self._files]
        return tuple((one.st_mtime_ns, one.st_ino) for one in found)
