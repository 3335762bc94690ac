"""The Kafka subscriptions of compliance."""

from collections.abc import Sequence

from clawback_common.kafka.envelope import Batch
from clawback_common.kafka.subscription import Subscription
from clawback_common.messaging.quarantine import Bad
from clawback_common.postgres import Transaction
from clawback_contracts.revocation.folding import ORDERS, AnyOrder
from clawback_contracts.revocation.v1 import ArticleRemoved, ArticleRevoked, RevocationNoticed
from compliance.use_cases import incidents, orders, own_orders, receipts
from compliance.use_cases.service import Service


def subscriptions(service: Service, *, positions: bool = True) -> list[Subscription]:
    """Returns the subscriptions: notices, receipts, our own orders, sweeps.

    Args:
        service: The service.
        positions: Whether to store positions on the topics; False for a retry of old records.
    """

    async def notices_arrived(batch: Batch[RevocationNoticed]) -> None:
        await orders.on_notices(batch, service, positions=positions)

    async def receipts_arrived(batch: Batch[ArticleRemoved]) -> None:
        await receipts.on_receipts(batch, service, positions=positions)

    async def own_orders_arrived(batch: Batch[AnyOrder]) -> None:
        await own_orders.on_own_orders(batch, service, positions=positions)

    async def unreadable(tx: Transaction, bad: Sequence[Bad]) -> None:
        await incidents.on_unreadable(tx, bad, service)

    return [
        Subscription(
            RevocationNoticed.TOPIC,
            (RevocationNoticed,),
            notices_arrived,
            own_offsets=True,
            on_bad=unreadable,
        ),
        Subscription(
            ArticleRemoved.TOPIC,
            (ArticleRemoved,),
            receipts_arrived,
            lane="receipts",
            own_offsets=True,
            on_bad=unreadable,
        ),
        Subscription(
            ArticleRevoked.TOPIC,
            ORDERS,
            own_orders_arrived,
            lane="orders",
            own_offsets=True,
            on_bad=unreadable,
        ),
        service.sweeper.subscription(),
    ]
