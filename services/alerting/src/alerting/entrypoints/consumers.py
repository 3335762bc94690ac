"""The Kafka subscriptions of alerting."""

from functools import partial

from alerting.use_cases import folding, runs
from alerting.use_cases.service import Service
from clawback_common.kafka.subscription import Subscription
from clawback_contracts.alert.v1 import AlertRaised, AlertResolved, AlertsFiring
from clawback_contracts.run.v1 import RunCompleted, RunFailed


def subscriptions(service: Service, *, positions: bool = True) -> list[Subscription]:
    """Returns the subscriptions to alerts, runs and sweeps.

    Args:
        service: the service.
        positions: whether to save offsets; False when dead letters are processed again.
    """
    unreadable = partial(folding.on_undecodable, service=service)

    return [
        Subscription(
            AlertRaised.TOPIC,
            (AlertRaised, AlertResolved, AlertsFiring),
            partial(folding.on_alerts, service=service, positions=positions),
            own_offsets=True,
            on_bad=unreadable,
        ),
        Subscription(
            RunCompleted.TOPIC,
            (RunCompleted, RunFailed),
            partial(runs.on_runs, service=service, positions=positions),
            lane="runs",
            own_offsets=True,
            on_bad=unreadable,
        ),
        service.sweeper.subscription(),
    ]
