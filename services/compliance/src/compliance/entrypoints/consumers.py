"""The Kafka subscriptions of compliance."""

from functools import partial

from clawback_common.kafka.subscription import Subscription
from clawback_contracts.revocation.folding import ORDERS
from clawback_contracts.revocation.v1 import ArticleRemoved, ArticleRevoked, RevocationNoticed
from compliance.use_cases import incidents, orders, own_orders, receipts
from compliance.use_cases.service import Service

GATHER_S = 1.0
"""Our own orders only matter after a restore, and when somebody forges one."""


def subscriptions(service: Service, *, positions: bool = True) -> list[Subscription]:
    """Returns the subscriptions: notices, receipts, our own orders, sweeps.

    Args:
        service: The service.
        positions: Whether to store positions on the topics; False for a retry of old records.
    """
    unreadable = partial(incidents.on_unreadable, service=service)

    return [
        Subscription(
            RevocationNoticed.TOPIC,
            (RevocationNoticed,),
            partial(orders.on_notices, service=service, positions=positions),
            own_offsets=True,
            on_bad=unreadable,
        ),
        Subscription(
            ArticleRemoved.TOPIC,
            (ArticleRemoved,),
            partial(receipts.on_receipts, service=service, positions=positions),
            lane="receipts",
            own_offsets=True,
            on_bad=unreadable,
        ),
        Subscription(
            ArticleRevoked.TOPIC,
            ORDERS,
            partial(own_orders.on_own_orders, service=service, positions=positions),
            lane="orders",
            own_offsets=True,
            gather_s=GATHER_S,
            on_bad=unreadable,
        ),
        service.sweeper.subscription(),
    ]
