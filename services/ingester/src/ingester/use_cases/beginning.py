"""Tasks that run once when a worker starts."""

from functools import partial

from clawback_common.kafka.refill import pages, refill
from clawback_contracts.revocation.feed import order_listed
from clawback_contracts.revocation.v1 import ArticleRevoked
from ingester.storage import feeds, listing
from ingester.use_cases.orders import on_orders
from ingester.use_cases.publishing import publish_lost_again
from ingester.use_cases.service import GROUP, Service


async def begin(service: Service) -> None:
    """Declares the feeds, applies orders that expired from their topic, and republishes a lost log.

    A restored database continues with numbers of changes that it never assigned.
    """
    kinds = [feed.settings.kind for feed in service.feeds.values()]
    await feeds.declare(service.db, list(service.feeds), kinds, service.clock.now())
    await listing.set_last_change(service.db)
    settings = service.settings
    listed = pages(
        "compliance", settings.compliance_url, settings.compliance_api_key_file, "/compliance/revocations"
    )
    apply = partial(on_orders, service=service, positions=False, confirmed=True)
    await refill(settings, service.db, GROUP, ArticleRevoked.TOPIC, listed, order_listed, apply)
    await publish_lost_again(service)
