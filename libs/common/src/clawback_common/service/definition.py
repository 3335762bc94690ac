"""The definition of a service: everything that distinguishes it from the other services, in one value."""

from argparse import ArgumentParser, Namespace
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from uuid import UUID

from clawback_common.config.settings import ServiceSettings
from clawback_common.kafka.subscription import Subscription
from clawback_common.messaging.dead_letters import SourceRedrive
from clawback_common.postgres.migrate import Migration, of_service
from clawback_common.postgres.pool import Row
from clawback_common.service.objects import ServiceObjects
from clawback_common.service.process import ShutdownEvent
from clawback_common.service.worker import WorkerSpec

if TYPE_CHECKING:
    from clawback_common.http.app import Lifespan
    from clawback_common.http.holdings import Held
    from clawback_common.http.probes import Probes
    from clawback_common.http.rate_limits.limit import Preset
    from clawback_common.http.routing import Router


S = TypeVar("S", bound=ServiceSettings)
T = TypeVar("T", bound=ServiceObjects[Any])


def _no_arguments(_: ArgumentParser) -> None:
    """Add no arguments: the default of most commands."""


@dataclass(frozen=True, slots=True)
class Command(Generic[T]):
    """A command that a scheduler or a person runs."""

    name: str
    help: str
    run: Callable[[T, Namespace, ShutdownEvent], Awaitable[int]]
    """Runs the command and returns the exit code."""
    arguments: Callable[[ArgumentParser], None] = _no_arguments


@dataclass(frozen=True, slots=True)
class OfflineCommand:
    """A command that needs neither settings nor servers."""

    name: str
    help: str
    run: Callable[[Namespace], int]
    """Runs the command and returns the exit code."""
    arguments: Callable[[ArgumentParser], None] = _no_arguments


@dataclass(frozen=True, slots=True)
class Api:
    """What a service adds to the common API."""

    routers: "Sequence[Router]"
    details: Callable[[], Awaitable[dict[str, Any]]]
    """Details for the service's health page."""
    body_bytes_max: Mapping[str, int] = field(default_factory=dict)
    """By path prefix."""
    requests_max: Mapping[str, int] = field(default_factory=dict)
    """Limits on concurrent requests, by path prefix."""
    rate_limits: "Mapping[str, Preset]" = field(default_factory=dict)
    """Limits on the rate of requests that are not the ordinary ones, by method and path prefix."""
    lifespan: "Lifespan | None" = None
    """What it starts before and stops after serving."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceDefinition(Generic[S, T]):
    """The definition of one service."""

    name: str
    description: str
    """For its command line."""
    settings: type[S]
    open: Callable[[S], AbstractAsyncContextManager[T]]
    """Creates its objects; connects nothing before it is used."""
    subscriptions: Callable[[T], Sequence[Subscription]]
    """The subscriptions of its worker."""
    worker: Callable[[T, ShutdownEvent], WorkerSpec]
    """What its worker does."""
    held: "Held | None" = None
    """Returns which of these articles are in its storage; None: it stores none."""
    close_incident: Callable[[T, UUID, str, str], Awaitable[Row | None]] | None = None
    """Closes an incident, given the caller and the note, and releases what it withholds; None: it withholds nothing."""
    commands: Sequence[Command[T]] = ()
    offline_commands: Sequence[OfflineCommand] = ()
    redriven: "Callable[[T], Sequence[Subscription]] | None" = None
    """The subscriptions for retries of quarantined records; None: the same as those of the worker."""
    other_sources: Callable[[T], SourceRedrive] | None = None
    """The retry handlers of quarantined records that came from no topic."""

    def api(self, service: T, probes: "Probes") -> Api:
        """Create its API by `api` in its `entrypoints.http.api`, imported here so that a worker is ready sooner."""
        created: Api = import_module(f"{self.name}.entrypoints.http.api").api(service, probes)
        return created

    def all_migrations(self) -> list[Migration]:
        """Return the common migrations, and its own."""
        return of_service(self.name)
