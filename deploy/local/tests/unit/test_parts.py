"""The list of parts: complete, in order, and filled with existing facts."""

import json
import stat
from pathlib import Path

import pytest
import yaml

from clawback_local import keys, parts
from clawback_local.config import DATABASES, Config, Paths
from clawback_local.parts import DESCRIPTION, ROLES, Part, resolve

PORTS = {name: port for part in parts.parts({}).values() for name, port in part.ports.items()}


@pytest.fixture
def here(tmp_path: Path) -> Config:
    paths = Paths(tmp_path / "a run")
    paths.create()
    return resolve(paths, PORTS, {})


@pytest.mark.parametrize("part", parts.parts({}).values(), ids=lambda part: part.name)
def test_every_part_can_be_filled_from_the_facts_and_needs_only_parts_before_it(
    part: Part, here: Config
) -> None:
    for template in (*part.argv, *part.env.values()):
        assert "{" not in here.fill(template) or template.startswith("{{")
    names = list(parts.parts({}))
    assert all(names.index(need) < names.index(part.name) for need in part.needs)


def test_the_documented_ports_are_the_ones_users_rely_on() -> None:
    services = {f"{service}_{role}" for service in DATABASES for role in ROLES}
    assert {name: port for name, port in PORTS.items() if name not in services} == {
        "kafka": 9092,
        "kafka_controller": 9093,
        "postgres": 5433,
        "valkey": 6380,
        "mail": 1025,
        "sms": 1026,
        "simulator": 8010,
    }
    assert {name: service["port"] for name, service in DESCRIPTION["services"].items()} == {
        "ingester": 8001,
        "compliance": 8002,
        "analytics": 8003,
        "alerting": 8004,
        "retention": 8005,
    }
    assert PORTS["ingester_worker"] == 8101


def test_every_worker_and_api_can_have_replicas_on_ports_of_their_own() -> None:
    single, double = parts.parts({}), parts.parts({}, replicas=2)
    added = double.keys() - single.keys()
    assert added == {f"{service}-{role}-2" for service in DATABASES for role in ROLES}
    ports = [port for part in double.values() for port in part.ports.values()]
    assert len(set(ports)) == len(ports)
    for name in added:
        second, first = double[name], double[name.removesuffix("-2")]
        assert second.replica_of == first.name
        assert (second.needs, second.argv, second.group) == (first.needs, first.argv, first.group)
        assert {key for key in first.env if first.env[key] != second.env[key]} == {"HTTP_PORT"}


def test_an_address_in_the_environment_replaces_a_part() -> None:
    external = {
        "KAFKA_BOOTSTRAP_SERVERS": "k:9092",
        "POSTGRES_URL": "postgresql://a@b/c",
        "REDIS_URL": "redis://r",
        "METABASE_URL": "http://m",
        "SMTP_URL": "smtp://s",
        "SMS_URL": "http://g",
    }
    found = parts.parts(external)
    replaced = ("kafka", "postgres", "valkey", "simulator", "mail", "sms")
    assert [name for name in replaced if found[name].ready != "finishes" or found[name].argv] == []


def test_services_get_the_address_in_the_environment(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    paths.create()
    facts = resolve(paths, PORTS, {"REDIS_URL": "redis://r:1/2", "SMS_URL": "https://g/x"}).values
    assert (facts["redis_url"], facts["sms_url"]) == ("redis://r:1/2", "https://g/x")
    assert facts["smtp_url"].startswith("smtp://127.0.0.1:1025")


def test_a_given_server_gets_the_services_own_databases(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    paths.create()
    external = {"POSTGRES_URL": "postgresql://admin:x@db.example:6000/postgres?sslmode=require"}
    url = resolve(paths, PORTS, external).values["ingester_database"]
    assert url.startswith("postgresql://ingester:")
    assert url.endswith("@db.example:6000/ingester?sslmode=require")


def test_the_file_of_addresses_is_private_and_reads_back_as_written(here: Config) -> None:
    parts.write_env(here, tuple(parts.parts({})))
    env = here.paths.read_env()
    assert env["KAFKA_BOOTSTRAP_SERVERS"] == "127.0.0.1:9092"
    assert json.loads(env["STORES"]) == {
        "ingester": "http://127.0.0.1:8001/api/v1/ingester/holdings",
        "analytics": "http://127.0.0.1:8003/api/v1/analytics/holdings",
    }
    assert env["REDIS_URL"] == "redis://127.0.0.1:6380/0"
    assert env["COMPLIANCE_WORKER_URL"] == "http://127.0.0.1:8102"
    assert env["ARCHIVE_URL"].endswith("/a%20run/archive")
    assert env["KEYS"].endswith("a run/keys")
    assert stat.S_IMODE(here.paths.env.stat().st_mode) == 0o600


def test_the_file_of_addresses_names_only_what_runs(here: Config) -> None:
    parts.write_env(here, ("kafka",))
    assert here.paths.read_env() == {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9092"}


async def test_keys_are_kept_over_restarts_private_and_hashed_for_the_services(here: Config) -> None:
    keys.create(here.paths)
    folder = here.paths.keys
    before = {path.name: path.read_text() for path in folder.iterdir()}
    keys.create(here.paths)
    assert {path.name: path.read_text() for path in folder.iterdir()} == before
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    hashed = yaml.safe_load(before["api_keys.yaml"])
    assert {row["subject"]: row.get("providers") for row in hashed} == {
        **dict.fromkeys((*keys.SIGNERS, *keys.ROLES, *keys.SERVICE_KEYS)),
        "upstream": ["upstream"],
        "licensor": ["metabase"],
    }
    assert {row["subject"] for row in hashed if "signing_keys" in row} == set(keys.SIGNERS)
    assert before["officer.key"].strip() not in before["api_keys.yaml"]


async def test_two_stacks_have_different_keys(here: Config, tmp_path: Path) -> None:
    other = Paths(tmp_path / "other")
    other.create()
    keys.create(here.paths)
    keys.create(other)
    assert (here.paths.keys / "officer.key").read_text() != (other.keys / "officer.key").read_text()


@pytest.mark.parametrize("name", DATABASES)
def test_each_process_brings_the_servers_without_which_it_is_not_ready(name: str) -> None:
    known = parts.parts({})

    def brought(part: str) -> set[str]:
        return {part}.union(*(brought(need) for need in known[part].needs))

    assert {"kafka", "postgres", "keys"} <= brought(f"{name}-api")
    assert {"kafka", "postgres", "keys", "topics"} <= brought(f"{name}-worker")
