"""Evidence without problems, and functions that plant a problem in it."""

import dataclasses
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from clawback_story import checkers, operation_checkers
from clawback_story.evidence import (
    Evidence,
    Expected,
    Ledger,
    Letter,
    Notice,
    Obligation,
    Order,
    Sent,
    Store,
    Swept,
    Topics,
)
from clawback_story.history import (
    BadRecord,
    CountsSeen,
    FailedPoll,
    Fault,
    HealthSeen,
    History,
    Refusal,
    RunSeen,
    Served,
)
from clawback_story.plan import Sizes

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
DAY = timedelta(hours=24)
SPACE = UUID(int=7)
HELD, GONE, SWEPT = "metabase:1", "metabase:2", "metabase:3"
TEXT, OLD_TEXT, GONE_TEXT = "cnry-000000000001", "cnry-000000000002", "cnry-000000000003"
SWEPT_TEXT = "cnry-000000000004"
KINDS = {"ingester": "store", "analytics": "store", "search": "consumer", "kafka": "expiry"}
OFFICER = operation_checkers.OFFICER

Plant = Callable[[Evidence], Evidence]
replace = dataclasses.replace


def sound() -> Evidence:
    """One article is held, one was revoked, one is too old, and everything is as it must be."""
    return Evidence(
        sizes=Sizes(1, 0, 0, 1, 0, 0, 0),
        expected=Expected(
            {HELD: frozenset({TEXT}), SWEPT: frozenset({SWEPT_TEXT})},
            frozenset({GONE}),
            frozenset(),
            {TEXT: HELD, OLD_TEXT: HELD, GONE_TEXT: GONE, SWEPT_TEXT: SWEPT},
            1,
            frozenset({SWEPT}),
        ),
        history=_history(),
        stores=_stores(),
        ledger=_ledger(),
        topics=_topics(),
        leaks={checkers.NAMES_COUNTED: frozenset({TEXT})},
        scanned=dict.fromkeys(checkers.SEARCHED, 0),
        api_answers={GONE: 410},
        api_revoked=frozenset({GONE}),
        holdings={holder: {GONE: "gone"} for holder in ("ingester", "analytics", "search")},
        incidents_open=0,
        incidents_seen=2,
        revoked_rows={GONE: 1},
        quarantined={"feed:metabase-articles": 1},
        injected={"html": 1},
        restarts=1,
        checked_at=NOW + timedelta(minutes=5),
        sweeps=tuple(
            Swept("articles", owner, "completed", 2, 1, 1, 1, 1) for owner in ("ingester", "analytics")
        ),
        outliving=frozenset({SWEPT}),
        swept_answers={SWEPT: 410},
        sent=tuple(_notification(number, *one) for number, one in enumerate(TOLD)),
        miscounted=0,
        rollups=3,
    )


def _ledger() -> Ledger:
    order_id = uuid5(SPACE, GONE)
    order = Order(order_id, GONE, 1, "revoked", "licensor", NOW, NOW + DAY, None, NOW, NOW)
    obligations = tuple(
        Obligation(
            order.revocation_id,
            holder,
            kind,
            "open" if kind == "expiry" else "verified",
            NOW + DAY,
            None if kind == "expiry" else NOW,
            None if kind == "expiry" else NOW + timedelta(seconds=1),
            {"store": "holdings", "consumer": "receipt", "expiry": None}[kind],
        )
        for holder, kind in KINDS.items()
    )
    return Ledger(
        (order,),
        obligations,
        (Notice(GONE, "metabase-revoked", NOW, NOW, order.revocation_id),),
        frozenset((GONE, 1, holder) for holder in ("ingester", "analytics", "search")),
        ("failed", "completed"),
        KINDS,
        1,
    )


def _history() -> History:
    return History(
        faults=[Fault("SIGKILL", NOW, 5)],
        refusals=[Refusal("webhook", "a bad signature", (401,), 401)],
        bad_records=[
            BadRecord(service, "revocations.v1", 0, 7, "a null value", incident=True)
            for service in ("ingester", "analytics")
        ],
        served=[Served(NOW, GONE, 200), Served(NOW + timedelta(seconds=2), GONE, 410)],
        failed_polls=[FailedPoll("metabase-revoked", "HTML", 502, "5", "5", "failing")],
        runs=[RunSeen("HTML", 1, (1,), ()), RunSeen("a day", 0, (0,), ())],
        acknowledged={HELD},
        planned=Counter(html=1),
        spoilt=1,
        drained_after_s={"SIGKILL": 3.0},
        counts=[
            CountsSeen(when, path, articles, ())
            for when, articles in (("before", 3), ("after", 1))
            for path in operation_checkers.WHOLE
        ],
        health=[
            HealthSeen("before", 200, "healthy", frozenset(), ""),
            HealthSeen("while valkey is stopped", 200, "degraded", frozenset({"cache"}), "cache"),
        ],
        swept={SWEPT},
        on_hold={HELD},
    )


