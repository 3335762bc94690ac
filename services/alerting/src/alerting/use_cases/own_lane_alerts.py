"""Alerts on alerting's own consumer lanes: folded at once, for a lane that waits would not read them."""

from dataclasses import dataclass

from alerting.domain.alert import Raised, Resolved
from alerting.use_cases.folding import say
from alerting.use_cases.service import GROUP, Service
from clawback_common.alerts.condition import Condition
from clawback_common.postgres import Transaction


@dataclass(frozen=True, slots=True)
class OwnLaneAlerts:
    """Without the way over the topic."""

    service: Service

    async def raise_one(self, tx: Transaction, condition: Condition) -> None:
        """It holds."""
        now = self.service.clock.now()
        raised = Raised(
            condition.name, GROUP, condition.severity, condition.summary, now, dict(condition.labels)
        )
        await say(tx, [raised], self.service, now)

    async def resolve_one(self, tx: Transaction, condition: Condition) -> None:
        """It no longer holds."""
        now = self.service.clock.now()
        await say(tx, [Resolved(condition.fingerprint(GROUP), now)], self.service, now)
