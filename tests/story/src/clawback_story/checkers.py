"""The checkers: pure functions over the evidence.

Each returns the problems it finds as text; none if there are none.
"""

from collections import Counter
from collections.abc import Callable, Collection
from uuid import UUID

from clawback_story import operation_checkers
from clawback_story.evidence import Evidence, Obligation, Order, Store
from clawback_story.problems import Problems, missing, some

LIVENESS_S = 60.0
NAMES_COUNTED = "table analytics.value"
"""Where analytics has the names by which it counts."""
OK, GONE = 200, 410
TRAFFIC_MIN = 0.9
"""The minimum share of the planned traffic; a run with less proves nothing."""

SEARCHED = (
    *(f"table {name}." for name in ("ingester", "compliance", "analytics", "alerting", "retention")),
    "logs/",
    "mail/",
    "sms/",
    "cache/",
)
"""Where articles' words are searched and must not be. A search that covers nothing would find nothing."""

Checker = Callable[[Evidence], Problems]


def last_orders(evidence: Evidence) -> dict[str, Order]:
    """Returns the order in force on each article."""
    last: dict[str, Order] = {}
    for order in evidence.ledger.orders:
        known = last.get(order.article_id)
        if known is None or order.order_no > known.order_no:
            last[order.article_id] = order
    return last


def _prompt(evidence: Evidence) -> dict[str, str]:
    return {name: kind for name, kind in evidence.ledger.holders.items() if kind != "expiry"}


def c1_lost(evidence: Evidence) -> Problems:
    """Every revocation has an order, every holder executed it, and the order is closed."""
    last, gone = last_orders(evidence), evidence.expected.gone
    noticed = {notice.article_id for notice in evidence.ledger.notices}
    closed = {
        (one.revocation_id, one.holder) for one in evidence.ledger.obligations if one.state == "verified"
    }
    ordered = {one for one in gone if one in last and last[one].kind == "revoked"}
    unfinished = {
        f"{article_id} at {holder}"
        for article_id in ordered
        for holder in _prompt(evidence)
        if (last[article_id].revocation_id, holder) not in closed
    }
    return [
        *missing("revoked without a notice", gone - noticed),
        *missing("revoked without an order", gone - ordered),
        *missing("not verified", unfinished),
        *missing("order not closed", {one for one in ordered if last[one].closed_at is None}),
    ]


def c2_resurrected(evidence: Evidence) -> Problems:
    """No revoked article is held or readable anywhere, by id or by text."""
    expected = evidence.expected
    unwanted = expected.gone | expected.absent
    problems = []
    for store in evidence.stores:
        texts = {expected.owners[token] for token in store.tokens if expected.owners.get(token) in unwanted}
        problems += missing(f"{store.name} holds revoked articles", store.ids & unwanted)
        problems += missing(f"{store.name} has texts of revoked articles", texts)
    readable = {one for one, status in evidence.api_answers.items() if status != 410}
    problems += missing("the API does not answer 410", readable)
    if not evidence.api_answers:
        problems.append("the API was not checked")
    problems += missing("the API's list of revoked ids differs in", expected.gone ^ evidence.api_revoked)
    for holder, answers in evidence.holdings.items():
        held = {one for one in expected.gone if answers.get(one) != "gone"}
        problems += missing(f"{holder} does not report as gone", held)
    return problems


def c3_stale_serve(evidence: Evidence) -> Problems:
    """No article was served after its removal from the ingester was verified."""
    by_order = _by_order(evidence)
    removed_at = {
        article_id: one.verified_at
        for article_id, order in last_orders(evidence).items()
        for one in by_order.get(order.revocation_id, ())
        if one.holder == "ingester" and one.verified_at is not None and article_id in evidence.expected.gone
    }
    stale = {
        seen.article_id
        for seen in evidence.history.served
        if seen.status == OK and seen.article_id in removed_at and seen.at > removed_at[seen.article_id]
    }
    return missing("served after its removal", stale)


