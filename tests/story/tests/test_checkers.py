"""A checker proves nothing until it has found what was planted: each defect, and who must find it."""

import dataclasses
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import pytest

from clawback_story import checkers, promises
from clawback_story.evidence import (
    Evidence,
    Expected,
    Ledger,
    Letter,
    Notice,
    Obligation,
    Order,
    Store,
    Topics,
)
from clawback_story.history import BadRecord, FailedPoll, Fault, History, Refusal, RunSeen, Served
from clawback_story.plan import Sizes

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
DAY = timedelta(hours=24)
SPACE = UUID(int=7)
HELD, GONE = "metabase:1", "metabase:2"
TEXT, OLD_TEXT, GONE_TEXT = "cnry-000000000001", "cnry-000000000002", "cnry-000000000003"
KINDS = {"ingester": "store", "search": "consumer", "kafka": "expiry"}

Plant = Callable[[Evidence], Evidence]
replace = dataclasses.replace


def sound() -> Evidence:
    """One article is held, one was revoked, and all is as it must be."""
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
    whole: dict[str, Any] = {
        "ids": frozenset({HELD}),
        "tokens": frozenset({TEXT}),
        "whole": True,
        "versions": {HELD: 2},
    }
    history = History(
        faults=[Fault("SIGKILL", NOW, 5)],
        refusals=[Refusal("webhook", "a bad signature", (401,), 401)],
        bad_records=[BadRecord("ingester", "revocations.v1", 0, 7, "a null value", incident=True)],
        served=[Served(NOW, GONE, 200), Served(NOW + timedelta(seconds=2), GONE, 410)],
        failed_polls=[FailedPoll("metabase-revoked", "HTML", 502, "5", "5", "failing")],
        runs=[RunSeen("HTML", 1, (1,), ()), RunSeen("a day", 0, (0,), ())],
        acknowledged={HELD},
        planned=Counter(html=1),
        spoilt=1,
        drained_after_s={"SIGKILL": 3.0},
    )
    return Evidence(
        sizes=Sizes(1, 0, 0, 1, 0, 0, 0),
        expected=Expected(
            {HELD: frozenset({TEXT})},
            frozenset({GONE}),
            frozenset(),
            {TEXT: HELD, OLD_TEXT: HELD, GONE_TEXT: GONE},
            1,
        ),
        history=history,
        stores=(
            Store(name="the ingester's database", **whole),
            Store(name="the consumer's store", **whole),
            Store("quarantine and deliveries", frozenset(), frozenset(), whole=False),
        ),
        ledger=Ledger(
            (order,),
            obligations,
            (Notice(GONE, "metabase-revoked", NOW, NOW, order.revocation_id),),
            frozenset({(GONE, 1, "ingester"), (GONE, 1, "search")}),
            ("failed", "completed"),
            KINDS,
        ),
        topics=Topics(
            records={"articles.v1": 3, "revocations.v1": 1},
            leaks={},
            unreadable=(),
            backwards=(),
            letters=(Letter("id-1", "ingester", "revocations.v1", 0, 7),),
            content_tokens=3,
        ),
        leaks={},
        scanned={"table ingester.article": 0, "logs/kafka.log": 0},
        api_answers={GONE: 410},
        api_revoked=frozenset({GONE}),
        holdings={"ingester": {GONE: "gone"}, "search": {GONE: "gone"}},
        incidents_open=0,
        incidents_seen=1,
        revoked_rows={GONE: 1},
        quarantined={"feed:metabase-articles": 1},
        injected={"html": 1},
        restarts=1,
        looked_at=NOW + timedelta(minutes=5),
    )


def _ledger(**changes: Any) -> Plant:
    return lambda e: replace(e, ledger=replace(e.ledger, **changes))


def _history(**changes: Any) -> Plant:
    return lambda e: replace(e, history=replace(e.history, **changes))