def _stores() -> tuple[Store, ...]:
    whole: dict[str, Any] = {
        "ids": frozenset({HELD}),
        "tokens": frozenset({TEXT}),
        "whole": True,
        "versions": {HELD: 2},
    }
    theirs: dict[str, Any] = {
        "ids": frozenset({HELD, SWEPT}),
        "tokens": frozenset({TEXT, SWEPT_TEXT}),
        "whole": True,
        "versions": {HELD: 2, SWEPT: 1},
        "ours": False,
    }
    return (
        Store(name="the ingester's database", **{**whole, "versions": {HELD: 2, SWEPT: 1}}),
        Store(name="the consumer's store", **theirs),
        Store("quarantine and deliveries", frozenset(), frozenset(), whole=False),
        Store(name="analytics' database", **{**whole, "tokens": frozenset(), "with_texts": False}),
    )


def _topics() -> Topics:
    return Topics(
        records={"articles.v1": 3, "revocations.v1": 1},
        leaks={},
        unreadable=(),
        backwards=(),
        letters=(
            Letter("id-1", "ingester", "revocations.v1", 0, 7),
            Letter("id-2", "analytics", "revocations.v1", 0, 7),
        ),
        content_tokens=3,
    )


TOLD = (
    ("mail", "[CRITICAL] ComplianceRunFailed (compliance)"),
    ("sms", "[CRITICAL] ComplianceRunFailed"),
    ("mail", "[RESOLVED] ComplianceRunFailed (compliance)"),
    ("mail", "[WARNING] RevokedArticlesFound (compliance)"),
    ("sms", "[WARNING] RevokedArticlesFound"),
    ("mail", "[INFO] ComplianceDailySummary (compliance)"),
)


def _notification(number: int, by: str, subject: str) -> Sent:
    return Sent(NOW, by, OFFICER[by], subject, f"message-{number}")


def sent(change: Callable[[tuple[Sent, ...]], tuple[Sent, ...]]) -> Plant:
    return lambda e: replace(e, sent=change(e.sent))


def without(by: str, name: str) -> Plant:
    return sent(lambda sent: tuple(one for one in sent if one.by != by or name not in one.subject))


def sweeps(**changes: Any) -> Plant:
    return lambda e: replace(e, sweeps=tuple(replace(one, **changes) for one in e.sweeps))


def health(number: int, **changes: Any) -> Plant:
    def plant(e: Evidence) -> Evidence:
        seen = list(e.history.health)
        seen[number] = replace(seen[number], **changes)
        return replace(e, history=replace(e.history, health=seen))

    return plant


def ledger(**changes: Any) -> Plant:
    return lambda e: replace(e, ledger=replace(e.ledger, **changes))


def history(**changes: Any) -> Plant:
    return lambda e: replace(e, history=replace(e.history, **changes))


def topics(**changes: Any) -> Plant:
    return lambda e: replace(e, topics=replace(e.topics, **changes))


def expected(**changes: Any) -> Plant:
    return lambda e: replace(e, expected=replace(e.expected, **changes))


def evidence(**changes: Any) -> Plant:
    return lambda e: replace(e, **changes)


def store(number: int, **changes: Any) -> Plant:
    def plant(e: Evidence) -> Evidence:
        stores = list(e.stores)
        stores[number] = replace(stores[number], **changes)
        return replace(e, stores=tuple(stores))

    return plant


def obligations(holder: str, **changes: Any) -> Plant:
    def plant(e: Evidence) -> Evidence:
        changed = (replace(one, **changes) if one.holder == holder else one for one in e.ledger.obligations)
        return replace(e, ledger=replace(e.ledger, obligations=tuple(changed)))

    return plant


def order(**changes: Any) -> Plant:
    def plant(e: Evidence) -> Evidence:
        changed = tuple(replace(one, **changes) for one in e.ledger.orders)
        return replace(e, ledger=replace(e.ledger, orders=changed))

    return plant
