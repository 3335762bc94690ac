"""The Kafka subscriptions of retention: the answers of owners, and requests to retention as owner of its job runs."""

from clawback_common.kafka.envelope import Batch
from clawback_common.kafka.subscription import Subscription
from clawback_contracts.sweep.v1 import SweepAnswer, SweepCompleted, SweepFailed
from retention.use_cases import answers
from retention.use_cases.service import Service


def subscriptions(service: Service) -> list[Subscription]:
    """Returns both subscriptions."""

    async def answers_arrived(batch: Batch[SweepAnswer]) -> None:
        await answers.on_answers(batch, service)

    return [
        Subscription(SweepAnswer.TOPIC, (SweepCompleted, SweepFailed), answers_arrived, lane="answers"),
        service.sweeper.subscription(),
    ]
