"""Each defect is planted in the evidence, and the responsible checker must find it."""

from datetime import timedelta

import pytest

from clawback_story import checkers, operation_checkers, promises
from clawback_story.history import CountsSeen, FailedPoll, Fault, Refusal, RunSeen, Served
from clawback_story.plan import Sizes
from tests.story.tests.sound_evidence import (
    DAY,
    GONE,
    GONE_TEXT,
    HELD,
    KINDS,
    NOW,
    OLD_TEXT,
    SWEPT,
    SWEPT_TEXT,
    TEXT,
    Plant,
    evidence,
    expected,
    health,
    history,
    ledger,
    obligations,
    order,
    replace,
    sent,
    sound,
    store,
    sweeps,
    topics,
    without,
)

DEFECTS: list[tuple[str, str, Plant]] = [
    ("a notice that was lost", "C1 lost", ledger(notices=())),
    ("an order that was never issued", "C1 lost", ledger(orders=())),
    ("a holder that never finished", "C1 lost", obligations("search", state="notified")),
    ("an order that is not closed", "C1 lost", order(closed_at=None)),
    ("a revoked id in a store", "C2 resurrected", store(0, ids=frozenset({HELD, GONE}))),
    ("a revoked id in analytics", "C2 resurrected", store(3, ids=frozenset({HELD, GONE}))),
    ("a revoked text in a store", "C2 resurrected", store(1, tokens=frozenset({TEXT, GONE_TEXT}))),
    ("a revoked text in quarantine", "C2 resurrected", store(2, tokens=frozenset({GONE_TEXT}))),
    (
        "a reinstated id in a store",
        "C2 resurrected",
        expected(absent=frozenset({HELD}), held={}),
    ),
    ("an API that serves", "C2 resurrected", evidence(api_answers={GONE: 200})),
    ("an API that was not queried", "C2 resurrected", evidence(api_answers={})),
    ("an API that forgot", "C2 resurrected", evidence(api_revoked=frozenset())),
    ("unknown taken for gone", "C2 resurrected", evidence(holdings={"search": {GONE: "unknown"}})),
    (
        "an article served after its removal",
        "C3 stale serve",
        history(served=[Served(NOW + timedelta(seconds=2), GONE, 200)]),
    ),
    ("an obligation closed too late", "C4 late", obligations("search", verified_at=NOW + 2 * DAY)),
    (
        "one that is open and past due",
        "C4 late",
        obligations("search", verified_at=None, state="open", due_at=NOW),
    ),
    (
        "name of a revoked article's author still counted",
        "C5 residue",
        evidence(leaks={"table analytics.value": frozenset({GONE_TEXT})}),
    ),
    ("content in a log", "C5 residue", evidence(leaks={"logs/api.log": frozenset({TEXT})})),
    ("content in a dead letter", "C5 residue", topics(leaks={"ingester.dlq.v1": frozenset({GONE_TEXT})})),
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
    ("a store revoked without an order", "C7 one to one", evidence(revoked_rows={GONE: 1, HELD: 1})),
    ("another order in the store", "C7 one to one", evidence(revoked_rows={GONE: 2})),
    ("a holder that owes nothing", "C7 one to one", ledger(holders={**KINDS, "site": "consumer"})),
    ("closed without an answer", "C7 one to one", ledger(receipts=frozenset())),
    ("an old version after a new one", "C8 backwards", topics(backwards=(HELD,))),
    ("analytics with an old version", "C8 backwards", store(3, versions={HELD: 1})),
    ("a message that was sent twice", "C6 doubled", sent(lambda sent: (*sent, sent[0]))),
    ("a consumer with an old version", "C8 backwards", store(1, versions={HELD: 1})),
    (
        "everything deleted",
        "C9 removed without cause",
        store(0, ids=frozenset(), tokens=frozenset()),
    ),
    ("everything uncounted", "C9 removed without cause", store(3, ids=frozenset())),
    (
        "a sweep that reached a consumer",
        "C9 removed without cause",
        store(1, ids=frozenset({HELD}), tokens=frozenset({TEXT})),
    ),
    ("a text that is not there", "C9 removed without cause", store(0, tokens=frozenset())),
    (
        "a text of an older version",
        "C9 removed without cause",
        store(0, tokens=frozenset({TEXT, OLD_TEXT})),
    ),
    (
        "an article that nobody offered",
        "C9 removed without cause",
        store(0, ids=frozenset({HELD, "metabase:9"})),
    ),
    ("nothing was broken", "C10 vacuity", history(faults=[])),
    ("a fault that met nothing", "C10 vacuity", history(faults=[Fault("SIGKILL", NOW, 0)])),
    ("a failure that was never injected", "C10 vacuity", evidence(injected={})),
    ("nobody read", "C10 vacuity", history(served=[])),
    ("a search that finds nothing", "C10 vacuity", topics(content_tokens=0)),
    ("nothing searched", "C10 vacuity", evidence(scanned={})),
    ("too little traffic", "C10 vacuity", evidence(sizes=Sizes(50, 0, 0, 1, 0, 0, 0))),
    ("too few revocations", "C10 vacuity", evidence(sizes=Sizes(1, 0, 0, 50, 0, 0, 0))),
    (
        "a cache that was not searched",
        "C10 vacuity",
        evidence(scanned={place: 0 for place in checkers.SEARCHED if place != "cache/"}),
    ),
    (
        "a count that is wrong",
        "C12 miscounted",
        history(counts=[CountsSeen("before", "topics", 3, ("Energy: 2 instead of 3",))]),
    ),
    ("a rollup that drifted", "C12 miscounted", evidence(miscounted=1)),
    (
        "counts that were compared only once",
        "C12 miscounted",
        lambda e: replace(e, history=replace(e.history, counts=e.history.counts[:3])),
    ),
    ("nothing counted", "C12 miscounted", evidence(rollups=0)),
    ("a summary that nobody was sent", "C13 not notified", without("mail", operation_checkers.SUMMARY)),
    ("a failed run without a text message", "C13 not notified", without("sms", operation_checkers.FAILED)),
    ("revoked articles without a mail", "C13 not notified", without("mail", operation_checkers.FOUND)),
    (
        "two mails on one failed run",
        "C13 not notified",
        sent(lambda sent: (*sent, replace(sent[0], reference="another"))),
    ),
    (
        "somebody else was notified",
        "C13 not notified",
        sent(lambda sent: tuple(replace(one, to="nobody@clawback.example") for one in sent)),
    ),
    ("a swept id in a store", "C14 unswept", store(0, ids=frozenset({HELD, SWEPT}))),
    ("a swept text in a quarantine", "C14 unswept", store(2, tokens=frozenset({SWEPT_TEXT}))),
    ("a swept id that is counted", "C14 unswept", store(3, ids=frozenset({HELD, SWEPT}))),
    ("a swept article that is served", "C14 unswept", evidence(swept_answers={SWEPT: 200})),
    ("an id that was forgotten with its text", "C14 unswept", evidence(outliving=frozenset())),
    ("an owner that failed", "C14 unswept", sweeps(outcome="failed")),
    ("an owner that is silent", "C14 unswept", sweeps(outcome="no answer")),
    ("an owner that removed what was held", "C14 unswept", sweeps(removed_ever=2, held=0)),
    ("nothing on hold", "C14 unswept", history(on_hold=set())),
    ("no sweep", "C14 unswept", evidence(sweeps=())),
    ("an article on hold is gone", "C9 removed without cause", store(0, ids=frozenset())),
    ("a part that nobody named", "C15 unnoticed", health(1, not_up=frozenset())),
    ("a system that is healthy without a part", "C15 unnoticed", health(1, status="healthy")),
    ("a system that stays degraded", "C15 unnoticed", health(0, status="degraded")),
    ("a health that answers 503", "C15 unnoticed", health(1, code=503)),
    ("nothing stopped", "C15 unnoticed", history(health=[])),
    ("a slow recovery", "C11 liveness", history(drained_after_s={"SIGKILL": 61.0})),
]


