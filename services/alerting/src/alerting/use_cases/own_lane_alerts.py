"""Alerts about alerting's own consumer lanes. They are folded directly: a stalled lane would not consume them."""

from dataclasses import dataclass

from alerting.domain.alert import Raised, Resolved
from alerting.use_cases.folding import fold_events
from alerting.use_cases.service import GROUP, Service
from clawback_common.alerts.condition import Condition
from clawback_common.postgres import Transaction


@dataclass(frozen=True, slots=True)
class OwnLaneAlerts:
    """Publishes alerts without a topic."""

    service: Service

    async def raise_one(self, tx: Transaction, condition: Condition) -> None:
        """Raises an alert."""
        now = self.service.clock.now()
        raised = Raised(
            condition.name, GROUP, condition.severity, condition.summary, now, dict(condition.labels)
        )
        await fold_events(tx, [raised], self.service, now)

    async def resolve_one(self, tx: Transaction, condition: Condition) -> None:
        """Resolves an alert."""
        now = self.service.clock.now()
        await fold_events(tx, [Resolved(condition.fingerprint(GROUP), now)], self.service, now)
