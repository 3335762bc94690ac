"""TLS: trusted authorities of clients, the server's certificate, and its reload without a restart."""

import asyncio
import os
import socket
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import NamedTuple

import httpx
import pytest
import trustme
from starlette.applications import Starlette

from clawback_common.config import tls
from clawback_common.config.settings import BrokerSettings
from clawback_common.config.tls import ServerCertificate
from clawback_common.errors import Stop
from clawback_common.http.probe_app import probe_app
from clawback_common.http.probes import Probes
from clawback_common.kafka.connection import connection
from clawback_common.service.event_loop import Loop
from clawback_common.service.process import ShutdownEvent, serve


class Certificate(NamedTuple):
    """The files of a certificate."""

    certfile: Path
    keyfile: Path


class Authority:
    """Signs certificates for loopback, as files in one folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self._authority = trustme.CA(organization_name="Clawback tests")
        self.cafile = folder / "ca.crt"
        self._authority.cert_pem.write_to_path(str(self.cafile))

    def certificate(self, name: str) -> Certificate:
        """Creates the files of one more certificate."""
        made = Certificate(self._folder / f"{name}.crt", self._folder / f"{name}.key")
        signed = self._authority.issue_cert("127.0.0.1", "localhost", common_name=name)
        signed.cert_chain_pems[0].write_to_path(str(made.certfile))
        signed.private_key_pem.write_to_path(str(made.keyfile))
        return made


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """An authority for this test alone."""
    return Authority(tmp_path / "tls")


@pytest.fixture
def _default_trust(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*tls._TRUST_VARIABLES, "SSL_CERT_DIR"):
        monkeypatch.setenv(name, "")  # is restored after the test
        del os.environ[name]


def _server(made: Certificate) -> ServerCertificate:
    return ServerCertificate(made.certfile, made.keyfile)


@asynccontextmanager
async def _serving(
    port: int, certificate: ServerCertificate | None, app: Starlette | None = None
) -> AsyncIterator[None]:
    stopping = ShutdownEvent()
    task = asyncio.create_task(
        serve(app or probe_app(Probes()), "127.0.0.1", port, stopping, tls=certificate)
    )
    await asyncio.sleep(0.05)
    try:
        yield
    finally:
        stopping.set()
        await task


async def test_with_a_certificate_https_is_served_and_http_is_not(
    authority: Authority, unused_tcp_port: int
) -> None:
    trusting = ssl.create_default_context(cafile=authority.cafile)
    async with (
        _serving(unused_tcp_port, _server(authority.certificate("service"))),
        httpx.AsyncClient(verify=trusting) as http,
    ):
        response = await http.get(f"https://127.0.0.1:{unused_tcp_port}/livez")
        assert response.status_code == 200
        with pytest.raises(httpx.TransportError):
            await http.get(f"http://127.0.0.1:{unused_tcp_port}/livez")


@pytest.mark.usefixtures("_default_trust")
async def test_only_clients_that_trust_the_authority_connect(
    authority: Authority, unused_tcp_port: int
) -> None:
    address = f"https://127.0.0.1:{unused_tcp_port}/livez"
    async with _serving(unused_tcp_port, _server(authority.certificate("service"))):
        async with httpx.AsyncClient() as untrusting:
            with pytest.raises(httpx.ConnectError):
                await untrusting.get(address)
        tls.trust(authority.cafile)
        async with httpx.AsyncClient() as http:
            assert (await http.get(address)).status_code == 200


@pytest.mark.usefixtures("_default_trust")
def test_every_library_trusts_the_authority_and_the_systems(authority: Authority) -> None:
    before = len(httpx.create_ssl_context().get_ca_certs())
    tls.trust(authority.cafile)
    assert len(httpx.create_ssl_context().get_ca_certs()) == before + 1
    names = {
        dict(pair[0] for pair in one["subject"]).get("organizationName") for one in _default_authorities()
    }
    assert "Clawback tests" in names
    assert os.environ["REQUESTS_CA_BUNDLE"] == os.environ["PGSSLROOTCERT"] == os.environ["SSL_CERT_FILE"]


def _default_authorities() -> list[dict[str, tuple[tuple[tuple[str, str]]]]]:
    """The authorities of a context that a library creates with its defaults."""
    context = ssl.create_default_context()
    found: list[dict[str, tuple[tuple[tuple[str, str]]]]] = context.get_ca_certs()  # type: ignore[assignment]
    return found


@pytest.mark.usefixtures("_default_trust")
def test_without_a_file_nothing_is_changed() -> None:
    tls.trust(None)
    assert not set(tls._TRUST_VARIABLES) & set(os.environ)


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_an_invalid_file_of_authorities_stops_the_process(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.crt"
    if content is not None:
        path.write_text(content)
    with pytest.raises(Stop, match="TLS_CAFILE"):
        tls.trust(path)


def test_a_certificate_without_its_key_stops_the_process(authority: Authority) -> None:
    one, other = authority.certificate("one"), authority.certificate("other")
    with pytest.raises(Stop, match="HTTP_TLS_CERTFILE"):
        ServerCertificate(one.certfile, other.keyfile)
    with pytest.raises(Stop, match="HTTP_TLS_CERTFILE"):
        ServerCertificate(one.certfile, one.keyfile.with_name("nowhere"))


def test_a_client_certificate_is_sent_to_the_broker(authority: Authority) -> None:
    made = authority.certificate("service")
    settings = BrokerSettings(
        kafka_security_protocol="SSL",
        kafka_ssl_cafile=authority.cafile,
        kafka_ssl_certfile=made.certfile,
        kafka_ssl_keyfile=made.keyfile,
    )
    context = connection(settings)["ssl_context"]
    assert len(context.get_ca_certs()) == 1, "no other authority is trusted for the broker"
    assert context.check_hostname
    wrong = settings.model_copy(update={"kafka_ssl_keyfile": authority.certificate("other").keyfile})
    with pytest.raises(Stop, match="KAFKA_SSL_CERTFILE"):
        connection(wrong)


async def test_a_replaced_certificate_is_served_without_a_restart(
    authority: Authority, unused_tcp_port: int
) -> None:
    made, other = authority.certificate("service"), authority.certificate("other")
    certificate = _server(made)
    async with _serving(unused_tcp_port, certificate):
        before = await _certificate(unused_tcp_port, authority)
        other.certfile.replace(made.certfile)
        certificate.reload()
        assert await _certificate(unused_tcp_port, authority) == before, "its key is still the former one"
        other.keyfile.replace(made.keyfile)
        certificate.reload()
        assert await _certificate(unused_tcp_port, authority) != before


def test_a_peer_that_never_ends_tls_delays_no_shutdown(authority: Authority) -> None:
    made = authority.certificate("service")
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(made.certfile, made.keyfile)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=_silent_peer, args=(listener, server), daemon=True)
        thread.start()

        async def connect_and_close() -> None:
            context = ssl.create_default_context(cafile=authority.cafile)
            address = listener.getsockname()
            _, writer = await asyncio.open_connection(*address, ssl=context)
            writer.write(b"x")
            writer.close()
            with suppress(TimeoutError):
                await writer.wait_closed()

        began = time.monotonic()
        with asyncio.Runner(loop_factory=Loop) as runner:
            runner.run(connect_and_close())
        assert time.monotonic() - began < 5
        thread.join()


def _silent_peer(listener: socket.socket, context: ssl.SSLContext) -> None:
    """Complete the handshake, read everything, and send nothing until the peer has disconnected."""
    connection, _ = listener.accept()
    connection.settimeout(20)
    with context.wrap_socket(connection, server_side=True, suppress_ragged_eofs=True) as wrapped:
        with suppress(OSError):
            wrapped.recv(1)
        raw = wrapped.detach()
    with socket.socket(fileno=raw) as closing, suppress(OSError):
        closing.settimeout(20)
        while closing.recv(65_536):
            pass


async def _certificate(port: int, authority: Authority) -> bytes | None:
    """Return the certificate of a new connection."""
    context = ssl.create_default_context(cafile=authority.cafile)
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    connection = writer.get_extra_info("ssl_object")
    found: bytes | None = connection.getpeercert(binary_form=True)
    writer.close()
    await writer.wait_closed()
    return found
