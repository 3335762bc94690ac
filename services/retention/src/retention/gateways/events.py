"""The events that retention publishes to the owners of a class: requests, and changes of holds."""

from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import datetime
from uuid import uuid4

from clawback_common.kafka.envelope import Message
from clawback_common.telemetry import traceparent
from clawback_contracts.envelope import event_id
from clawback_contracts.sweep.v1 import EndedHold, HoldsChanged, SweepRequested
from retention.domain.hold import LegalHold
from retention.domain.sweep import Sweep


def request(
    sweep: Sweep,
    holds: Sequence[LegalHold],
    ended: Sequence[EndedHold],
    at: datetime,
    *,
    answered: Collection[str] = (),
) -> Message:
    """One sending of a request to the owners that have not answered, with all holds in force and ended ones."""
    event = SweepRequested.model_validate(
        {
            **asdict(sweep),
            "owners": [owner for owner in sweep.owners if owner not in answered],
            "holds": [hold.for_owners() for hold in holds],
            "ended_holds": ended,
        }
    )
    sending = event_id("sweep", sweep.sweep_id, sweep.attempt)
    return Message.of(event, sending, at=at, traceparent=sweep.traceparent)


def holds_changed(
    data_class: str, holds: Sequence[LegalHold], ended: Sequence[EndedHold], at: datetime
) -> Message:
    """Notifies the owners of a class of a changed hold immediately, before the next sweep."""
    event = HoldsChanged(
        data_class=data_class,
        changed_at=at,
        holds=tuple(hold.for_owners() for hold in holds),
        ended_holds=tuple(ended),
    )
    return Message.of(event, uuid4(), at=at, traceparent=traceparent())
