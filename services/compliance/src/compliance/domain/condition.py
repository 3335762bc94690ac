"""Alert conditions of compliance, and the rules that derive them from times and counts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from clawback_common.alerts.condition import Condition
from clawback_contracts.alert.v1 import Severity

RUN_AGE_MAX = timedelta(hours=25)
"""The daily interval plus one hour of tolerance."""
AT_RISK_SHARE = 0.8
"""Share of the time between the start of the clock and the deadline."""
RunState: TypeAlias = Literal["ok", "overdue", "unknown"]
Status: TypeAlias = Literal["compliant", "non_compliant", "failing", "unknown"]


def run_state(last_completed_at: datetime | None, now: datetime) -> RunState:
    """Returns ``ok``, ``overdue``, or ``unknown`` if no run ever completed: without a check nothing is compliant."""
    if last_completed_at is None:
        return "unknown"
    return "overdue" if now - last_completed_at > RUN_AGE_MAX else "ok"


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason for the compliance status."""

    code: str
    figure: int
    """The number of items that the code names; for ``run_overdue`` a number of hours."""
    to_do: str


@dataclass(frozen=True, slots=True)
class ComplianceState:
    """The figures from which the status is computed."""

    last_completed_at: datetime | None
    """The time of the last completed run."""
    runs_failed: int
    """Consecutive failed runs since the last completed one."""
    overdue: int
    """Prompt obligations past their due date."""
    open_incidents: int
    """Open incidents: records that may be a takedown and could not be read."""


_STATUS: Mapping[str, Status] = {
    "obligations_overdue": "non_compliant",
    "runs_failing": "failing",
    "never_run": "unknown",
    "run_overdue": "unknown",
    "incidents_open": "unknown",
}
"""The status that each reason results in, the most severe first."""


