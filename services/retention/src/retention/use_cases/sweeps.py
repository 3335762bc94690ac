"""Requests: made from policies, sent until every owner has answered, each time with the holds as they are then."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import uuid4

from clawback_common.errors import Conflict
from clawback_common.postgres import Transaction
from clawback_common.telemetry import traceparent
from clawback_contracts.sweep.v1 import Action
from retention.domain.policy import Policy, differing
from retention.domain.sweep import Sweep, next_send_at
from retention.gateways import events, metrics
from retention.storage import answers, holds, sweeps
from retention.storage.policies import in_force as policies_in_force
from retention.storage.sweeps import Taken
from retention.use_cases.service import Service


async def sweeps_requested(
    policies: Sequence[Policy],
    service: Service,
    *,
    by: str,
    cause: str,
    dry_run: bool = False,
    action: Action | None = None,
) -> list[Sweep]:
    """Ask the owners of these classes to do as the policies say, or with ``action`` to put their tables in shape.

    All of them or none: a process that dies in between has asked for nothing.

    Raises:
        Conflict: the worker has other policies than this process; nothing is asked.
    """
    async with service.db.transaction() as tx:
        await holds.alone(tx)
        tried_out = dry_run or action is not None
        others = [] if tried_out else differing(policies, await policies_in_force(tx))
        if others:
            raise Conflict(f"the worker has other policies (POLICIES): {'; '.join(others)}")
        now, trace = service.clock.now(), traceparent()
        classes = [policy.data_class for policy in policies]
        held, ended = await holds.in_force(tx, classes), await holds.ended(tx, classes)
        asked = [_sweep(policy, action, now, by, dry_run=dry_run) for policy in policies]
        for sweep in sorted(asked, key=lambda one: one.sweep_id):
            hold_ids = [hold.hold_id for hold in held[sweep.data_class]]
            await sweeps.put(tx, sweep, cause, hold_ids, trace, next_send_at(now, now))
        messages = [
            events.request(sweep, held[sweep.data_class], ended[sweep.data_class], now, trace=trace)
            for sweep in asked
        ]
        await service.orders.put(tx, messages)
    for sweep in asked:
        metrics.REQUESTED.labels(sweep.data_class, sweep.action.value).inc()
    return asked


def _sweep(policy: Policy, action: Action | None, now: datetime, by: str, *, dry_run: bool) -> Sweep:
    return Sweep(
        sweep_id=uuid4(),
        data_class=policy.data_class,
        action=action or policy.action,
        owners=policy.owners,
        before=None if action else policy.before(now),
        dry_run=dry_run,
        requested_at=now,
        requested_by=by,
    )


async def resend_due(service: Service, limit: int = 20) -> int:
    """Send open requests again whose time has come. Gives how many."""
    async with service.db.transaction() as tx:
        await holds.alone(tx)
        now = service.clock.now()
        due = await sweeps.take_due(tx, now, limit)
        await send_again(tx, due, service, now)
    return len(due)


async def send_again(tx: Transaction, taken: Sequence[Taken], service: Service, now: datetime) -> None:
    """The next attempt of each, to whoever is silent; what was placed or lifted meanwhile is said."""
    if not taken:
        return
    classes = {one.sweep.data_class for one in taken}
    held, ended = await holds.in_force(tx, classes), await holds.ended(tx, classes)
    answered = await answers.owners(tx, [one.sweep.sweep_id for one in taken])
    messages = []
    for one in taken:
        sweep = replace(one.sweep, attempt=one.sweep.attempt + 1)
        spared = held[sweep.data_class]
        following = next_send_at(sweep.requested_at, now)
        await sweeps.sent(tx, sweep, [hold.hold_id for hold in spared], now, following)
        messages.append(
            events.request(
                sweep,
                spared,
                ended[sweep.data_class],
                now,
                answered=answered.get(sweep.sweep_id, ()),
                trace=one.traceparent,
            )
        )
    await service.orders.put(tx, messages)
    metrics.SENT_AGAIN.inc(len(messages))
