"""The checkers of counts, notifications, sweeps and health: pure functions over the evidence."""

from collections.abc import Iterable

from clawback_story.evidence import Evidence, Sent
from clawback_story.problems import Problems, missing, some

OK, GONE = 200, 410
SUMMARY, FOUND, FAILED = "ComplianceDailySummary", "RevokedArticlesFound", "ComplianceRunFailed"
MAIL, SMS = "mail", "sms"
OFFICER = {MAIL: "officer@clawback.example", SMS: "+15550100"}
"""The recipient to whom the packaged routes file sends the notifications guaranteed to the compliance officer."""
WHOLE = ("sources", "timeline", "topics")
"""The queries without filters."""


def raised(sent: Iterable[Sent], by: str, name: str) -> list[Sent]:
    """Returns the messages to the officer that report this alert as raised."""
    return [
        one
        for one in sent
        if one.by == by and one.to == OFFICER[by]
        if f"] {name}" in one.subject and not one.subject.startswith("[RESOLVED]")
    ]


def c12_miscounted(evidence: Evidence) -> Problems:
    """Analytics counts exactly the articles that are held and not revoked: in its answers and in its tables."""
    counts = evidence.history.counts
    problems = [f"{one.when}, {one.question}: {'; '.join(one.differs)}" for one in counts if one.differs]
    if evidence.miscounted:
        problems.append(f"{evidence.miscounted} of {evidence.rollups} rollups differ from a recount")
    everything = {one.articles for one in counts if one.question == "sources"}
    if len(everything) < 2:
        problems.append("the counts were not compared before and after a change")
    if not evidence.rollups or not all(one.articles for one in counts if one.question in WHOLE):
        problems.append("nothing was counted")
    return problems


def c13_not_notified(evidence: Evidence) -> Problems:
    """The officer was notified of everything guaranteed: once by mail, and where guaranteed once by text message."""
    runs, found = evidence.ledger.runs, evidence.ledger.found_something
    must = {
        ("mail", SUMMARY): runs.count("completed"),
        ("mail", FOUND): found,
        ("sms", FOUND): found,
        ("mail", FAILED): runs.count("failed"),
        ("sms", FAILED): runs.count("failed"),
    }
    problems = []
    for (by, name), times in must.items():
        seen = len(raised(evidence.sent, by, name))
        if seen != times:
            problems.append(f"{name}: notified {seen} times by {by}, not {times}")
    return problems


def kept_too_long(evidence: Evidence) -> Problems:
    """Swept articles are in none of our stores and not served; their ids are kept."""
    expected, problems = evidence.expected, Problems()
    for store in evidence.stores:
        if store.ours:
            left = {expected.owners.get(token, "") for token in store.tokens} & expected.swept
            problems += missing(f"{store.name} holds swept articles", store.ids & expected.swept | left)
    served = {one for one, status in evidence.swept_answers.items() if status != GONE}
    problems += missing("the API does not answer 410 for swept articles", served)
    return problems + missing("the id was deleted with its text", expected.swept - evidence.outliving)


def c14_unswept(evidence: Evidence) -> Problems:
    """Old articles are in none of our stores, held ones are; every owner has answered, with correct counts."""
    history, problems = evidence.history, kept_too_long(evidence)
    problems += [
        f"{one.owner} answered the sweep of {one.data_class} with: {one.outcome}"
        for one in evidence.sweeps
        if one.outcome != "completed"
    ]
    counts = len(history.swept), len(history.on_hold)
    problems += [
        f"{one.owner} removed {one.removed_ever} and held {one.held}, not {counts[0]} and {counts[1]}"
        for one in evidence.sweeps
        if one.data_class == "articles" and (one.removed_ever, one.held) != counts
    ]
    if not history.swept or not history.on_hold or not evidence.sweeps:
        problems.append("nothing was swept, or nothing was on hold")
    return problems


def c15_unnoticed(evidence: Evidence) -> Problems:
    """Health was healthy, named the stopped part, and was healthy again."""
    seen = evidence.history.health
    problems = []
    for one in seen:
        wanted = "degraded" if one.named else "healthy"
        if one.status != wanted or one.code != OK:
            problems.append(f"health {one.when}: {one.status} with {one.code}, not {wanted}")
        if one.named and one.named not in one.not_up:
            problems.append(f"health {one.when} does not name {one.named}")
        if not one.named and one.not_up:
            problems.append(f"health {one.when} names {some(one.not_up)}")
    if not any(one.named for one in seen) or not any(not one.named for one in seen):
        problems.append("health was not checked with a stopped part and without")
    return problems
