"""Which budget a request belongs to, and the buckets that it takes a token from.

A budget is a bucket per client for some of the paths, so a flood on other paths never uses it up.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from clawback_common.http.rate_limits.limit import PRESETS, Bucket, Limit, WrittenLimit

READS: Final = "reads"
COMMANDS: Final = "commands"
TOTAL: Final = "total"
API: Final = "/api/v1/"
_READING = frozenset({"GET", "HEAD", "OPTIONS"})


class RateLimitSettings(Protocol):
    """The settings of the limits."""

    @property
    def rate_limit_global_rps(self) -> float:
        """Ordinary reads of all clients together, per second."""

    @property
    def rate_limit_per_ip_rps(self) -> float:
        """The preset ``standard``: requests of one client, per second."""

    @property
    def rate_limit_burst(self) -> int:
        """Requests that every limit allows at once, at least."""

    @property
    def rate_limit_paths(self) -> Mapping[str, WrittenLimit]:
        """Limits by method and path prefix."""

    @property
    def rate_limit_subjects(self) -> Mapping[str, WrittenLimit]:
        """Limits by the subject of an API key."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The limit of each client on some paths.

    Attributes:
        name: in headers and metrics.
        limit: of each client.
        ordinary: the limit of a subject replaces this one; in other budgets the larger of both applies.
        total: the limit of all clients together; None: there is none.
    """

    name: str
    limit: Limit
    ordinary: bool = False
    total: Limit | None = None


class Budgets:
    """The budgets of an API.

    Args:
        service: whose buckets these are.
        settings: the limits.
        by_path: limits of the service's own paths, by method and prefix; the settings may change them.
    """

    def __init__(
        self, service: str, settings: RateLimitSettings, by_path: Mapping[str, WrittenLimit]
    ) -> None:
        self._service = service
        self._burst_min = settings.rate_limit_burst
        self._standard = settings.rate_limit_per_ip_rps * 60
        own = {
            rule: self._limit(written) for rule, written in {**by_path, **settings.rate_limit_paths}.items()
        }
        self._by_rule = [
            (rule, Budget(rule.replace(API, ""), own[rule])) for rule in sorted(own, key=len, reverse=True)
        ]
        standard = self._limit("standard")
        total = Limit.of(settings.rate_limit_global_rps * 60, self._burst_min)
        self._reads = Budget(READS, standard, ordinary=True, total=total)
        self._commands = Budget(COMMANDS, standard, ordinary=True)
        self._by_subject = {
            subject: self._limit(written) for subject, written in settings.rate_limit_subjects.items()
        }

    def buckets(self, method: str, path: str, subject: str | None, address: str) -> tuple[Bucket, ...]:
        """Return the buckets of a request: its client's, and that of all clients where there is one.

        Args:
            method: of the request.
            path: of the request.
            subject: of its API key; None: it has no valid one.
            address: of its client.
        """
        budget = self._budget(method, path)
        own = None if subject is None else self._by_subject.get(subject)
        client = f"ip:{address}" if subject is None else f"key:{subject}"
        found = (self._bucket(budget.name, client, _applied(budget, own)),)
        if budget.total is None or own is not None:
            return found
        return *found, self._bucket(TOTAL, budget.name, budget.total)

    def _budget(self, method: str, path: str) -> Budget:
        line = f"{method} {path}"
        for rule, budget in self._by_rule:
            if line.startswith(rule):
                return budget
        return self._reads if method in _READING else self._commands

    def _bucket(self, name: str, client: str, limit: Limit) -> Bucket:
        return Bucket(name, f"limits:{self._service}:{name}:{client}", limit)

    def _limit(self, written: WrittenLimit) -> Limit:
        per_minute = self._standard if written == "standard" else PRESETS.get(str(written), written)
        return Limit.of(float(per_minute), self._burst_min)


def _applied(budget: Budget, own: Limit | None) -> Limit:
    """Return the limit of a client, whose subject may have its own."""
    if own is None:
        return budget.limit
    return own if budget.ordinary else max(own, budget.limit)