def test_sound_evidence_satisfies_every_checker_and_promise() -> None:
    assert {name: found for name, check in checkers.ALL.items() if (found := check(sound()))} == {}
    assert promises.broken(promises.verify_all(sound())) == []


@pytest.mark.parametrize(("what", "name", "plant"), DEFECTS, ids=[what for what, _, _ in DEFECTS])
def test_a_planted_defect_is_found_by_its_checker(what: str, name: str, plant: Plant) -> None:
    assert checkers.ALL[name](plant(sound())), what


BREACHES: list[tuple[str, str, Plant]] = [
    ("a clock that starts late", "3", order(clock_started_at=NOW + timedelta(hours=1))),
    ("another deadline", "3", order(due_at=NOW + 2 * DAY)),
    ("a store believed at its word", "4", obligations("ingester", how="receipt")),
    ("a cursor moved on a failure", "6", history(failed_polls=[FailedPoll("f", "HTML", 502, "5", "6", "failing")])),
    ("acknowledged and lost", "6", history(acknowledged={HELD, "partner:1"})),
    ("no dead letter", "7", topics(letters=())),
    (
        "a service without a dead letter",
        "7",
        lambda e: replace(e, topics=replace(e.topics, letters=e.topics.letters[:1])),
    ),
    ("no incident", "7", evidence(incidents_seen=1)),
    ("a source that accepted garbage", "7", history(refusals=[Refusal("webhook", "a bad signature", (401,), 202)])),
    ("a spoilt article that vanished", "7", evidence(quarantined={})),
    ("a record that no model reads", "8", topics(unreadable=("articles.v1-0 3: value_invalid",))),
    ("HTML read as nothing revoked", "9", history(failed_polls=[FailedPoll("f", "HTML", 200, "5", "5", "ok")])),
    ("a failed run with exit code 0", "9", history(runs=[RunSeen("HTML", 0, (1,), ())])),
    ("a failed run without a record", "9", ledger(runs=("completed",))),
    ("no record of a quiet day", "9", ledger(runs=("failed",))),
    ("a rollup that drifted", "10", evidence(miscounted=1)),
    ("nobody notified", "11", evidence(sent=())),
    ("a sweep that spared the old", "12", store(0, ids=frozenset({HELD, SWEPT}))),
    ("a part that nobody named", "13", health(1, not_up=frozenset())),
]  # fmt: skip


@pytest.mark.parametrize(("what", "number", "plant"), BREACHES, ids=[what for what, _, _ in BREACHES])
def test_a_planted_breach_breaks_its_guarantee(what: str, number: str, plant: Plant) -> None:
    verified = {one.text.partition(" ")[0]: one for one in promises.verify_all(plant(sound()))}
    assert verified[number].problems, what
