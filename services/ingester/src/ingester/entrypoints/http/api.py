"""The API of the ingester."""

from typing import Any

from clawback_common.http.probes import Probes
from clawback_common.service.definition import Api
from ingester.entrypoints.http.commands import commands
from ingester.entrypoints.http.queries import queries
from ingester.entrypoints.http.submissions import submitting
from ingester.entrypoints.http.webhooks import WebhookSecrets
from ingester.storage import deliveries
from ingester.use_cases.service import Service

SUBMISSION_BYTES_MAX = 10_000_000
WEBHOOK_BYTES_MAX = 4_000_000
"""Smaller, because a body is read before its signature can be checked."""
WEBHOOKS_AT_ONCE_MAX = 50
"""Anybody can start a request and send its body slowly; other requests must still be served."""


def api(service: Service, probes: Probes) -> Api:
    """Returns the routes; the API is ready once the orders that were on the topic at the start are applied."""
    probes.add("orders", service.orders_applied)
    secrets = WebhookSecrets(service.settings.webhook_secrets)

    async def details() -> dict[str, Any]:
        return {"webhooks": await deliveries.backlog(service.db, service.clock.now())}

    return Api(
        routers=[*queries(service), submitting(service, secrets), *commands(service)],
        details=details,
        body_bytes_max={
            "/api/v1/submissions": SUBMISSION_BYTES_MAX,
            "/api/v1/webhooks": WEBHOOK_BYTES_MAX,
        },
        requests_max={"/api/v1/webhooks": WEBHOOKS_AT_ONCE_MAX},
        rate_limits={
            "GET /api/v1/articles/search": "search",
            "POST /api/v1/webhooks": "webhook",
            "POST /api/v1/submissions": "lenient",
            # Called by compliance, which polls feeds and needs articles to compare a store with, and by health checks.
            "GET /api/v1/feeds": "internal",
            "POST /api/v1/feeds": "internal",
            "GET /api/v1/articles/sample": "internal",
            "GET /api/v1/admin/articles/stats": "internal",
        },
    )
