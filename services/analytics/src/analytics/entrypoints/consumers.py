"""The Kafka subscriptions of analytics."""

from collections.abc import Sequence

from analytics.storage import facets
from analytics.use_cases import counting, orders, runs
from analytics.use_cases.service import Service
from clawback_common.kafka.envelope import Batch
from clawback_common.kafka.subscription import Subscription
from clawback_common.messaging.quarantine import Bad
from clawback_common.postgres import Transaction
from clawback_contracts.article.v1 import CONTENT_BYTES_MAX, ArticlePublished
from clawback_contracts.revocation.folding import ORDERS, AnyOrder
from clawback_contracts.revocation.v1 import ArticleRevoked
from clawback_contracts.run.v1 import Run, RunCompleted, RunFailed

PUBLISHED_BYTES_MAX = CONTENT_BYTES_MAX + 10_000
"""The ingester adds ids and times to the submitted article."""
ARTICLE_BYTES = 5_000
"""The approximate size of an article; one fetch is one batch."""


def subscriptions(service: Service, *, positions: bool = True) -> list[Subscription]:
    """Returns the subscriptions to articles, and on separate lanes to orders, runs and sweeps.

    Args:
        service: the service.
        positions: whether to save offsets; False when dead letters are processed again.
    """

    async def articles_arrived(batch: Batch[ArticlePublished]) -> None:
        await counting.on_articles(batch, service, positions=positions)

    async def orders_arrived(batch: Batch[AnyOrder]) -> None:
        await orders.on_orders(batch, service, positions=positions)

    async def orders_unreadable(tx: Transaction, bad: Sequence[Bad]) -> None:
        await orders.on_unreadable_orders(tx, bad, service)

    async def runs_arrived(batch: Batch[RunCompleted | RunFailed]) -> None:
        await runs.on_runs(batch, service)

    return [
        Subscription(
            ArticlePublished.TOPIC,
            (ArticlePublished,),
            articles_arrived,
            value_bytes_max=PUBLISHED_BYTES_MAX,
            parallel=service.settings.count_subscribers,
            records_max=service.settings.count_batch_max,
            fetch_bytes_max=service.settings.count_batch_max * ARTICLE_BYTES,
            own_offsets=True,
            must_catch_up=False,
            forbidden=facets.revoked,
        ),
        Subscription(
            ArticleRevoked.TOPIC,
            ORDERS,
            orders_arrived,
            lane="orders",
            own_offsets=True,
            on_bad=orders_unreadable,
        ),
        Subscription(Run.TOPIC, (RunCompleted, RunFailed), runs_arrived, lane="runs"),
        service.sweeper.subscription(),
    ]
