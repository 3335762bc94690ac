"""What retention listens to: what owners answer, and, for the runs of its own jobs, its own requests."""

from clawback_common.bus.envelope import Batch
from clawback_common.bus.subscription import Subscription
from clawback_common.sweeping import Sweeper
from clawback_contracts.sweep.v1 import SweepAnswer, SweepCompleted, SweepFailed
from retention import flow
from retention.flow import GROUP, Service


def sweeper(service: Service) -> Sweeper:
    """Retention as an owner: of the runs of its jobs, like every service."""
    ages_min_d = service.settings.sweep_age_min_d
    return Sweeper(GROUP, service.db, service.clock, service.outbox, ages_min_d=ages_min_d)


def subscriptions(service: Service, owner: Sweeper) -> list[Subscription]:
    """Both."""

    async def answers_arrived(batch: Batch[SweepAnswer]) -> None:
        await flow.on_answers(batch, service)

    return [
        Subscription(SweepAnswer.TOPIC, (SweepCompleted, SweepFailed), answers_arrived, lane="answers"),
        owner.subscription(),
    ]
