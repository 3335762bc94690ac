"""Wrong usage and invalid settings end every service with 2 and a clear message, before anything is opened."""

from importlib import import_module
from typing import Any

import pytest

from clawback_common.service.cli import main

SERVICES = ("ingester", "compliance", "analytics", "alerting", "retention")
WRONG = (
    *((service, *wrong) for service in SERVICES for wrong in ((), ("dance",), ("migrate", "--phase", "now"))),
    ("compliance", "run", "--wait", "soon"),
    ("compliance", "run", "--wait", "-1"),
    ("alerting", "test", "--wait", "soon"),
    ("alerting", "test", "--wait", "-1"),
    ("retention", "sweep", "--wait", "soon"),
    ("retention", "sweep", "--wait", "-1"),
    ("retention", "sweep", "--class", "people"),
)
INVALID: tuple[tuple[str, dict[str, str], str], ...] = (
    *((service, {"ENVIRONMENT": "production"}, "ENVIRONMENT=production needs") for service in SERVICES),
    ("compliance", {"COMPLIANCE": "required"}, "REVOCATION_FEEDS and TAKEDOWN_DEADLINE_H"),
    ("compliance", {"COMPLIANCE": "required", "REVOCATION_FEEDS": "a"}, "needs TAKEDOWN_DEADLINE_H"),
    ("compliance", {"COMPLIANCE": "required", "TAKEDOWN_DEADLINE_H": "24"}, "needs REVOCATION_FEEDS"),
    ("compliance", {"TAKEDOWN_DEADLINE_H": "-1"}, "TAKEDOWN_DEADLINE_H"),
    ("compliance", {"STORES": "{no json"}, "STORES: neither"),
    ("compliance", {"STORES": "no address"}, "STORES_NO ADDRESS"),
    ("alerting", {"SMTP_URL": "http://mail"}, "SMTP_URL needs one of"),
    ("alerting", {"SMTP_URL": "smtp://"}, "SMTP_URL needs one of"),
    ("alerting", {"SMS_URL": "twilio://token/number"}, "SMS_URL is neither"),
    ("alerting", {"SEND_TIMEOUT_S": "60"}, "SEND_TIMEOUT_S"),
    ("alerting", {"SERVICES": "{no json"}, "neither name=value"),
    ("alerting", {"SERVICES": "stranger=http://a"}, "stranger: unknown; the services are"),
    ("alerting", {"SERVICES": "ingester=no address"}, "SERVICES_INGESTER"),
    ("analytics", {"COUNT_BATCH_MAX": "501"}, "COUNT_BATCH_MAX"),
    ("analytics", {"COUNT_SUBSCRIBERS": "0"}, "COUNT_SUBSCRIBERS"),
    ("analytics", {"REDIS_CACHE_TTL": "0"}, "REDIS_CACHE_TTL"),
)


def ended_with_2(service: str, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> str:
    """Runs a command line that must be refused, and returns what it prints."""
    definition: Any = import_module(f"{service}.service").SERVICE
    with pytest.raises(SystemExit) as ended:
        main(definition, list(arguments))
    assert ended.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize("line", WRONG, ids=" ".join)
def test_wrong_usage_ends_with_2_and_the_usage(
    line: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    service, *arguments = line
    assert f"usage: {service}" in ended_with_2(service, tuple(arguments), capsys)


@pytest.mark.parametrize(("service", "environment", "words"), INVALID)
def test_invalid_settings_end_with_2_and_name_the_setting(
    service: str,
    environment: dict[str, str],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert words in ended_with_2(service, ("migrate",), capsys)
