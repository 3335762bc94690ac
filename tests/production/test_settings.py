"""Outside development a process refuses to start with anything that is unsafe, and names each reason."""

import importlib
from pathlib import Path

import pytest
from pydantic import ValidationError

from clawback_common.config.settings import BrokerSettings, CommonSettings
from clawback_testing.production import production_env

ALL = ("ingester", "compliance", "analytics", "alerting", "retention")
DATABASE = "postgresql://service:a-word-of-its-own@db.example/service"
UNSAFE = (
    # every service
    (ALL, {"ENABLE_AUTH": "false"}, "ENABLE_AUTH=true"),
    (ALL, {"API_KEYS_FILE": ""}, "API_KEYS_FILE"),
    (ALL, {"API_KEYS_FILE": "/nowhere"}, "API_KEYS_FILE that can be read"),
    (ALL, {"SIGNING_KEY_FILE": ""}, "SIGNING_KEY_FILE"),
    (ALL, {"TLS_CAFILE": "/nowhere"}, "TLS_CAFILE that can be read"),
    (ALL, {"KAFKA_SECURITY_PROTOCOL": "PLAINTEXT"}, "KAFKA_SECURITY_PROTOCOL with TLS"),
    (ALL, {"KAFKA_SECURITY_PROTOCOL": ""}, "KAFKA_SECURITY_PROTOCOL with TLS"),
    (ALL, {"KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT"}, "KAFKA_SECURITY_PROTOCOL with TLS"),
    (ALL, {"KAFKA_SASL_USERNAME": ""}, "KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD"),
    (ALL, {"KAFKA_SASL_PASSWORD": ""}, "KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD"),
    (ALL, {"KAFKA_SASL_PASSWORD": "development"}, "KAFKA_SASL_PASSWORD of its own"),
    (ALL, {"KAFKA_SECURITY_PROTOCOL": "SSL"}, "KAFKA_SSL_CERTFILE and KAFKA_SSL_KEYFILE"),
    (ALL, {"CHECK_TOPICS": "false"}, "CHECK_TOPICS=true"),
    (ALL, {"DATABASE_URL": ""}, "DATABASE_URL"),
    (ALL, {"DATABASE_URL": DATABASE}, "DATABASE_URL with sslmode=verify-full"),
    *(
        (ALL, {"DATABASE_URL": f"{DATABASE}?sslmode={mode}"}, "DATABASE_URL with sslmode=verify-full")
        for mode in ("disable", "allow", "prefer", "require", "verify-ca")
    ),
    (
        ALL,
        {"DATABASE_URL": "postgresql://service:development@db.example/service?sslmode=verify-full"},
        "DATABASE_URL with a password of its own",
    ),
    (
        ALL,
        {"DATABASE_URL": "postgresql://service@db.example/service?sslmode=verify-full"},
        "DATABASE_URL with a password of its own",
    ),
    (
        ALL,
        {"DATABASE_URL": "postgresql://service@db.example/a?sslmode=verify-full&password=development"},
        "DATABASE_URL with a password of its own",
    ),
    (ALL, {"REDIS_URL": ""}, "REDIS_URL with rediss://"),
    (ALL, {"REDIS_URL": "redis://:word@cache/0"}, "REDIS_URL with rediss://"),
    (ALL, {"REDIS_URL": "rediss://cache/0"}, "REDIS_URL with a password of its own"),
    (ALL, {"REDIS_URL": "rediss://:development@cache/0"}, "REDIS_URL with a password of its own"),
    (ALL, {"REDIS_URL": "rediss://:word@cache/0?ssl_cert_reqs=none"}, "REDIS_URL without ssl_cert_reqs"),
    (ALL, {"HTTP_TLS_CERTFILE": "", "HTTP_TLS_KEYFILE": ""}, "HTTP_TLS_CERTFILE and HTTP_TLS_KEYFILE"),
    (ALL, {"HTTP_TLS_CERTFILE": "/nowhere"}, "HTTP_TLS_CERTFILE that can be read"),
    # ingester
    (("ingester",), {"METABASE_API_KEY": "development"}, "METABASE_API_KEY of its own"),
    (("ingester",), {"METABASE_API_KEY": ""}, "METABASE_API_KEY of its own"),
    (("ingester",), {"METABASE_API_KEY": "  "}, "METABASE_API_KEY of its own"),
    (("ingester",), {"METABASE_URL": ""}, "METABASE_URL with https"),
    (("ingester",), {"METABASE_URL": "http://metabase.example"}, "METABASE_URL with https"),
    (("ingester",), {"METABASE_URL": "https://127.0.0.1:8010"}, "METABASE_URL of the provider"),
    (("ingester",), {"METABASE_URL": "https://LOCALHOST:8010"}, "METABASE_URL of the provider"),
    (("ingester",), {"METABASE_URL": "https://simulator:8010"}, "METABASE_URL of the provider"),
    (("ingester", "compliance"), {"COMPLIANCE": "mock"}, "COMPLIANCE=required"),
    (("ingester", "analytics"), {"COMPLIANCE_URL": "http://compliance"}, "COMPLIANCE_URL with https"),
    (("ingester", "analytics"), {"COMPLIANCE_URL": ""}, "COMPLIANCE_URL with https"),
    (("ingester", "analytics"), {"COMPLIANCE_API_KEY_FILE": ""}, "COMPLIANCE_API_KEY_FILE"),
    # compliance
    (("compliance", "retention"), {"INGESTER_URL": "http://ingester"}, "INGESTER_URL with https"),
    (("compliance", "retention"), {"INGESTER_URL": ""}, "INGESTER_URL with https"),
    (("compliance",), {"STORES": ""}, "STORES (analytics) with https"),
    (
        ("compliance",),
        {"STORES": "ingester=https://a/holdings,analytics=http://b/holdings"},
        "STORES (analytics) with https",
    ),
    (("compliance", "retention"), {"INGESTER_API_KEY_FILE": ""}, "INGESTER_API_KEY_FILE"),
    *(
        (
            ("compliance",),
            {name: "http://s3.example", "ARCHIVE_URL": "s3://archive"},
            "AWS_ENDPOINT_URL with https",
        )
        for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT")
    ),
    (("compliance",), {"STORES_API_KEY_FILE": ""}, "STORES_API_KEY_FILE"),
    (("compliance",), {"STORES_API_KEY_FILE": "/nowhere"}, "STORES_API_KEY_FILE that can be read"),
    # alerting
    (("alerting",), {"SMTP_URL": "smtp://word:word@mail.example"}, "SMTP_URL with TLS"),
    (("alerting",), {"SMTP_URL": ""}, "SMTP_URL to be set"),
    (("alerting",), {"SMS_URL": "http://sms.example"}, "SMS_URL with TLS"),
    (("alerting",), {"SMS_URL": "json://sms.example/{to}"}, "SMS_URL with TLS"),
    (("alerting",), {"SMS_URL": "form://sms.example/{to}"}, "SMS_URL with TLS"),
    (("alerting",), {"SMS_URL": ""}, "SMS_URL to be set"),
    (("alerting",), {"ALERT_ROUTES": ""}, "ALERT_ROUTES to be set"),
    (("alerting",), {"SERVICES": ""}, "SERVICES (ingester-worker) with https"),
    (("alerting",), {"SERVICES": "retention=http://retention"}, "SERVICES (retention) with https"),
    (("alerting",), {"SERVICES_API_KEY_FILE": ""}, "SERVICES_API_KEY_FILE"),
)
SAFE = (
    (ALL, {"HTTP_TLS_CERTFILE": "", "HTTP_TLS_KEYFILE": "", "HTTP_TLS_TERMINATED": "true"}),
    (
        ALL,
        {"DATABASE_URL": "postgresql://service@db.example/a?sslmode=verify-full&sslcert=/c&sslkey=/k"},
    ),
    (("compliance",), {"AWS_ENDPOINT_URL": "https://s3.example", "ARCHIVE_URL": "s3://archive"}),
    (("compliance",), {"AWS_ENDPOINT_URL": "http://s3.example", "ARCHIVE_URL": "file:///archive"}),
    (("alerting",), {"SMS_URL": f"twilio://AC{'a' * 32}:{'b' * 32}@15551234567/{{to}}"}),
    (("alerting",), {"SMS_URL": "jsons://sms.example/{to}"}),
    (("alerting",), {"SMTP_URL": "smtp+starttls://word:word@mail.example"}),
)


