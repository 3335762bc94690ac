"""The five services as parts: the settings and dependencies of each process."""

from collections.abc import Mapping
from dataclasses import dataclass

from clawback_local import migrations
from clawback_local.parts import Answers, Part

ROLES = ("worker", "api")
PROBES = 100
"""The offset of a worker's probe port from its API port."""
REPLICAS = 20
"""The offset of the next replica's port."""
READY_DEADLINE_S = 90.0

SUBMISSIONS = "article-submissions.upstream.v1"
"""The topic of the upstream system, which nobody else may write."""

COMMON_ENV = {
    "ENVIRONMENT": "development",
    "KAFKA_BOOTSTRAP_SERVERS": "{kafka}",
    "TOPIC_PROFILE": "{topic_profile}",
    "API_KEYS_FILE": "{keys}/api_keys.yaml",
}
STORES = (
    '{{"ingester": "{ingester_api_url}/api/v1/ingester/holdings", '
    '"analytics": "{analytics_api_url}/api/v1/analytics/holdings"}}'
)
"""The holdings endpoints of our own stores."""

ADDRESSES = ",".join(
    f"{name}={{{name}_api_url}},{name}-worker={{{name}_worker_url}}"
    for name in ("ingester", "compliance", "analytics", "alerting", "retention")
)
"""The addresses that alerting's health checks use."""


def replica(name: str, number: int) -> str:
    """Returns the name of a replica: the first has the name of the process."""
    return name if number == 1 else f"{name}-{number}"


@dataclass(frozen=True)
class Service:
    """One service: its own settings besides the common ones, its API's port, and the servers that it uses."""

    name: str
    port: int
    env: Mapping[str, str]
    needs: tuple[str, ...] = ()

    @property
    def settings(self) -> dict[str, str]:
        """Returns the settings of each of its processes."""
        return {
            **COMMON_ENV,
            "DATABASE_URL": f"{{{self.name}_database}}",
            "SIGNING_KEY_FILE": f"{{keys}}/{self.name}.pem",
            **self.env,
        }

    def parts(self, replicas: int = 1) -> tuple[Part, ...]:
        """Returns its processes: migrations once, then workers and APIs, which do not wait for each other."""
        migrated = f"{self.name}-migrate"
        migrations_once = Part(
            migrated, env=self.settings, needs=("postgres",), inside=migrations.of(self.name)
        )
        replicated = []
        for number in range(1, replicas + 1):
            replicated += [
                self._process("worker", number, (migrated, "topics", "keys", *self.needs)),
                self._process("api", number, (migrated, "kafka", "keys", *self.needs)),
            ]
        return (migrations_once, *replicated)

    def _process(self, role: str, number: int, needs: tuple[str, ...]) -> Part:
        name = f"{self.name}-{role}"
        port = self.port + (PROBES if role == "worker" else 0) + REPLICAS * (number - 1)
        port_name = replica(name, number).replace("-", "_")
        return Part(
            replica(name, number),
            argv=("{python}", "-m", self.name, role),
            env={**self.settings, "HTTP_PORT": f"{{{port_name}_port}}"},
            needs=needs,
            ports={port_name: port},
            ready=Answers(),
            deadline_s=READY_DEADLINE_S,
            group=self.name if role == "worker" else None,
            replica_of=name if number > 1 else None,
        )


SERVICES = (
    Service(
        "ingester",
        8001,
        {
            "METABASE_URL": "{metabase_url}",
            "METABASE_API_KEY": "{metabase_api_key}",
            "FEEDS": "{feeds}",
            "WEBHOOK_SECRETS": "{keys}/webhook_secrets.yaml",
            "COMPLIANCE_URL": "{compliance_api_url}",
            "COMPLIANCE_API_KEY_FILE": "{keys}/ingester.key",
            "SUBMISSION_TOPICS": f'{{{{"{SUBMISSIONS}": ["upstream"]}}}}',
        },
        needs=("simulator",),
    ),
    Service(
        "compliance",
        8002,
        {
            "INGESTER_URL": "{ingester_api_url}",
            "INGESTER_API_KEY_FILE": "{keys}/compliance.key",
            "STORES": STORES,
            "STORES_API_KEY_FILE": "{keys}/compliance-stores.key",
            "ARCHIVE_URL": "{archive_url}",
        },
    ),
    Service(
        "analytics",
        8003,
        {
            "REDIS_URL": "{redis_url}",
            "COMPLIANCE_URL": "{compliance_api_url}",
            "COMPLIANCE_API_KEY_FILE": "{keys}/analytics.key",
        },
        needs=("valkey",),
    ),
    Service(
        "alerting",
        8004,
        {
            "REDIS_URL": "{redis_url}",
            "SMTP_URL": "{smtp_url}",
            "SMS_URL": "{sms_url}",
            "SERVICES": ADDRESSES,
            "SERVICES_API_KEY_FILE": "{keys}/alerting.key",
        },
        needs=("valkey", "mail", "sms"),
    ),
    Service(
        "retention",
        8005,
        {"INGESTER_URL": "{ingester_api_url}", "INGESTER_API_KEY_FILE": "{keys}/retention.key"},
    ),
)
"""In the order of their ports."""