def _topics(**changes: Any) -> Plant:
    return lambda e: replace(e, topics=replace(e.topics, **changes))


def _expected(**changes: Any) -> Plant:
    return lambda e: replace(e, expected=replace(e.expected, **changes))


def _evidence(**changes: Any) -> Plant:
    return lambda e: replace(e, **changes)


def _store(number: int, **changes: Any) -> Plant:
    def plant(e: Evidence) -> Evidence:
        stores = list(e.stores)
        stores[number] = replace(stores[number], **changes)
        return replace(e, stores=tuple(stores))

    return plant


def _obligations(holder: str, **changes: Any) -> Plant:
    def plant(e: Evidence) -> Evidence:
        changed = (replace(one, **changes) if one.holder == holder else one for one in e.ledger.obligations)
        return replace(e, ledger=replace(e.ledger, obligations=tuple(changed)))

    return plant


def _order(**changes: Any) -> Plant:
    def plant(e: Evidence) -> Evidence:
        changed = tuple(replace(one, **changes) for one in e.ledger.orders)
        return replace(e, ledger=replace(e.ledger, orders=changed))

    return plant


DEFECTS: list[tuple[str, str, Plant]] = [
    ("a notice that was lost", "C1 lost", _ledger(notices=())),
    ("an order that was never given", "C1 lost", _ledger(orders=())),
    ("a holder that never finished", "C1 lost", _obligations("search", state="notified")),
    ("an order that is not closed", "C1 lost", _order(closed_at=None)),
    ("a revoked id in a store", "C2 resurrected", _store(0, ids=frozenset({HELD, GONE}))),
    ("a revoked text in a store", "C2 resurrected", _store(1, tokens=frozenset({TEXT, GONE_TEXT}))),
    ("a revoked text in quarantine", "C2 resurrected", _store(2, tokens=frozenset({GONE_TEXT}))),
    (
        "a reinstated id in a store",
        "C2 resurrected",
        _expected(absent=frozenset({HELD}), held={}),
    ),
    ("an API that serves", "C2 resurrected", _evidence(api_answers={GONE: 200})),
    ("an API that was not asked", "C2 resurrected", _evidence(api_answers={})),
    ("an API that forgot", "C2 resurrected", _evidence(api_revoked=frozenset())),
    ("unknown taken for gone", "C2 resurrected", _evidence(holdings={"search": {GONE: "unknown"}})),
    (
        "an article served after its removal",
        "C3 stale serve",
        _history(served=[Served(NOW + timedelta(seconds=2), GONE, 200)]),
    ),
    ("an obligation closed too late", "C4 late", _obligations("search", verified_at=NOW + 2 * DAY)),
    (
        "one that is open and past due",
        "C4 late",
        _obligations("search", verified_at=None, state="open", due_at=NOW),
    ),
    ("content in a log", "C5 residue", _evidence(leaks={"logs/api.log": frozenset({TEXT})})),
    ("content in a dead letter", "C5 residue", _topics(leaks={"ingester.dlq.v1": frozenset({GONE_TEXT})})),
    (
        "two orders on one revocation",
        "C6 doubled",
        lambda e: replace(e, ledger=replace(e.ledger, orders=e.ledger.orders * 2)),
    ),
    (
        "two dead letters of one record",
        "C6 doubled",
        lambda e: replace(
            e,
            topics=replace(e.topics, letters=(*e.topics.letters, replace(e.topics.letters[0], ce_id="id-2"))),
        ),
    ),
    ("a store revoked without an order", "C7 one to one", _evidence(revoked_rows={GONE: 1, HELD: 1})),
    ("another order in the store", "C7 one to one", _evidence(revoked_rows={GONE: 2})),
    ("a holder that owes nothing", "C7 one to one", _ledger(holders={**KINDS, "site": "consumer"})),
    ("closed without an answer", "C7 one to one", _ledger(receipts=frozenset())),
    ("an old version after a new one", "C8 backwards", _topics(backwards=(HELD,))),
    ("a consumer with an old version", "C8 backwards", _store(1, versions={HELD: 1})),
    (
        "everything deleted",
        "C9 removed without cause",
        _store(0, ids=frozenset(), tokens=frozenset()),
    ),
    ("a text that is not there", "C9 removed without cause", _store(0, tokens=frozenset())),
    (
        "a text of an older version",
        "C9 removed without cause",
        _store(0, tokens=frozenset({TEXT, OLD_TEXT})),
    ),
    (
        "an article that nobody offered",
        "C9 removed without cause",
        _store(0, ids=frozenset({HELD, "metabase:9"})),
    ),
    ("nothing was broken", "C10 vacuity", _history(faults=[])),
    ("a fault that met nothing", "C10 vacuity", _history(faults=[Fault("SIGKILL", NOW, 0)])),
    ("a failure that never came", "C10 vacuity", _evidence(injected={})),
    ("nobody read", "C10 vacuity", _history(served=[])),
    ("a search that finds nothing", "C10 vacuity", _topics(content_tokens=0)),
    ("nothing searched", "C10 vacuity", _evidence(scanned={})),
    ("too little traffic", "C10 vacuity", _evidence(sizes=Sizes(50, 0, 0, 1, 0, 0, 0))),
    ("too few revocations", "C10 vacuity", _evidence(sizes=Sizes(1, 0, 0, 50, 0, 0, 0))),
    ("a slow recovery", "C11 liveness", _history(drained_after_s={"SIGKILL": 61.0})),
]