def c4_late(evidence: Evidence) -> Problems:
    """Every prompt obligation was closed before it was due."""
    late = {
        f"{one.holder} {one.revocation_id}"
        for one in evidence.ledger.obligations
        if one.kind != "expiry"
        and one.state != "superseded"
        and (one.verified_at or evidence.checked_at) > one.due_at
    }
    return missing("late", late)


def c5_residue(evidence: Evidence) -> Problems:
    """No words of any article outside the content stores: not in logs, tables, mails, or on other topics.

    Analytics has the names of authors whose articles it counts, and of no others.
    """
    found = {**evidence.leaks, **{f"topic {name}": found for name, found in evidence.topics.leaks.items()}}
    expected = evidence.expected
    counted = frozenset().union(*(expected.held[one] for one in expected.held.keys() - expected.swept))
    if NAMES_COUNTED in found:
        found[NAMES_COUNTED] -= counted
    return [
        f"{place} has words of {some({expected.owners.get(t, t) or 'garbage' for t in tokens})}"
        for place, tokens in found.items()
        if tokens
    ]


def c6_doubled(evidence: Evidence) -> Problems:
    """One order per revocation, one dead letter per invalid record."""
    orders = Counter(order.article_id for order in evidence.ledger.orders)
    twice = {
        article_id
        for article_id, count in orders.items()
        if count > (2 if article_id in evidence.history.reinstated else 1)
    }
    letters: dict[tuple[str, str, int, int], set[str]] = {}
    for letter in evidence.topics.letters:
        place = letter.group, letter.topic, letter.partition, letter.offset
        letters.setdefault(place, set()).add(letter.ce_id)
    doubled = {
        f"{one.group}: {one.topic}-{one.partition} {one.offset}"
        for one in evidence.history.bad_records
        if len(letters.get((one.group, one.topic, one.partition, one.offset), set())) > 1
    }
    repeats = Counter((one.by, one.reference) for one in evidence.sent)
    sent_twice = {f"{by} {reference}" for (by, reference), count in repeats.items() if count > 1}
    return [
        *missing("ordered twice", twice),
        *missing("more than one dead letter", doubled),
        *missing("sent twice", sent_twice),
    ]


def c7_one_to_one(evidence: Evidence) -> Problems:
    """The ingester's revoked articles are those that compliance ordered; every holder has an obligation per order."""
    ordered = {one: order.order_no for one, order in last_orders(evidence).items() if order.kind == "revoked"}
    wrong = {
        one
        for one in ordered.keys() | evidence.revoked_rows.keys()
        if ordered.get(one) != evidence.revoked_rows.get(one)
    }
    owed = {(one.revocation_id, one.holder) for one in evidence.ledger.obligations}
    unowed = {
        f"{order.article_id} at {holder}"
        for order in evidence.ledger.orders
        for holder, kind in evidence.ledger.holders.items()
        if (order.revocation_id, holder) not in owed and (kind != "expiry" or order.kind == "revoked")
    }
    by_order = _by_order(evidence)
    unanswered = {
        f"{order.article_id} by {one.holder}"
        for order in evidence.ledger.orders
        for one in by_order.get(order.revocation_id, ())
        if one.kind != "expiry"
        and one.state == "verified"
        and (order.article_id, order.order_no, one.holder) not in evidence.ledger.receipts
    }
    return [
        *missing("order and store differ", wrong),
        *missing("no obligation of", unowed),
        *missing("closed without an answer", unanswered),
    ]


def _by_order(evidence: Evidence) -> dict[UUID, list[Obligation]]:
    found: dict[UUID, list[Obligation]] = {}
    for one in evidence.ledger.obligations:
        found.setdefault(one.revocation_id, []).append(one)
    return found


