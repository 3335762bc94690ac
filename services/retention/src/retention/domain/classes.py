"""The classes of data that we know: who owns each, and what may be done with it.

A class is a promise between its owners and us, so it stands in code; how long it is kept is a policy, and stands in
a file.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from clawback_contracts.sweep.v1 import Action
from retention.domain.age import Age

SERVICES = frozenset({"ingester", "compliance", "analytics", "alerting", "retention"})


@dataclass(frozen=True, slots=True)
class DataClass:
    """What is true of a class whatever its policy says."""

    owners: frozenset[str]
    action: Action = Action.DELETE
    """How it goes: a licensed text may not be archived, a proof may not go without."""
    least: Age | None = None
    """A policy may not keep it for less."""
    by_article: bool = False
    """Its records speak of articles, so a hold can name them."""


CLASSES: Mapping[str, DataClass] = {
    "articles": DataClass(frozenset({"ingester", "analytics"}), by_article=True),
    "api_calls": DataClass(frozenset({"ingester"})),
    "compliance_records": DataClass(
        frozenset({"compliance"}), Action.ARCHIVE, least=Age(7, "year"), by_article=True
    ),
    "alerts": DataClass(frozenset({"alerting"})),
    "job_runs": DataClass(SERVICES),
    "cache": DataClass(frozenset({"analytics"})),
}
