"""Every event by its CloudEvents type. An event that does not stand here does not exist."""

from clawback_contracts.alert.v1 import AlertRaised, AlertResolved
from clawback_contracts.article.v1 import ArticlePublished, ArticleSubmitted
from clawback_contracts.deadletter.v1 import DeadLetter
from clawback_contracts.envelope import Event
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
        DeadLetter,
    )
}
