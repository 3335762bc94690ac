"""The guarantees, each verified by its checkers and shown with its evidence."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from clawback_story import checkers, operation_checkers
from clawback_story.evidence import Evidence
from clawback_story.problems import Problems, some
from clawback_story.scanning import CONTENT_TOPICS

DEADLINE = timedelta(hours=24)
BAD_GATEWAY = 502


@dataclass(frozen=True, slots=True)
class Promise:
    """One line of the final list."""

    text: str
    evidence: str
    problems: tuple[str, ...]


def verify_all(evidence: Evidence) -> list[Promise]:
    """Returns every guarantee, and whether it was kept."""
    return [
        Promise(text, shown, tuple(problems))
        for text, shown, problems in (
            _never_lost(evidence),
            _never_back(evidence),
            _clock(evidence),
            _verified(evidence),
            _no_content(evidence),
            _durable(evidence),
            _one_bad_record(evidence),
            _contract(evidence),
            _failing_provider(evidence),
            _counted(evidence),
            _notified(evidence),
            _swept(evidence),
            _noticed(evidence),
            _enough(evidence),
        )
    ]


Line = tuple[str, str, Problems]


def _never_lost(evidence: Evidence) -> Line:
    gone, ledger = evidence.expected.gone, evidence.ledger
    noticed = len({notice.article_id for notice in ledger.notices})
    closed = sum(1 for order in ledger.orders if order.closed_at is not None)
    faults = ", ".join(f"{one.what} with {one.in_flight} open" for one in evidence.history.faults)
    shown = f"{len(gone)} revoked ids, {noticed} noticed, {len(ledger.orders)} orders, {closed} closed, after {faults}"
    problems = [
        *checkers.c1_lost(evidence),
        *checkers.c7_one_to_one(evidence),
        *checkers.c11_liveness(evidence),
    ]
    return "1 a notice is never lost", shown, problems


def _never_back(evidence: Evidence) -> Line:
    sizes = evidence.sizes
    shown = (
        f"0 of {len(evidence.expected.gone)} readable in {len(evidence.stores)} stores and {len(evidence.holdings)} "
        f"holdings, 410 from the API; {sizes.afterwards} were delivered after their revocation, {sizes.again} were "
        "redelivered, 1 old text arrived late"
    )
    problems = [
        *checkers.c2_resurrected(evidence),
        *checkers.c3_stale_serve(evidence),
        *checkers.c8_backwards(evidence),
    ]
    return "2 a revoked article never comes back", shown, problems


def _clock(evidence: Evidence) -> Line:
    """The deadline counts from the earliest possible time of the revocation."""
    problems = checkers.c4_late(evidence)
    earliest: dict[UUID, datetime] = {}
    for notice in evidence.ledger.notices:
        known = earliest.get(notice.revocation_id)
        started = notice.earliest_at or notice.noticed_at
        earliest[notice.revocation_id] = min(known, started) if known else started
    dated = 0
    for order in evidence.ledger.orders:
        if order.kind != "revoked":
            continue
        start = order.revoked_at or earliest.get(order.revocation_id)
        if start is None or order.clock_started_at > start:
            problems.append(f"the clock of {order.article_id} started late")
        if order.due_at - order.clock_started_at != DEADLINE:
            problems.append(
                f"{order.article_id} is due {order.due_at - order.clock_started_at} after its clock"
            )
        dated += 1
    shown = (
        f"{dated} clocks start at the last complete poll before, or earlier; all closed before they were due"
    )
    return "3 the clock starts at the provider's time", shown, problems


def _verified(evidence: Evidence) -> Line:
    revoked = {order.revocation_id for order in evidence.ledger.orders if order.kind == "revoked"}
    problems = [
        f"{one.holder} closed {one.revocation_id} by {one.how}"
        for one in evidence.ledger.obligations
        if one.kind == "store" and one.revocation_id in revoked
        if one.state == "verified" and one.how != "holdings"
    ]
    looked = sum(1 for one in evidence.ledger.obligations if one.kind == "store" and one.how == "holdings")
    kept = sum(1 for store in evidence.stores if store.whole)
    shown = (
        f"{looked} obligations of our stores closed by a check; {len(evidence.expected.held):,} articles that were not "
        f"revoked are in all {kept} complete stores, with their texts, except {len(evidence.expected.swept)} that were "
        "swept from ours"
    )
    problems += checkers.c9_without_cause(evidence)
    return "4 removed means verified", shown, problems


def _no_content(evidence: Evidence) -> Line:
    outside = [place for place in evidence.scanned if place.startswith(checkers.SEARCHED)]
    quiet = [name for name in evidence.topics.records if name not in CONTENT_TOPICS]
    shown = (
        f"0 words of articles in {len(outside)} tables, logs, mails, text messages and cached answers and {len(quiet)} "
        "topics; the same search finds "
        f"{evidence.topics.content_tokens:,} on the topics of articles"
    )
    return "5 no content outside the content stores", shown, checkers.c5_residue(evidence)


def _durable(evidence: Evidence) -> Line:
    history, held = evidence.history, evidence.expected.held
    lost = {
        one
        for one in history.acknowledged - evidence.expected.gone
        if one not in held
        or any(
            one not in store.ids
            for store in evidence.stores
            if store.whole and not (store.ours and one in evidence.expected.swept)
        )
    }
    moved = [one for one in history.failed_polls if one.cursor_before != one.cursor_after]
    problems = [f"acknowledged and lost: {some(lost)}"] if lost else []
    problems += [f"the cursor of {one.feed} moved on {one.what}" for one in moved]
    shown = (
        f"{len(history.acknowledged)} acknowledged articles are held after the SIGKILL; "
        f"{len(history.failed_polls)} failed polls moved no cursor"
    )
    return "6 nothing is acknowledged before it is durable", shown, problems


def _one_bad_record(evidence: Evidence) -> Line:
    history = evidence.history
    lettered = {(one.group, one.topic, one.partition, one.offset) for one in evidence.topics.letters}
    silent = [
        one
        for one in history.bad_records
        if (one.group, one.topic, one.partition, one.offset) not in lettered
    ]
    problems = [f"no dead letter of {one.group} for {one.what} on {one.topic}" for one in silent]
    problems += checkers.c6_doubled(evidence)
    problems += [
        f"{one.source} answered {one.what} with {one.got}, not {' or '.join(map(str, one.expected))}"
        for one in history.refusals
        if not one.right
    ]
    wanted = sum(1 for one in history.bad_records if one.incident)
    if evidence.incidents_seen < wanted:
        problems.append(
            f"{evidence.incidents_seen} incidents for {wanted} undecodable records on revocation topics"
        )
    if evidence.incidents_open:
        problems.append(f"{evidence.incidents_open} incidents are still open")
    feed = sum(count for source, count in evidence.quarantined.items() if source.startswith("feed:"))
    if feed != history.spoilt:
        problems.append(f"{feed} of {history.spoilt} invalid articles of the feed are in quarantine")
    shown = (
        f"{len(history.bad_records)} times a service received an invalid record, one dead letter each; {wanted} "
        "incidents, closed by an officer; "
        f"{len(history.refusals)} bad requests answered as documented; {feed} invalid articles in quarantine"
    )
    return "7 an invalid record affects no other record", shown, problems


def _contract(evidence: Evidence) -> Line:
    records = sum(evidence.topics.records.values())
    shown = (
        f"{records:,} records on {len(evidence.topics.records)} topics, read by the contract's models; the consumer is "
        "the contract's own example"
    )
    return "8 old consumers keep working", shown, list(evidence.topics.unreadable)


def _failing_provider(evidence: Evidence) -> Line:
    history = evidence.history
    problems = [
        f"{one.feed} reported {one.what} as {one.state}, with {one.status}"
        for one in history.failed_polls
        if one.status != BAD_GATEWAY or one.state not in {"failing", "stopped"}
    ]
    problems += [
        f"the run on {one.why} ended with {one.exit_code}"
        for one in history.runs
        if one.exit_code not in one.exit_codes_expected
    ]
    failed, completed = evidence.ledger.runs.count("failed"), evidence.ledger.runs.count("completed")
    wanted = sum(1 for one in history.runs if 1 in one.exit_codes_expected)
    if failed != wanted or completed < len(history.runs) - wanted:
        problems.append(f"{failed} runs failed and {completed} completed, of {len(history.runs)}")
    modes = ", ".join(f"{mode} {times}" for mode, times in sorted(evidence.injected.items()))
    shown = (
        f"answered with {modes}; {failed} run failed and reports it, {completed} completed, one of them without "
        "findings"
    )
    return "9 a provider failure is reported as a failure", shown, problems


def _counted(evidence: Evidence) -> Line:
    counts = evidence.history.counts
    by_when = dict.fromkeys(one.when for one in counts)
    sums = [next(one.articles for one in counts if one.when == when) for when in by_when]
    totals = ", ".join(f"{articles:,} {when}" for when, articles in zip(by_when, sums, strict=True))
    shown = (
        f"{totals}: {len(counts)} answers by source, day and topic, each as expected from the provider's data and the "
        f"writers' lists; {evidence.rollups:,} rollups equal a recount of the facets"
    )
    return "10 deleted articles are no longer counted", shown, operation_checkers.c12_miscounted(evidence)


def _notified(evidence: Evidence) -> Line:
    def times(name: str) -> str:
        seen = [
            len(operation_checkers.raised(evidence.sent, by, name))
            for by in (operation_checkers.MAIL, operation_checkers.SMS)
        ]
        return f"{name} {seen[0]} by mail and {seen[1]} by SMS"

    names = (operation_checkers.FOUND, operation_checkers.FAILED, operation_checkers.SUMMARY)
    shown = (
        f"the officer: {', '.join(map(times, names))}, each once; {len(evidence.sent)} messages in the sinks, none "
        "twice, no words of articles in any"
    )
    return "11 people are notified, once", shown, operation_checkers.c13_not_notified(evidence)


def _swept(evidence: Evidence) -> Line:
    history = evidence.history
    limit = f"{history.floor:%Y-%m-%d}" if history.floor else "never"
    shown = (
        f"{len(history.swept)} articles from before {limit} are in no store of ours, {len(history.on_hold)} on hold "
        f"is kept; {len(evidence.sweeps)} answers of owners; redelivered swept and revoked ids are rejected; "
        f"{len(history.revoked_when_swept)} was revoked after it was swept, and removed by the consumer that held it"
    )
    return "12 old data is deleted, held data is kept", shown, operation_checkers.c14_unswept(evidence)


def _noticed(evidence: Evidence) -> Line:
    shown = "; ".join(f"{one.when}: {one.status}" for one in evidence.history.health)
    return "13 a stopped part is named", shown, operation_checkers.c15_unnoticed(evidence)


def _enough(evidence: Evidence) -> Line:
    shown = (
        f"{len(evidence.history.served)} reads while articles were revoked, every planned failure happened, "
        "no store empty"
    )
    return "· and enough happened for this to be meaningful", shown, checkers.c10_vacuity(evidence)


def broken(promises: Iterable[Promise]) -> list[str]:
    """Returns all problems, one line each."""
    return [f"{one.text}: {problem}" for one in promises for problem in one.problems]
