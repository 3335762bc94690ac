"""The Kafka subscriptions of alerting."""

from collections.abc import Sequence

from alerting.use_cases import folding, runs
from alerting.use_cases.service import Service
from clawback_common.kafka.envelope import Batch
from clawback_common.kafka.subscription import Subscription
from clawback_common.messaging.quarantine import Bad
from clawback_common.postgres import Transaction
from clawback_contracts.alert.v1 import AlertRaised, AlertResolved, AlertsFiring
from clawback_contracts.run.v1 import RunCompleted, RunFailed


def subscriptions(service: Service, *, positions: bool = True) -> list[Subscription]:
    """Returns the subscriptions to alerts, runs and sweeps.

    Args:
        service: the service.
        positions: whether to save offsets; False when dead letters are processed again.
    """

    async def alerts_arrived(batch: Batch[AlertRaised | AlertResolved | AlertsFiring]) -> None:
        await folding.on_alerts(batch, service, positions=positions)

    async def runs_arrived(batch: Batch[RunCompleted | RunFailed]) -> None:
        await runs.on_runs(batch, service, positions=positions)

    async def unreadable(tx: Transaction, bad: Sequence[Bad]) -> None:
        await folding.on_undecodable(tx, bad, service)

    return [
        Subscription(
            AlertRaised.TOPIC,
            (AlertRaised, AlertResolved, AlertsFiring),
            alerts_arrived,
            own_offsets=True,
            on_bad=unreadable,
        ),
        Subscription(
            RunCompleted.TOPIC,
            (RunCompleted, RunFailed),
            runs_arrived,
            lane="runs",
            own_offsets=True,
            on_bad=unreadable,
        ),
        service.sweeper.subscription(),
    ]
