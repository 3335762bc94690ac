"""What a worker does once at start-up."""

from functools import partial

from analytics.use_cases.orders import on_orders
from analytics.use_cases.service import GROUP, Service
from clawback_common.kafka.refill import pages, refill
from clawback_contracts.revocation.feed import order_listed
from clawback_contracts.revocation.v1 import ArticleRevoked


async def begin(service: Service) -> None:
    """Applies the orders that have expired from their topic, before any article is counted."""
    settings = service.settings
    listed = pages(
        "compliance", settings.compliance_url, settings.compliance_api_key_file, "/compliance/revocations"
    )
    apply = partial(on_orders, service=service, positions=False, confirmed=True)
    await refill(settings, service.db, GROUP, ArticleRevoked.TOPIC, listed, order_listed, apply)
