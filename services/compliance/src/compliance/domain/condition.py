"""Conditions that a person should know of, and the rules by which time makes one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from clawback_common.alerts.condition import Condition
from clawback_contracts.alert.v1 import Severity

RUN_AGE_MAX = timedelta(hours=25)
"""A daily run, and an hour for it to be late."""
AT_RISK_SHARE = 0.8
"""Of the time between the start of the clock and the deadline."""
RunState: TypeAlias = Literal["ok", "overdue", "unknown"]
Status: TypeAlias = Literal["compliant", "non_compliant", "failing", "unknown"]


def run_state(last_completed_at: datetime | None, now: datetime) -> RunState:
    """``ok``, ``overdue``, or ``unknown`` when none ever completed: never having checked is not compliant."""
    if last_completed_at is None:
        return "unknown"
    return "overdue" if now - last_completed_at > RUN_AGE_MAX else "ok"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why the status is what it is."""

    code: str
    figure: int
    """How many of what the code names; of ``run_overdue`` hours."""
    to_do: str


@dataclass(frozen=True, slots=True)
class ComplianceState:
    """What the status is reckoned from."""

    last_completed_at: datetime | None
    """When a run completed last."""
    runs_failed: int
    """Since then, one after the other."""
    overdue: int
    """Prompt obligations past due."""
    open_incidents: int
    """Records that may be a takedown and that nobody could read."""


_STATUS: Mapping[str, Status] = {
    "obligations_overdue": "non_compliant",
    "runs_failing": "failing",
    "never_run": "unknown",
    "run_overdue": "unknown",
    "incidents_open": "unknown",
}
"""What each reason makes of the status, the gravest first."""


