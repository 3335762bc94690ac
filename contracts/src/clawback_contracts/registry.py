"""Every event by its CloudEvents type, and every HTTP body exchanged with holders by the name of its schema."""

from clawback_contracts.alert.v1 import AlertRaised, AlertResolved, AlertsFiring
from clawback_contracts.article.v1 import ArticlePublished, ArticleSubmitted
from clawback_contracts.deadletter.v1 import DeadLetter
from clawback_contracts.envelope import Event, Value
from clawback_contracts.holder.v1 import HoldingsAnswer, HoldingsQuestion
from clawback_contracts.revocation.v1 import (
    ArticleReinstated,
    ArticleRemoved,
    ArticleRevoked,
    ArticleWithheld,
    RevocationNoticed,
)
from clawback_contracts.run.v1 import RunCompleted, RunFailed
from clawback_contracts.sweep.v1 import HoldsChanged, SweepCompleted, SweepFailed, SweepRequested

EVENTS: dict[str, type[Event]] = {
    event.TYPE: event
    for event in (
        ArticleSubmitted,
        ArticlePublished,
        RevocationNoticed,
        ArticleRevoked,
        ArticleReinstated,
        ArticleWithheld,
        ArticleRemoved,
        RunCompleted,
        RunFailed,
        SweepRequested,
        HoldsChanged,
        SweepCompleted,
        SweepFailed,
        AlertRaised,
        AlertResolved,
        AlertsFiring,
        DeadLetter,
    )
}

QUESTION, ANSWER = "holdings.question.v1", "holdings.answer.v1"
BODIES: dict[str, type[Value]] = {QUESTION: HoldingsQuestion, ANSWER: HoldingsAnswer}
