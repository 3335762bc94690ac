"""The Kafka subscriptions of retention: the answers of owners, and requests to retention as owner of its job runs."""

from functools import partial

from clawback_common.kafka.subscription import Subscription
from clawback_contracts.sweep.v1 import SweepAnswer, SweepCompleted, SweepFailed
from retention.use_cases import answers
from retention.use_cases.service import Service


def subscriptions(service: Service) -> list[Subscription]:
    """Returns both subscriptions."""
    return [
        Subscription(
            SweepAnswer.TOPIC,
            (SweepCompleted, SweepFailed),
            partial(answers.on_answers, service=service),
            lane="answers",
        ),
        service.sweeper.subscription(),
    ]