def reasons(figures: ComplianceState, now: datetime) -> list[Reason]:
    """Returns every reason against ``compliant``, the most severe first."""
    run, last = run_state(figures.last_completed_at, now), figures.last_completed_at
    age_h = int((now - last).total_seconds() // 3600) if last else 0
    found = [
        Reason(
            "obligations_overdue",
            figures.overdue,
            "See /compliance/overdue; contact the holders that owe an answer.",
        ),
        Reason(
            "runs_failing", figures.runs_failed, "See the error of the last run; fix its cause and run again."
        ),
        Reason("never_run", int(run == "unknown"), "Start the first run: POST /compliance/runs."),
        Reason("run_overdue", age_h if run == "overdue" else 0, "Check that the scheduler starts runs."),
        Reason(
            "incidents_open",
            figures.open_incidents,
            "See /compliance/incidents; find out what each record means.",
        ),
    ]
    return [one for one in found if one.figure]


def overall(found: Sequence[Reason]) -> Status:
    """Returns the status of the most severe reason; ``compliant`` if there is none.

    ``non_compliant``: something is past due. ``failing``: the last run failed. ``unknown``: there is no recent run, or
    a record that may be a takedown could not be read.
    """
    codes = {one.code for one in found}
    return next((status for code, status in _STATUS.items() if code in codes), "compliant")


def run_condition(
    last_completed_at: datetime | None, watching_since: datetime, now: datetime
) -> Condition | None:
    """Returns a condition if the last completed run is too old.

    If no run ever completed, the age counts from the start of monitoring.
    """
    if now - (last_completed_at or watching_since) <= RUN_AGE_MAX:
        return None
    text = (
        f"The last compliance run completed at {last_completed_at:%Y-%m-%d %H:%M} UTC"
        if last_completed_at
        else f"No compliance run completed since {watching_since:%Y-%m-%d %H:%M} UTC, when monitoring began"
    )
    return Condition(
        "ComplianceRunOverdue",
        Severity.CRITICAL,
        f"{text}: check that the scheduler starts `compliance run`, and why runs fail.",
    )


@dataclass(frozen=True, slots=True)
class Lateness:
    """The number of a holder's prompt obligations that are past due or close to it."""

    holder: str
    overdue: int
    at_risk: int
    oldest_due_at: datetime | None


def lateness_conditions(lateness: Lateness) -> Iterator[Condition]:
    """Yields one condition per holder, however many articles it owes."""
    labels = {"holder": lateness.holder}
    if lateness.overdue:
        yield Condition(
            "TakedownOverdue",
            Severity.CRITICAL,
            f"{lateness.overdue} obligations of {lateness.holder} are past due, the oldest since "
            f"{lateness.oldest_due_at:%Y-%m-%d %H:%M} UTC: check the holder's receipts and chase it.",
            labels,
        )
    if lateness.at_risk:
        yield Condition(
            "TakedownAtRisk",
            Severity.WARNING,
            f"{lateness.at_risk} obligations of {lateness.holder} have used more than "
            f"{AT_RISK_SHARE:.0%} of their time: find out why it does not answer.",
            labels,
        )


def unregistered_consumer(group: str) -> Condition:
    """A consumer group reads content but is not a registered holder, so it receives no orders."""
    return Condition(
        "UnregisteredConsumer",
        Severity.CRITICAL,
        f"The consumer group {group} reads articles.v1 and is not a registered holder: register it, or "
        "revoke its access.",
        {"group": group},
    )


def backlog(feed: str, count: int) -> Condition:
    """Notices were already past their deadline when they arrived: one summary, however many there are."""
    return Condition(
        "RevocationBacklog",
        Severity.WARNING,
        f"{count} or more notices by {feed} were past their deadline when first received: they are carried "
        "out now; find out why they were not read earlier.",
        {"noticed_by": feed},
    )


STILL_HELD = "still held"
"""The watcher of this condition."""


def still_held(store: str, count: int) -> Condition:
    """A store reported articles as removed and still holds them."""
    return Condition(
        "RemovedButStillHeld",
        Severity.CRITICAL,
        f"{store} reported {count} articles as removed and still holds them: the order is sent again; find "
        "out why its removal does not reach every copy.",
        {"holder": store},
    )


def store_wrong(store: str) -> Condition:
    """A store reports control articles as gone, so its answers prove nothing."""
    return Condition(
        "StoreAnswersWrongly",
        Severity.CRITICAL,
        f"{store} reports control articles as gone: its answers are ignored until it reports them as held. Check "
        "which data its holdings endpoint reads.",
        {"holder": store},
    )


def unreadable(count: int) -> Condition:
    """Records on the revocation topics could not be read: incidents for an officer."""
    return Condition(
        "UnreadableRevocationRecord",
        Severity.CRITICAL,
        f"{count} incidents are open, and an unreadable record may be a takedown: find out what each record "
        "means, then close the incident.",
    )


def orders_recovered() -> Condition:
    """After a restore of the database, orders that it had lost were found on their topic."""
    return Condition(
        "OrdersRecovered",
        Severity.WARNING,
        "Orders missing in the database were found on their topic and recovered: the database was restored "
        "from a backup. Check that the actions of officers since the backup are recorded.",
    )


def notice_id_reused() -> Condition:
    """One notice id names two articles: a sender's mistake, or an attempt to suppress a revocation."""
    return Condition(
        "NoticeIdReused",
        Severity.CRITICAL,
        "A notice arrived under an id that was recorded for another article. Both are carried out: find "
        "out from the incident which sender reuses ids, then close it.",
    )


def holder_changed(holder: str, change: str, by: str, revision: int) -> Condition:
    """A holder's registration changed, which may change what takedowns reach; each change is a separate alert."""
    return Condition(
        "HolderChanged",
        Severity.WARNING,
        f"The holder {holder} was {change} by {by}: check that takedowns still reach every copy.",
        {"holder": holder, "change": change, "revision": str(revision)},
    )


EXPIRES_SOON = timedelta(hours=24)


def approval_conditions(
    waiting: int, expired: int, articles: int, next_expiry_at: datetime | None, now: datetime
) -> Iterator[Condition]:
    """Yields conditions for undecided requests: their articles are withheld and their deadline runs.

    Args:
        waiting: The number of requests that can be confirmed.
        expired: The number of expired requests, whose articles are still withheld.
        articles: The number of articles in all of them.
        next_expiry_at: When the first waiting request expires.
        now: The current time.
    """
    if waiting:
        soon = next_expiry_at is not None and next_expiry_at - now <= EXPIRES_SOON
        until = f", the first until {next_expiry_at:%Y-%m-%d %H:%M} UTC" if next_expiry_at else ""
        yield Condition(
            "ApprovalWaiting",
            Severity.CRITICAL if soon else Severity.WARNING,
            f"{waiting} requests wait for a second person{until}; {articles} articles are withheld "
            "until then, and their deadline runs: review each request, then confirm or refuse it.",
        )
    if expired:
        yield Condition(
            "ApprovalExpired",
            Severity.CRITICAL,
            f"{expired} requests expired without a decision; their articles stay withheld: refuse each "
            "request, or have it submitted again and confirm that one.",
        )


def mass_revocation(feed: str, count: int, window_h: float) -> Condition:
    """One feed revokes an unusual share of the articles held; its revocations are carried out within their deadline."""
    return Condition(
        "MassRevocation",
        Severity.CRITICAL,
        f"{feed} revoked {count} or more articles within {window_h:g} hours, an unusual share of the "
        "articles held; they are carried out: ask the provider whether this is intended.",
        {"noticed_by": feed},
    )


def stray_receipt(meaning: str, holder: str) -> Condition:
    """A receipt matches no obligation: an unknown consumer holds articles, or the database lost an order."""
    return Condition(
        "StrayReceipt",
        Severity.WARNING,
        f"{holder} answered an order for which it has no obligation ({meaning}): check whether it is "
        "registered under this name, and whether the database is behind.",
        {"holder": holder, "meaning": meaning},
    )
