"""The Kafka subscriptions of analytics."""

from functools import partial

from analytics.storage import facets
from analytics.use_cases import counting, orders, runs
from analytics.use_cases.service import Service
from clawback_common.kafka.subscription import Subscription
from clawback_contracts.article.v1 import CONTENT_BYTES_MAX, ArticlePublished
from clawback_contracts.revocation.folding import ORDERS
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
    return [
        Subscription(
            ArticlePublished.TOPIC,
            (ArticlePublished,),
            partial(counting.on_articles, service=service, positions=positions),
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
            partial(orders.on_orders, service=service, positions=positions),
            lane="orders",
            own_offsets=True,
            on_bad=partial(orders.on_unreadable_orders, service=service),
        ),
        Subscription(
            Run.TOPIC, (RunCompleted, RunFailed), partial(runs.on_runs, service=service), lane="runs"
        ),
        service.sweeper.subscription(),
    ]
