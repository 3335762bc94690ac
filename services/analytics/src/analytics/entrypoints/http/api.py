"""The HTTP API of analytics."""

from typing import Any

from analytics.entrypoints.http.commands import commands
from analytics.entrypoints.http.queries import queries
from analytics.storage import facets
from analytics.use_cases.service import Service
from clawback_common.http.probes import Probes
from clawback_common.service.definition import Api


def api(service: Service, probes: Probes) -> Api:
    """Returns the API. It answers queries only after the orders that were on the topic at start-up are applied."""
    probes.add("orders", service.orders_applied)
    probes.add("cache", service.cache.check, required=False)

    async def details() -> dict[str, Any]:
        return {
            "articles": await facets.counts(service.db),
            "cache": {"enabled": service.cache.enabled, "hit_rate": service.cache.counts.hit_rate},
        }

    return Api(
        routers=[*queries(service), *commands(service)],
        details=details,
    )
