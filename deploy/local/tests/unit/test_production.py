"""Production mode of the local stack: settings of its parts, certificates, and TLS proxies."""

import asyncio
import importlib
import os
import ssl
import stat
import sys
from pathlib import Path

import pytest
from cryptography import x509

from clawback_local import kafka, keys
from clawback_local.config import DATABASES, Config, Paths
from clawback_local.parts import parts, resolve, valkey_command
from clawback_local.processes import listens, until
from clawback_local.production import create_certificates, secured, secured_parts

PARTS = secured_parts(parts({}))
NUMBERS = {
    port: 20_000 + number
    for number, port in enumerate(name for part in PARTS.values() for name in part.ports)
}


@pytest.fixture
async def config(tmp_path: Path) -> Config:
    """A stack in production mode, with its keys, that is not running."""
    paths = Paths(tmp_path / "run")
    paths.create()
    resolved = secured(resolve(paths, NUMBERS, {}))
    keys.create(resolved.paths)
    return resolved


@pytest.mark.parametrize("name", [f"{service}-{role}" for service in DATABASES for role in ("worker", "api")])
async def test_a_service_accepts_its_settings(
    config: Config, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in PARTS[name].env.items():
        monkeypatch.setenv(variable, config.fill(value))
    service = name.partition("-")[0]
    settings = importlib.import_module(f"{service}.settings").Settings()
    assert settings.environment == "production"
    assert settings.kafka_sasl_username == service


async def test_no_service_shares_a_password_a_certificate_or_a_signing_key(config: Config) -> None:
    for variable in ("KAFKA_SASL_PASSWORD", "DATABASE_URL", "HTTP_TLS_KEYFILE", "SIGNING_KEY_FILE"):
        filled = {config.fill(PARTS[f"{name}-worker"].env[variable]) for name in DATABASES}
        assert len(filled) == len(DATABASES), variable


async def test_no_address_between_processes_is_without_tls(config: Config) -> None:
    plain = ("http://", "redis://", "smtp://")
    for part in PARTS.values():
        for variable, value in part.env.items():
            assert not any(word in config.fill(value) for word in plain), (part.name, variable)


async def test_every_part_that_has_no_tls_of_its_own_is_reached_through_a_proxy(config: Config) -> None:
    assert f":{NUMBERS['postgres_tls']}/" in config.values["ingester_database"]
    assert f":{NUMBERS['valkey_tls']}/" in config.values["redis_url"]
    assert "postgres-tls" in PARTS["ingester-migrate"].needs
    assert "valkey-tls" in PARTS["analytics-worker"].needs


def test_a_users_servers_are_ignored() -> None:
    assert {"kafka", "postgres", "valkey", "mail", "sms", "simulator"} <= set(PARTS)
    assert all(PARTS[name].command or PARTS[name].argv for name in ("kafka", "postgres", "valkey"))


def test_certificates_are_private_kept_and_signed_by_the_authority(tmp_path: Path) -> None:
    create_certificates(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    create_certificates(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    chain = x509.load_pem_x509_certificates(before["ingester.crt"])
    assert [one.subject == one.issuer for one in chain] == [False, True]
    chain[0].verify_directly_issued_by(chain[1])


async def test_a_proxy_terminates_tls_and_forwards_everything(tmp_path: Path, unused_tcp_port: int) -> None:
    create_certificates(tmp_path / "tls")

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(65_536):
            writer.write(chunk)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    target = server.sockets[0].getsockname()[1]
    proxy = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "clawback_local.servers", "tls", "--port", str(unused_tcp_port), "--target", str(target),
        "--certfile", str(tmp_path / "tls/postgres.crt"), "--keyfile", str(tmp_path / "tls/postgres.key"),
    )  # fmt: skip
    try:
        assert await until(lambda: listens(unused_tcp_port), deadline_s=20)
        context = ssl.create_default_context(cafile=tmp_path / "tls" / "ca.crt")
        reader, writer = await asyncio.open_connection("127.0.0.1", unused_tcp_port, ssl=context)
        sent = os.urandom(1_000_000)
        writer.write(sent)
        assert await reader.readexactly(len(sent)) == sent
        writer.close()
        server.close()
        await asyncio.sleep(0)
        reader, writer = await asyncio.open_connection("127.0.0.1", unused_tcp_port, ssl=context)
        assert await reader.read() == b"", "with its server away it closes what it accepted"
    finally:
        proxy.terminate()
        await proxy.wait()
        server.close()


def test_the_passwords_of_kafkas_users_are_passed_as_hashes(tmp_path: Path) -> None:
    users = {"broker": "one", "other": "two"}
    properties = kafka.configure(tmp_path / "kafka", port=1, controller=2, users=users)
    text = properties.read_text()
    assert "listeners=SASL_SSL://" in text
    assert "super.users=User:ANONYMOUS;User:broker;User:topics;User:operator\n" in text
    assert stat.S_IMODE(properties.stat().st_mode) == 0o600
    assert not (tmp_path / "kafka/data/meta.properties").exists(), "it is formatted with its users"
    filled = kafka._scram("other", "two")
    assert filled.startswith("SCRAM-SHA-512=[name=other,iterations=4096,")
    assert "two" not in filled.replace("other", "")


async def test_clients_get_the_settings_of_the_broker(config: Config, tmp_path: Path) -> None:
    arguments = config.paths.kafka_arguments("127.0.0.1:9092", "search")
    assert (arguments["security_protocol"], arguments["sasl_plain_username"]) == ("SASL_SSL", "search")
    assert config.paths.secret("kafka-search") == arguments["sasl_plain_password"]
    assert Paths(tmp_path / "plain").kafka_arguments("a:1") == {"bootstrap_servers": "a:1"}


async def test_valkey_has_its_password_in_a_private_file(config: Config) -> None:
    await valkey_command(config)
    configuration = config.paths.run / "valkey.conf"
    assert f"requirepass {config.paths.secret('valkey')}" in configuration.read_text()
    assert stat.S_IMODE(configuration.stat().st_mode) == 0o600


def test_nobody_else_enters_the_folders_of_a_stack(tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "kafka").mkdir(parents=True, mode=0o755)
    Paths(run).create()
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in run.iterdir()} == {0o700}
