"""What retention says on its topic: requests to the owners of a class."""

from collections.abc import Collection, Sequence
from datetime import datetime

from clawback_common.bus.envelope import Message
from clawback_contracts.envelope import event_id
from clawback_contracts.sweep.v1 import SweepRequested
from retention.domain.hold import LegalHold
from retention.domain.sweep import Sweep


def request(
    sweep: Sweep,
    holds: Sequence[LegalHold],
    at: datetime,
    *,
    answered: Collection[str] = (),
    traceparent: str | None,
) -> Message:
    """One sending, to those who have not answered yet, with every hold that is in force."""
    event = SweepRequested(
        sweep_id=sweep.sweep_id,
        data_class=sweep.data_class,
        action=sweep.action,
        owners=tuple(owner for owner in sweep.owners if owner not in answered),
        before=sweep.before,
        dry_run=sweep.dry_run,
        holds=tuple(hold.for_owners() for hold in holds),
        requested_at=sweep.requested_at,
        requested_by=sweep.requested_by,
        attempt=sweep.attempt,
    )
    sending = event_id("sweep", sweep.sweep_id, sweep.attempt)
    return Message.of(event, sending, at=at, traceparent=traceparent)
