"""Policies: how long a class of data is kept, and what one may say."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from clawback_contracts.sweep.v1 import Action
from retention.domain.age import YEARS_MAX, Age, age
from retention.domain.classes import CLASSES


@dataclass(frozen=True, slots=True)
class Policy:
    """How long a class is kept, how it goes, and who sees to it."""

    data_class: str
    description: str
    basis: str
    """Why so long: the law, the licence, the need."""
    age: Age
    action: Action
    owners: tuple[str, ...]

    @property
    def terms(self) -> str:
        """What a sweep does by it, in words."""
        return f"{self.action.value} after {self.age} by {', '.join(sorted(self.owners))}"

    def before(self, now: datetime) -> datetime:
        """What dates from before this instant is to go."""
        return self.age.before(now)


def faults(
    data_class: str, kept: str, action: str, owners: Sequence[str], *, short_ages: bool
) -> Iterator[tuple[str, str]]:
    """What is wrong with a policy for this class: the part, and why.

    Args:
        data_class: its name.
        kept: for how long, in words.
        action: how it goes.
        owners: who see to it.
        short_ages: minutes and hours are allowed, for trying things out.
    """
    known = CLASSES[data_class]
    yield from (("age", words) for words in _of_age(kept, known.least, short_ages=short_ages))
    if action != known.action:
        yield "action", f"the action must be {known.action.value}"
    for owner in sorted(set(owners) - known.owners):
        yield "owners", f"{owner} owns none of it"
    if len(set(owners)) < len(owners):
        yield "owners", "an owner is there twice"
    for missing in sorted(known.owners - set(owners)):
        yield "owners", f"the owner {missing} is missing, and would keep its part for ever"


def _of_age(kept: str, least: Age | None, *, short_ages: bool) -> Iterator[str]:
    found = age(kept)
    if found is None:
        yield f'this is no age; write it like "30 days" or "2 years", up to {YEARS_MAX} years'
    elif least is not None and found.is_under(least):
        yield f"{found} is too short, it must be kept for {least} at least"
    elif found.short and not short_ages:
        yield f"{found} is too short; minutes and hours are for ENVIRONMENT=development"


def differing(policies: Iterable[Policy], in_force: Mapping[str, str]) -> list[str]:
    """How these differ from the terms in force, a line a class; nothing when none are known.

    Args:
        policies: of this process.
        in_force: terms by class.
    """
    return [
        f"{policy.data_class}: here {policy.terms}, in force {in_force.get(policy.data_class, 'nothing')}"
        for policy in policies
        if in_force and in_force.get(policy.data_class) != policy.terms
    ]


def by_class(policies: Mapping[str, Policy], data_class: str | None) -> list[Policy]:
    """One policy, or with None all of them; an unknown class gives none."""
    if data_class is None:
        return list(policies.values())
    return [policies[data_class]] if data_class in policies else []
