"""A production environment that every service accepts, for tests that change one setting of it."""

from pathlib import Path

FEEDS = "feeds:\n  - {name: metabase-revoked, kind: revoked}\n"
FILES = (
    "api_keys.yaml",
    "ca.crt",
    "service.crt",
    "service.key",
    "caller.key",
    "signing.pem",
    "routes.yaml",
)
"""Files that a process reads. They are empty, because settings do not check their content."""


def production_env(folder: Path) -> dict[str, str]:
    """Return the variables for all five services; their files are created in this folder."""
    for name in FILES:
        (folder / name).touch()
    (folder / "feeds.yaml").write_text(FEEDS)
    services = ("ingester", "compliance", "analytics", "alerting", "retention")
    return {
        "ENVIRONMENT": "production",
        "ENABLE_AUTH": "true",
        "API_KEYS_FILE": f"{folder}/api_keys.yaml",
        "SIGNING_KEY_FILE": f"{folder}/signing.pem",
        "TLS_CAFILE": f"{folder}/ca.crt",
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SASL_USERNAME": "service",
        "KAFKA_SASL_PASSWORD": "a-word-of-its-own",
        "DATABASE_URL": "postgresql://service:a-word-of-its-own@db.example/service?sslmode=verify-full",
        "HTTP_TLS_CERTFILE": f"{folder}/service.crt",
        "HTTP_TLS_KEYFILE": f"{folder}/service.key",
        "FEEDS": f"{folder}/feeds.yaml",
        "METABASE_URL": "https://metabase.example",
        "METABASE_API_KEY": "a-key-of-its-own",
        "COMPLIANCE": "required",
        "COMPLIANCE_URL": "https://compliance.example",
        "COMPLIANCE_API_KEY_FILE": f"{folder}/caller.key",
        "REVOCATION_FEEDS": "metabase-revoked",
        "TAKEDOWN_DEADLINE_H": "24",
        "INGESTER_URL": "https://ingester.example",
        "INGESTER_API_KEY_FILE": f"{folder}/caller.key",
        "STORES": "ingester=https://ingester.example/holdings,analytics=https://analytics.example/holdings",
        "STORES_API_KEY_FILE": f"{folder}/caller.key",
        "REDIS_URL": "rediss://:a-word-of-its-own@cache.example:6379/0",
        "ALERT_ROUTES": f"{folder}/routes.yaml",
        "SMTP_URL": "smtps://service:a-word-of-its-own@mail.example:465",
        "SMS_URL": "https://sms.example/messages",
        "SERVICES": ",".join(f"{name}=https://{name}.example" for name in services),
        "SERVICES_API_KEY_FILE": f"{folder}/caller.key",
    }