def test_sound_evidence_satisfies_every_checker_and_promise() -> None:
    assert {name: said for name, check in checkers.ALL.items() if (said := check(sound()))} == {}
    assert promises.broken(promises.judge(sound())) == []


@pytest.mark.parametrize(("what", "name", "plant"), DEFECTS, ids=[what for what, _, _ in DEFECTS])
def test_a_planted_defect_is_found_by_its_checker(what: str, name: str, plant: Plant) -> None:
    assert checkers.ALL[name](plant(sound())), what


BREACHES: list[tuple[str, str, Plant]] = [
    ("a clock that starts late", "3", _order(clock_started_at=NOW + timedelta(hours=1))),
    ("another deadline", "3", _order(due_at=NOW + 2 * DAY)),
    ("a store believed at its word", "4", _obligations("ingester", how="receipt")),
    ("a cursor moved on a failure", "6", _history(failed_polls=[FailedPoll("f", "HTML", 502, "5", "6", "failing")])),
    ("acknowledged and lost", "6", _history(acknowledged={HELD, "partner:1"})),
    ("no dead letter", "7", _topics(letters=())),
    ("no incident", "7", _evidence(incidents_seen=0)),
    ("a door that took garbage", "7", _history(refusals=[Refusal("webhook", "a bad signature", (401,), 202)])),
    ("a spoilt article that vanished", "7", _evidence(quarantined={})),
    ("a record that no model reads", "8", _topics(unreadable=("articles.v1-0 3: bad_body",))),
    ("HTML read as nothing revoked", "9", _history(failed_polls=[FailedPoll("f", "HTML", 200, "5", "5", "ok")])),
    ("a failed run with exit code 0", "9", _history(runs=[RunSeen("HTML", 0, (1,), ())])),
    ("a failed run without a record", "9", _ledger(runs=("completed",))),
    ("no record of a quiet day", "9", _ledger(runs=("failed",))),
]  # fmt: skip


@pytest.mark.parametrize(("what", "number", "plant"), BREACHES, ids=[what for what, _, _ in BREACHES])
def test_a_planted_breach_breaks_its_promise(what: str, number: str, plant: Plant) -> None:
    judged = {one.text.partition(" ")[0]: one for one in promises.judge(plant(sound()))}
    assert judged[number].problems, what
