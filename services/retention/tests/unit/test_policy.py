"""The policies file and its possible errors."""

from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import pytest

from clawback_common.config.yaml_file import FileError
from clawback_contracts.sweep.v1 import Action
from retention.domain.classes import CLASSES
from retention.gateways.policies_file import read_policies

PACKAGED = files("retention").joinpath("policies.yaml").read_text(encoding="utf-8")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A policies file."""
    return tmp_path / "p.yaml"


def _errors(file: Path, text: str) -> list[str]:
    file.write_text(text)
    with pytest.raises(FileError) as found:
        read_policies(file)
    return [line.removeprefix(f"{file.parent}/") for line in str(found.value).splitlines()]


def test_the_packaged_policies_are_the_documented_ones() -> None:
    policies = read_policies(None)
    assert {name: (str(one.age), one.action.value, one.owners) for name, one in policies.items()} == {
        "articles": ("2 years", "delete", ("ingester", "analytics")),
        "api_calls": ("1 year", "delete", ("ingester",)),
        "compliance_records": ("7 years", "archive", ("compliance",)),
        "alerts": ("1 year", "delete", ("alerting",)),
        "job_runs": ("1 year", "delete", ("ingester", "compliance", "analytics", "alerting", "retention")),
        "cache": ("30 days", "delete", ("analytics",)),
    }
    assert all(one.description and one.basis for one in policies.values())
    assert policies["articles"].before(datetime(2026, 3, 8, 1, tzinfo=UTC)) == datetime(
        2024, 3, 8, 1, tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("age: 30 days", "age: 0 d", 37, "cache: this is not an age"),
        ("age: 2 years", "age: 2 yeers", 7, "articles: this is not an age"),
        ("age: 2 years", "age: 101 years", 7, "up to 100 years"),
        ("age: 2 years", "age: [2, years]", 7, "policies.articles.age: a text is required"),
        ("age: 7 years", "age: 6 years", 19, "6 years is too short; it must be kept for at least 7 years"),
        ("age: 30 days", "age: 5 minutes", 37, "minutes and hours are only for ENVIRONMENT=development"),
        ("action: archive", "action: burn", 20, "compliance_records: the action must be archive"),
        ("action: archive", "action: vacuum", 20, "the action must be archive"),
        ("action: archive", "action: delete", 20, "compliance_records: the action must be archive"),
        ("owners: [alerting]", "owners: [alertings]", 27, "alerts: alertings does not own any of it"),
        ("owners: [alerting]", "owners: [ingester]", 27, "alerts: ingester does not own any of it"),
        ("owners: [alerting]", "owners: []", 27, "alerts: the owner alerting is missing"),
        ("owners: [alerting]", "owners: alerting", 27, "policies.alerts.owners: a list is required"),
        ("owners: [alerting]", "owners: [alerting, alerting]", 27, "alerts: an owner is listed twice"),
        ("owners: [alerting]", "", 22, "policies.alerts: the key owners is missing"),
        ("[ingester, analytics]", "[ingester]", 9, "articles: the owner analytics is missing"),
        ("  cache:", "  caches:", 34, "unknown class 'caches'"),
        ("  cache:", "  alerts:", 34, "policies: duplicate key 'alerts'"),
        ("  cache:\n", "  cache:\n    until: never\n", 35, "policies.cache: unknown key 'until'"),
        ("  cache:\n", "  cache:\n    age: 1 day\n", 38, "policies.cache: duplicate key 'age'"),
        ("policies:", "polices:", 3, "unknown key 'polices'"),
        ("policies:\n", "more: 1\npolicies:\n", 3, "unknown key 'more'"),
        ("basis: The licence", "basis: ''\n    #", 6, "policies.articles.basis: "),
        ("basis: The licence", "basis: [a]\n    #", 6, "policies.articles.basis: "),
        ("basis: The licence", "reason: The licence", 4, "policies.articles: the key basis is missing"),
        ("age: 30 days", "? [a, b]\n    : 1", 37, "policies.cache: a key must be a scalar"),
        ("age: 30 days", "<<: {age: 1 day}", 37, "policies.cache: unknown key '<<'"),
    ],
)
def test_an_error_is_reported_with_its_line(file: Path, old: str, new: str, line: int, words: str) -> None:
    assert PACKAGED.count(old) >= 1
    errors = _errors(file, PACKAGED.replace(old, new, 1))
    matching = [error for error in errors if words in error]
    assert matching, errors
    assert matching[0].startswith(f"p.yaml:{line}: ")


def test_a_class_without_a_policy_is_an_error(file: Path) -> None:
    text = PACKAGED[: PACKAGED.index("  cache:")]
    assert _errors(file, text) == ["p.yaml:3: cache has no policy, so it would never be deleted"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "p.yaml:1: a mapping is required"),
        ("policies: [1]", "p.yaml:1: policies: a mapping is required"),
        ("- a", "p.yaml:1: a mapping is required"),
        ("policies:\n  articles: {age\n", "p.yaml:3: not YAML: "),
        ("a: 1\n---\nb: 2", "p.yaml:2: not YAML: "),
        ("a: \x00", "not YAML"),
        ("policies:\n  articles: 2 years\n", "p.yaml:2: policies.articles: a mapping is required"),
    ],
)
def test_an_invalid_policies_file_is_reported(file: Path, text: str, words: str) -> None:
    assert any(words in line for line in _errors(file, text)), _errors(file, text)


def test_all_errors_are_reported_in_the_order_of_their_lines(file: Path) -> None:
    text = PACKAGED.replace("age: 2 years", "age: 2 yeers").replace("action: archive", "action: burn")
    lines = [int(line.split(":")[1]) for line in _errors(file, text)]
    assert len(lines) == 2
    assert lines == sorted(lines)


def test_short_ages_are_for_development(file: Path) -> None:
    file.write_text(PACKAGED.replace("age: 2 years", "age: 5 minutes"))
    assert str(read_policies(file, short_ages=True)["articles"].age) == "5 minutes"


def test_a_file_that_cannot_be_read_is_named(file: Path) -> None:
    with pytest.raises(FileError, match=r"p.yaml cannot be read: No such file"):
        read_policies(file)
    file.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(FileError, match=r"p.yaml cannot be read: it is not UTF-8"):
        read_policies(file)


def test_without_a_file_the_packaged_one_is_read() -> None:
    policies = read_policies(None)
    assert set(policies) == set(CLASSES)
    assert policies["compliance_records"].action is Action.ARCHIVE
