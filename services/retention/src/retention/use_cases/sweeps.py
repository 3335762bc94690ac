"""Requests: created from policies, and sent until every owner has answered, each time with the current holds."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import uuid4

from clawback_common.errors import Conflict
from clawback_common.postgres import Transaction
from clawback_common.telemetry import traceparent
from clawback_contracts.resending import HOURLY
from clawback_contracts.sweep.v1 import Action
from retention.domain.policy import Policy, differing
from retention.domain.sweep import Sweep
from retention.gateways import events, metrics
from retention.storage import answers, holds, sweeps
from retention.storage.policies import in_force as policies_in_force
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
    """Requests sweeps by the policies from the owners of these classes, or with ``action`` maintenance of their tables.

    All are requested in one transaction: a process that dies before the commit has requested nothing.

    Raises:
        Conflict: the worker has other policies than this process; nothing is requested.
    """
    async with service.db.transaction() as tx:
        await holds.lock(tx)
        is_trial = dry_run or action is not None
        others = [] if is_trial else differing(policies, await policies_in_force(tx))
        if others:
            raise Conflict(f"the worker has other policies (POLICIES): {'; '.join(others)}")
        now = service.clock.now()
        classes = [policy.data_class for policy in policies]
        held, ended = await holds.in_force(tx, classes), await holds.ended(tx, classes)
        requested = [_sweep(policy, action, now, by, dry_run=dry_run) for policy in policies]
        for sweep in sorted(requested, key=lambda one: one.sweep_id):
            hold_ids = [hold.hold_id for hold in held[sweep.data_class]]
            await sweeps.insert(tx, sweep, cause, hold_ids, HOURLY.next_at(now, now))
        messages = [
            events.request(sweep, held[sweep.data_class], ended[sweep.data_class], now) for sweep in requested
        ]
        await service.outbox.put(tx, messages)
    for sweep in requested:
        metrics.REQUESTED.labels(sweep.data_class, sweep.action.value).inc()
    return requested


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
        traceparent=traceparent(),
    )


async def resend_due(service: Service, limit: int = 20) -> int:
    """Sends open requests again that are due.

    Returns:
        How many were sent.
    """
    async with service.db.transaction() as tx:
        await holds.lock(tx)
        now = service.clock.now()
        due = await sweeps.lock_due(tx, now, limit)
        await resend(tx, due, service, now)
    return len(due)


async def resend(tx: Transaction, locked: Sequence[Sweep], service: Service, now: datetime) -> None:
    """Sends the next attempt of each to the owners that have not answered, with the current holds."""
    if not locked:
        return
    classes = {one.data_class for one in locked}
    held, ended = await holds.in_force(tx, classes), await holds.ended(tx, classes)
    answered = await answers.owners(tx, [one.sweep_id for one in locked])
    messages = []
    for one in locked:
        sweep = replace(one, attempt=one.attempt + 1)
        in_force = held[sweep.data_class]
        following = HOURLY.next_at(sweep.requested_at, now)
        await sweeps.save_sending(tx, sweep, [hold.hold_id for hold in in_force], now, following)
        done = answered.get(sweep.sweep_id, ())
        messages.append(events.request(sweep, in_force, ended[sweep.data_class], now, answered=done))
    await service.outbox.put(tx, messages)
    metrics.RESENT.inc(len(messages))
