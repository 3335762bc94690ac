"""What the API of analytics answers."""

from typing import Any

from analytics.entrypoints.http.commands import commands
from analytics.entrypoints.http.queries import queries
from analytics.storage import facets
from analytics.use_cases import Service
from clawback_common.http.probes import Probes
from clawback_common.service.definition import Api


def api(service: Service, probes: Probes) -> Api:
    """The counts; it answers readers once the orders that were there at the start are applied."""
    probes.add("orders", service.orders_applied)
    probes.add("cache", service.cache.check, required=False)

    async def details() -> dict[str, Any]:
        return {
            "articles": await facets.counts(service.db),
            "cache": {"enabled": service.cache.enabled, "hit_rate": service.cache.tried.hit_rate},
        }

    return Api(
        routers=[*queries(service), *commands(service)],
        details=details,
    )
