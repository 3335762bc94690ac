"""Policies: how long a class of data is kept, and which policies are valid."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from clawback_contracts.sweep.v1 import Action
from retention.domain.age import YEARS_MAX, Age, age
from retention.domain.classes import CLASSES


@dataclass(frozen=True, slots=True)
class Policy:
    """How long a class is kept, how it is removed, and by which owners."""

    data_class: str
    description: str
    basis: str
    """The reason for this age: the law, the licence, the need."""
    age: Age
    action: Action
    owners: tuple[str, ...]

    @property
    def terms(self) -> str:
        """What a sweep does, as text."""
        return f"{self.action.value} after {self.age} by {', '.join(sorted(self.owners))}"

    def before(self, now: datetime) -> datetime:
        """Returns the instant; data dated before it is removed."""
        return self.age.before(now)


def policy_errors(
    data_class: str, age_text: str, action: str, owners: Sequence[str], *, short_ages: bool
) -> Iterator[tuple[str, str]]:
    """Yields the errors of a policy for this class: the field, and the reason.

    Args:
        data_class: its name.
        age_text: the age, as text.
        action: how it is removed.
        owners: the owners that remove it.
        short_ages: whether minutes and hours are allowed, for trials.
    """
    known = CLASSES[data_class]
    yield from (("age", reason) for reason in _age_errors(age_text, known.least, short_ages=short_ages))
    if action != known.action:
        yield "action", f"the action must be {known.action.value}"
    for owner in sorted(set(owners) - known.owners):
        yield "owners", f"{owner} does not own any of it"
    if len(set(owners)) < len(owners):
        yield "owners", "an owner is listed twice"
    for missing in sorted(known.owners - set(owners)):
        yield "owners", f"the owner {missing} is missing, so its part would never be deleted"


def _age_errors(age_text: str, least: Age | None, *, short_ages: bool) -> Iterator[str]:
    found = age(age_text)
    if found is None:
        yield f'this is not an age; use for example "30 days" or "2 years", up to {YEARS_MAX} years'
    elif least is not None and found.is_under(least):
        yield f"{found} is too short; it must be kept for at least {least}"
    elif found.short and not short_ages:
        yield f"{found} is too short; minutes and hours are only for ENVIRONMENT=development"


def differing(policies: Iterable[Policy], in_force: Mapping[str, str]) -> list[str]:
    """Returns how these policies differ from those in force, one line per class; nothing if none are in force.

    Args:
        policies: the policies of this process.
        in_force: terms by class.
    """
    return [
        f"{policy.data_class}: here {policy.terms}, in force {in_force.get(policy.data_class, 'nothing')}"
        for policy in policies
        if in_force and in_force.get(policy.data_class) != policy.terms
    ]


def by_class(policies: Mapping[str, Policy], data_class: str | None) -> list[Policy]:
    """Returns one policy, or all if None; an unknown class returns none."""
    if data_class is None:
        return list(policies.values())
    return [policies[data_class]] if data_class in policies else []
