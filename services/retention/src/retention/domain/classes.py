"""The classes of data: who owns each, and what may be done with it.

A class is an agreement between its owners and this service, so it is defined in code. How long it is kept is a policy,
and is defined in a file.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from clawback_contracts.sweep.v1 import Action
from retention.domain.age import Age

SERVICES = frozenset({"ingester", "compliance", "analytics", "alerting", "retention"})


@dataclass(frozen=True, slots=True)
class DataClass:
    """The properties of a class that no policy can change."""

    owners: frozenset[str]
    action: Action = Action.DELETE
    """How its data is removed: licensed content must not be archived, proof must be archived before it is deleted."""
    least: Age | None = None
    """A policy must not keep it for less."""
    by_article: bool = False
    """Whether its records refer to articles, so that a hold can name them."""


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