def c8_backwards(evidence: Evidence) -> Problems:
    """Versions only increase on the topic, and every holder has the latest one."""
    by_store = {store.name: store.versions for store in evidence.stores if store.versions is not None}
    ours = by_store.pop("the ingester's database")
    problems = missing("a version followed by an older one", set(evidence.topics.backwards))
    for name, theirs in by_store.items():
        behind = {one for one in evidence.expected.held if one in theirs and theirs[one] != ours.get(one)}
        problems += missing(f"{name} has another version", behind)
    return problems


def c9_without_cause(evidence: Evidence) -> Problems:
    """Every article that was not revoked is still held, with its text, and nothing that was never offered."""
    expected, problems = evidence.expected, Problems()
    for store in evidence.stores:
        if store.whole:
            must = expected.held.keys() - expected.swept if store.ours else expected.held.keys()
            wanted = {token for one in must for token in expected.held[one]}
            problems += missing(f"{store.name} lacks", must - store.ids)
            lacking = {expected.owners[token] for token in wanted - store.tokens if store.with_texts}
            problems += missing(f"{store.name} lacks the text of", lacking)
            strange = store.ids - expected.held.keys() - expected.gone - expected.absent
            problems += _texts_of_others(evidence, store, wanted)
            problems += missing(f"{store.name} holds what was never offered", strange)
    return problems


def _texts_of_others(evidence: Evidence, store: Store, wanted: Collection[str]) -> Problems:
    owners = evidence.expected.owners
    older = {owners.get(token) or "garbage" for token in store.tokens.difference(wanted)}
    return missing(f"{store.name} does not have the latest text of", older - evidence.expected.gone)


def c10_vacuity(evidence: Evidence) -> Problems:
    """Enough happened: traffic, revocations in flight at each fault, every planned failure, no empty store."""
    sizes, history = evidence.sizes, evidence.history
    held_min = TRAFFIC_MIN * (sizes.offered - sizes.ordinary)
    problems = [
        f"{store.name} holds only {len(store.ids)}"
        for store in evidence.stores
        if store.whole and len(store.ids) < held_min
    ]
    if len(evidence.expected.gone) < TRAFFIC_MIN * sizes.revoked:
        problems.append(f"only {len(evidence.expected.gone)} articles are revoked")
    if not history.faults:
        problems.append("there was no fault")
    problems += [f"nothing was in flight at: {one.what}" for one in history.faults if one.in_flight <= 0]
    problems += [
        f"the provider should have answered with {mode} {times} times and did {evidence.injected.get(mode, 0)} times"
        for mode, times in history.planned.items()
        if evidence.injected.get(mode, 0) < times
    ]
    if not history.served:
        problems.append("nothing was read while articles were revoked")
    if not evidence.topics.content_tokens:
        problems.append("the search of topics finds nothing where content is")
    problems += [
        f"nothing was searched under {place}"
        for place in SEARCHED
        if not any(one.startswith(place) for one in evidence.scanned)
    ]
    return problems


def c11_liveness(evidence: Evidence) -> Problems:
    """After the last fault everything was processed within a minute."""
    return [
        f"{what} took {seconds:.0f} s to drain"
        for what, seconds in evidence.history.drained_after_s.items()
        if seconds > LIVENESS_S
    ]


ALL: dict[str, Checker] = {
    "C1 lost": c1_lost,
    "C2 resurrected": c2_resurrected,
    "C3 stale serve": c3_stale_serve,
    "C4 late": c4_late,
    "C5 residue": c5_residue,
    "C6 doubled": c6_doubled,
    "C7 one to one": c7_one_to_one,
    "C8 backwards": c8_backwards,
    "C9 removed without cause": c9_without_cause,
    "C10 vacuity": c10_vacuity,
    "C11 liveness": c11_liveness,
    "C12 miscounted": operation_checkers.c12_miscounted,
    "C13 not notified": operation_checkers.c13_not_notified,
    "C14 unswept": operation_checkers.c14_unswept,
    "C15 unnoticed": operation_checkers.c15_unnoticed,
}