def reasons(figures: ComplianceState, now: datetime) -> list[Reason]:
    """Everything that stands against ``compliant``, the gravest first."""
    run, last = run_state(figures.last_completed_at, now), figures.last_completed_at
    age_h = int((now - last).total_seconds() // 3600) if last else 0
    found = [
        Reason("obligations_overdue", figures.overdue, "See /compliance/overdue; call the holders that owe."),
        Reason(
            "runs_failing", figures.runs_failed, "See the error of the last run; fix its cause, run again."
        ),
        Reason("never_run", int(run == "unknown"), "Have a first run made: POST /compliance/runs."),
        Reason("run_overdue", age_h if run == "overdue" else 0, "See whether the scheduler starts runs."),
        Reason(
            "incidents_open", figures.open_incidents, "See /compliance/incidents; find out what each says."
        ),
    ]
    return [one for one in found if one.figure]


def overall(found: Sequence[Reason]) -> Status:
    """The status that the gravest reason makes; without any it is ``compliant``.

    ``non_compliant`` when something is past due, ``failing`` when the last run failed, ``unknown`` without a recent
    run, or with a record that may be a takedown nobody could read.
    """
    codes = {one.code for one in found}
    return next((status for code, status in _STATUS.items() if code in codes), "compliant")


def run_condition(
    last_completed_at: datetime | None, watching_since: datetime, now: datetime
) -> Condition | None:
    """Raised when the last run that completed is too old; one that never was is reckoned from the beginning."""
    if now - (last_completed_at or watching_since) <= RUN_AGE_MAX:
        return None
    said = (
        f"The last compliance run completed at {last_completed_at:%Y-%m-%d %H:%M} UTC"
        if last_completed_at
        else f"No compliance run completed since {watching_since:%Y-%m-%d %H:%M} UTC, when watching began"
    )
    return Condition(
        "ComplianceRunOverdue",
        Severity.CRITICAL,
        f"{said}: see whether the scheduler starts `compliance run`, and why it fails.",
    )


@dataclass(frozen=True, slots=True)
class Lateness:
    """How many prompt obligations are past due or close to it, of one holder."""

    holder: str
    overdue: int
    at_risk: int
    oldest_due_at: datetime | None


def lateness_conditions(lateness: Lateness) -> list[Condition]:
    """One condition a holder, however many articles it owes."""
    found = []
    labels = {"holder": lateness.holder}
    if lateness.overdue:
        found.append(
            Condition(
                "TakedownOverdue",
                Severity.CRITICAL,
                f"{lateness.overdue} obligations of {lateness.holder} are past due, the oldest since "
                f"{lateness.oldest_due_at:%Y-%m-%d %H:%M} UTC: check the holder's receipts and chase it.",
                labels,
            )
        )
    if lateness.at_risk:
        found.append(
            Condition(
                "TakedownAtRisk",
                Severity.WARNING,
                f"{lateness.at_risk} obligations of {lateness.holder} have used more than "
                f"{AT_RISK_SHARE:.0%} of their time: see why it does not answer.",
                labels,
            )
        )
    return found


def unregistered_consumer(group: str) -> Condition:
    """Somebody reads content whom no order reaches."""
    return Condition(
        "UnregisteredConsumer",
        Severity.CRITICAL,
        f"The consumer group {group} reads articles.v1 and is no registered holder: register it, or take its "
        "access away.",
        {"group": group},
    )


def backlog(feed: str, count: int) -> Condition:
    """Notices whose deadline had passed before we heard of them: one summary, however many."""
    return Condition(
        "RevocationBacklog",
        Severity.WARNING,
        f"{count} or more notices by {feed} were past their deadline when first seen: they are carried out now; see "
        "why they were not read earlier.",
        {"noticed_by": feed},
    )


STILL_HELD = "still held"
"""Who watches that."""


def still_held(store: str, count: int) -> Condition:
    """A store answered that it removed what it still holds."""
    return Condition(
        "RemovedButStillHeld",
        Severity.CRITICAL,
        f"{store} answered removed for {count} articles and still holds them: the order is sent again; see why its "
        "removal does not reach every copy.",
        {"holder": store},
    )


def store_wrong(store: str) -> Condition:
    """A store calls gone what is there, so its word proves nothing."""
    return Condition(
        "StoreAnswersWrongly",
        Severity.CRITICAL,
        f"{store} reports control articles as gone: its answers are ignored until it reports them as held. Check "
        "which data its holdings endpoint reads.",
        {"holder": store},
    )


def unreadable(count: int) -> Condition:
    """Records on the revocation topics that nobody could read: incidents that wait for an officer."""
    return Condition(
        "UnreadableRevocationRecord",
        Severity.CRITICAL,
        f"{count} incidents are open, and a record that cannot be read may be a takedown: find out what each says, "
        "then close it.",
    )


def orders_recovered() -> Condition:
    """The database was restored, and orders that it had forgotten were found on their topic."""
    return Condition(
        "OrdersRecovered",
        Severity.WARNING,
        "Orders that the database did not know were found on their topic and recovered: it was restored from a backup. "
        "Check that officers' acts since the backup are recorded.",
    )


def notice_id_reused() -> Condition:
    """One notice id on two articles: by a mistake of a sender, or to suppress a revocation."""
    return Condition(
        "NoticeIdReused",
        Severity.CRITICAL,
        "A notice arrived under an id that was recorded for another article. Both are carried out: find out from the "
        "incident which sender reuses ids, then close it.",
    )


def holder_changed(holder: str, change: str, by: str, revision: int) -> Condition:
    """What takedowns reach was changed; each change is an alert of its own."""
    return Condition(
        "HolderChanged",
        Severity.WARNING,
        f"The holder {holder} was {change} by {by}: see that every copy is still reached by takedowns.",
        {"holder": holder, "change": change, "revision": str(revision)},
    )


EXPIRES_SOON = timedelta(hours=24)


def approval_conditions(
    waiting: int, expired: int, articles: int, next_expiry_at: datetime | None, now: datetime
) -> list[Condition]:
    """Requests on which nobody has decided: their articles are withheld, and their clock runs.

    Args:
        waiting: requests that can be confirmed.
        expired: requests that cannot any more, and whose articles are still withheld.
        articles: how many they name together.
        next_expiry_at: when the first of those that wait expires.
        now: to see whether that is soon.
    """
    found = []
    if waiting:
        soon = next_expiry_at is not None and next_expiry_at - now <= EXPIRES_SOON
        until = f", the first until {next_expiry_at:%Y-%m-%d %H:%M} UTC" if next_expiry_at else ""
        found.append(
            Condition(
                "ApprovalWaiting",
                Severity.CRITICAL if soon else Severity.WARNING,
                f"{waiting} requests wait for a second person{until}; {articles} articles are withheld meanwhile, "
                "and their deadline runs: look at each, then confirm or refuse it.",
            )
        )
    if expired:
        found.append(
            Condition(
                "ApprovalExpired",
                Severity.CRITICAL,
                f"{expired} requests have expired without a decision; their articles stay withheld: refuse each, or "
                "have it made again and confirm that.",
            )
        )
    return found


def mass_revocation(feed: str, count: int, window_h: float) -> Condition:
    """One feed revokes an unusual share of what is held: carried out, for the deadline counts, and looked at."""
    return Condition(
        "MassRevocation",
        Severity.CRITICAL,
        f"{feed} has revoked {count} or more articles within {window_h:g} hours, an unusual share of what is held; "
        "they are carried out: ask the provider whether it means this.",
        {"noticed_by": feed},
    )


def stray_receipt(meaning: str, holder: str) -> Condition:
    """An answer that nobody had to give: somebody holds articles whom we do not know, or we forgot an order."""
    return Condition(
        "StrayReceipt",
        Severity.WARNING,
        f"{holder} answers an order with which we have no business ({meaning}): see whether it is registered under "
        "this name, and whether our database is behind.",
        {"holder": holder, "meaning": meaning},
    )