def _settings(service: str) -> CommonSettings:
    loaded: CommonSettings = importlib.import_module(f"{service}.settings").Settings()
    return loaded


@pytest.fixture
def production(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """An environment in which nothing is refused."""
    env = production_env(tmp_path)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    return env


@pytest.mark.usefixtures("production")
@pytest.mark.parametrize("service", ALL)
def test_nothing_is_refused_where_all_is_safe(service: str) -> None:
    assert _settings(service).environment == "production"


@pytest.mark.usefixtures("production")
@pytest.mark.parametrize("environment", ["staging", "production"])
@pytest.mark.parametrize(
    ("service", "change", "reason"),
    [(service, change, reason) for services, change, reason in UNSAFE for service in services],
)
def test_what_is_unsafe_is_refused_and_named(
    service: str,
    change: dict[str, str],
    reason: str,
    environment: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in change.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ENVIRONMENT", environment)
    with pytest.raises(ValidationError) as refused:
        _settings(service)
    (error,) = refused.value.errors()
    assert error["msg"].startswith(f"Value error, ENVIRONMENT={environment} needs ")
    assert reason in error["msg"]


@pytest.mark.usefixtures("production")
@pytest.mark.parametrize(
    ("service", "change"), [(service, change) for services, change in SAFE for service in services]
)
def test_another_safe_way_is_taken(
    service: str, change: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in change.items():
        monkeypatch.setenv(name, value)
    assert _settings(service).environment == "production"


@pytest.mark.parametrize("service", ALL)
def test_every_reason_is_named_at_once(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "production")
    with pytest.raises(ValidationError) as refused:
        _settings(service)
    message = refused.value.errors()[0]["msg"]
    for reason in ("ENABLE_AUTH", "API_KEYS_FILE", "KAFKA_SECURITY_PROTOCOL", "DATABASE_URL", "HTTP_TLS"):
        assert reason in message


@pytest.mark.parametrize("service", ALL)
def test_development_needs_none_of_it(service: str) -> None:
    assert _settings(service).environment == "development"


def test_the_refusal_quotes_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (production_env(tmp_path) | {"ENABLE_AUTH": "false"}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError) as refused:
        _settings("ingester")
    message = str(refused.value.errors(include_input=False, include_context=False, include_url=False))
    assert "of-its-own" not in message


@pytest.mark.parametrize(
    ("variable", "other"),
    [
        ("HTTP_TLS_CERTFILE", "HTTP_TLS_KEYFILE"),
        ("HTTP_TLS_KEYFILE", "HTTP_TLS_CERTFILE"),
        ("KAFKA_SSL_CERTFILE", "KAFKA_SSL_KEYFILE"),
        ("KAFKA_SSL_KEYFILE", "KAFKA_SSL_CERTFILE"),
    ],
)
def test_a_certificate_and_its_key_go_together(
    variable: str, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "/file")
    with pytest.raises(ValidationError, match=other):
        CommonSettings()


def test_who_makes_the_topics_needs_the_broker_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = ("ENVIRONMENT", "KAFKA_SECURITY_PROTOCOL", "KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD")
    env = production_env(tmp_path)
    for name in kept:
        monkeypatch.setenv(name, env[name])
    assert BrokerSettings().environment == "production"
    monkeypatch.delenv("KAFKA_SASL_PASSWORD")
    with pytest.raises(ValidationError, match="KAFKA_SASL_PASSWORD"):
        BrokerSettings()
