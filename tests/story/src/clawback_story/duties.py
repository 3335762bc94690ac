"""The checkers of what is counted, told, swept and noticed: pure functions, as the others are."""

from collections.abc import Iterable

from clawback_story.evidence import Evidence, Sent
from clawback_story.problems import Problems, missing, some

OK, GONE = 200, 410
SUMMARY, FOUND, FAILED = "ComplianceDailySummary", "RevokedArticlesFound", "ComplianceRunFailed"
MAIL, SMS = "mail", "sms"
OFFICER = {MAIL: "officer@clawback.example", SMS: "+15550100"}
"""Whom the packaged routes file tells what the compliance officer is promised."""
WHOLE = ("sources", "timeline", "topics")
"""The questions about everything."""


def raised(sent: Iterable[Sent], by: str, name: str) -> list[Sent]:
    """What the officer was told of the beginning of this, or of its happening."""
    return [
        one
        for one in sent
        if one.by == by and one.to == OFFICER[by]
        if f"] {name}" in one.subject and not one.subject.startswith("[RESOLVED]")
    ]


def c12_miscounted(evidence: Evidence) -> Problems:
    """Analytics counts what is held and not revoked, exactly: as readers see it, and in its own tables."""
    counts = evidence.history.counts
    problems = [f"{one.when}, {one.question}: {'; '.join(one.differs)}" for one in counts if one.differs]
    if evidence.miscounted:
        problems.append(f"{evidence.miscounted} of {evidence.rollups} rollups are not what a recount says")
    everything = {one.articles for one in counts if one.question == "sources"}
    if len(everything) < 2:
        problems.append("the counts were not compared before and after something changed")
    if not evidence.rollups or not all(one.articles for one in counts if one.question in WHOLE):
        problems.append("nothing was counted")
    return problems


def c13_untold(evidence: Evidence) -> Problems:
    """What the compliance officer is promised to be told was told: once, by mail, and by text message too."""
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
            problems.append(f"{name}: told {seen} times by {by}, not {times}")
    return problems


def kept_too_long(evidence: Evidence) -> Problems:
    """What was swept is in no store of ours and not served; its id is remembered."""
    expected, problems = evidence.expected, Problems()
    for store in evidence.stores:
        if store.ours:
            left = {expected.owners.get(token, "") for token in store.tokens} & expected.swept
            problems += missing(f"{store.name} holds what was swept", store.ids & expected.swept | left)
    served = {one for one, status in evidence.swept_answers.items() if status != GONE}
    problems += missing("the API does not answer 410 on what was swept", served)
    return problems + missing("forgotten with its text", expected.swept - evidence.outliving)


def c14_unswept(evidence: Evidence) -> Problems:
    """What is old is in no store of ours; what is on hold is; every owner has answered, and counts what is true."""
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
        problems.append("nothing was swept, or nothing on hold")
    return problems


def c15_unnoticed(evidence: Evidence) -> Problems:
    """Health was healthy, named the part that was stopped, and was healthy again."""
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
        problems.append("health was not looked at with a part stopped and without")
    return problems
