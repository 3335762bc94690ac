"""The Kafka subscriptions of the ingester."""

from functools import partial

from clawback_common.kafka.subscription import Subscription
from clawback_contracts.article.v1 import CONTENT_BYTES_MAX, ArticleSubmitted
from clawback_contracts.revocation.folding import ORDERS
from clawback_contracts.revocation.v1 import ArticleRevoked
from ingester.use_cases import orders, storing
from ingester.use_cases.service import Service

RESPONSE_BYTES_MAX = 1_700_000
"""About 400 articles of 4 KB, so that three subscribers need few copies of large responses in memory."""


def subscriptions(service: Service, *, positions: bool = True) -> list[Subscription]:
    """Returns the subscriptions: submissions, orders and sweeps, in separate lanes.

    Args:
        service: The service.
        positions: Whether to store positions on the topics; False for a retry of old records.
    """
    return [
        *(
            Subscription(
                topic,
                (ArticleSubmitted,),
                partial(storing.on_submissions, service=service, positions=positions),
                # Each upstream system has its own lane, so that a problem of one delays no other.
                lane=None if topic == ArticleSubmitted.TOPIC else topic.removesuffix(".v1"),
                value_bytes_max=CONTENT_BYTES_MAX,
                parallel=service.settings.store_subscribers,
                records_max=service.settings.store_batch_max,
                response_bytes_max=RESPONSE_BYTES_MAX,
                own_offsets=True,
                must_catch_up=False,
                forbidden=storing.forbidden_ids(providers),
            )
            for topic, providers in service.settings.topics_of_submissions.items()
        ),
        Subscription(
            ArticleRevoked.TOPIC,
            ORDERS,
            partial(orders.on_orders, service=service, positions=positions),
            lane="orders",
            own_offsets=True,
            on_bad=partial(orders.on_unreadable_orders, service=service),
        ),
        service.sweeper.subscription(),
    ]
