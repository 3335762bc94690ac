"""Whoever knows one service finds each thing in the others: the same rooms, the same names of files."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = ("ingester", "compliance", "analytics", "alerting", "retention")
ROOMS = {"entrypoints", "use_cases", "domain", "storage", "gateways"}
EVERYWHERE = (
    "__main__.py",
    "service.py",
    "settings.py",
    "entrypoints/consumers.py",
    "entrypoints/schedules.py",
    "entrypoints/commands.py",
    "entrypoints/http/api.py",
    "entrypoints/http/callers.py",
    "entrypoints/http/commands.py",
    "entrypoints/http/queries.py",
    "entrypoints/http/schemas.py",
    "use_cases/service.py",
    "use_cases/beginning.py",
    "use_cases/watching.py",
    "storage/migrations/__init__.py",
    "gateways/metrics.py",
)
OTHER_NAMES = {
    "consumers": {"subscriptions", "listeners", "handlers"},
    "schedules": {"loops", "crons", "senders"},
    "commands": {"jobs", "acting", "actions", "minding"},
    "queries": {"reading", "asking", "reads"},
    "schemas": {"responses", "models"},
    "callers": {"auth", "roles"},
    "watching": {"watchers", "monitoring"},
    "beginning": {"prepare", "startup", "setup"},
    "retention": {"sweeping"},
    "redrive": {"deadletters", "dead_letters"},
    "events": {"messages_out", "producers"},
    "": {"utils", "helpers", "common", "misc", "base", "manager", "core"},
}
"""A name that every service has for a thing, and others that somebody may think of; "" for names that say nothing."""
OWN_TRANSACTIONS = {
    "storage/retention.py": "slices of a sweep, which the sweeper of all services asks for one by one",
    "storage/revocations.py": "the feed of orders takes a lock alone for a moment, to know its own end",
}


def folder(service: str) -> Path:
    return ROOT / "services" / service / "src" / service


def modules(service: str) -> Iterator[tuple[str, ast.Module]]:
    """The path of each module within its service, and its tree."""
    for path in sorted(folder(service).rglob("*.py")):
        yield path.relative_to(folder(service)).as_posix(), ast.parse(path.read_text())


def calls(tree: ast.AST) -> set[str]:
    """The names of all methods and functions that are called."""
    called = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return {one.attr if isinstance(one, ast.Attribute) else getattr(one, "id", "") for one in called}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_the_rooms_that_all_have_and_no_others(service: str) -> None:
    there = {path.name for path in folder(service).iterdir() if path.is_dir()} - {"__pycache__"}
    assert there == ROOMS


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_the_same_names_in_the_same_places(service: str) -> None:
    assert [name for name in EVERYWHERE if not (folder(service) / name).is_file()] == []


@pytest.mark.parametrize("service", SERVICES)
def test_no_file_has_another_name_for_what_the_others_have(service: str) -> None:
    forbidden = {other: name for name, others in OTHER_NAMES.items() for other in others}
    found = [path for path, _ in modules(service) if Path(path).stem in forbidden]
    assert found == []


@pytest.mark.parametrize("service", SERVICES)
def test_the_main_module_is_one_call(service: str) -> None:
    tree = ast.parse((folder(service) / "__main__.py").read_text())
    assert [type(node) for node in tree.body[1:]] == [ast.Import, ast.ImportFrom, ast.ImportFrom, ast.If]
    assert calls(tree) == {"exit", "main"}


@pytest.mark.parametrize("service", SERVICES)
def test_objects_are_made_by_their_constructors_alone(service: str) -> None:
    for path, tree in modules(service):
        names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert "__post_init__" not in names, path
        assert "__setattr__" not in calls(tree), path


@pytest.mark.parametrize("service", SERVICES)
def test_transactions_are_opened_by_use_cases_alone(service: str) -> None:
    opening = [path for path, tree in modules(service) if "transaction" in calls(tree)]
    assert [
        path for path in opening if not path.startswith("use_cases/") and path not in OWN_TRANSACTIONS
    ] == []


@pytest.mark.parametrize("service", SERVICES)
def test_http_is_spoken_at_the_door_alone(service: str) -> None:
    source = {path: (folder(service) / path).read_text() for path, _ in modules(service)}
    speaks = [
        path for path, text in source.items() if re.search(r"http\.problem|raise Problem|fastapi", text)
    ]
    assert [path for path in speaks if not path.startswith("entrypoints/http/")] == []


@pytest.mark.parametrize("service", SERVICES)
def test_sql_is_beside_the_module_that_runs_it(service: str) -> None:
    for path in folder(service).rglob("*.sql"):
        if path.parent.name != "migrations":
            assert path.parent.name == "storage"
            assert path.with_suffix(".py").is_file(), path
