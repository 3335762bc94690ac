"""A service's definition: everything that tells it from the other services, in one value."""

from argparse import ArgumentParser, Namespace
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar
from uuid import UUID

from clawback_common.clock import Clock
from clawback_common.config.settings import ServiceSettings
from clawback_common.kafka.subscription import Subscription
from clawback_common.messaging.dead_letters import SourceRedrive
from clawback_common.messaging.outbox.news import NewsOutbox
from clawback_common.messaging.outbox.orders import OrdersOutbox
from clawback_common.postgres import Database
from clawback_common.postgres.migrate import Migration, of_service
from clawback_common.postgres.pool import Row
from clawback_common.service.process import ShutdownEvent
from clawback_common.service.worker import WorkerSpec

if TYPE_CHECKING:
    from clawback_common.http.app import Lifespan
    from clawback_common.http.probes import Probes
    from clawback_common.http.routing import Router


class Service(Protocol):
    """What every service is made of: the kit needs no more of it."""

    @property
    def settings(self) -> ServiceSettings:
        """Its configuration."""
        ...

    @property
    def db(self) -> Database:
        """Its own database."""
        ...

    @property
    def clock(self) -> Clock:
        """The time."""
        ...

    @property
    def orders(self) -> OrdersOutbox:
        """The outbox that is sent first."""
        ...


S = TypeVar("S", bound=ServiceSettings)
T = TypeVar("T", bound=Service)


def _no_arguments(_: ArgumentParser) -> None:
    """Most commands take none."""


@dataclass(frozen=True, slots=True)
class Command(Generic[T]):
    """A job that a scheduler or a person starts from the command line."""

    name: str
    help: str
    run: Callable[[T, Namespace, ShutdownEvent], Awaitable[int]]
    """Gives the exit code."""
    arguments: Callable[[ArgumentParser], None] = _no_arguments


@dataclass(frozen=True, slots=True)
class OfflineCommand:
    """One that needs neither settings nor servers."""

    name: str
    help: str
    run: Callable[[Namespace], int]
    """Gives the exit code."""
    arguments: Callable[[ArgumentParser], None] = _no_arguments


@dataclass(frozen=True, slots=True)
class Api:
    """What a service's API has beside what every API has."""

    routers: "Sequence[Router]"
    details: Callable[[], Awaitable[dict[str, Any]]]
    """Of the service's health, for its page."""
    body_bytes_max: Mapping[str, int] = field(default_factory=dict)
    """By the path's beginning."""
    requests_max: Mapping[str, int] = field(default_factory=dict)
    """In work at once, by the path's beginning."""
    lifespan: "Lifespan | None" = None
    """What it starts and stops around serving."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceDefinition(Generic[S, T]):
    """One of the services."""

    name: str
    description: str
    """For its command line."""
    settings: type[S]
    open: Callable[[S], AbstractAsyncContextManager[T]]
    """Makes its objects; connects nothing before it is used."""
    subscriptions: Callable[[T], Sequence[Subscription]]
    """What its worker consumes."""
    plan: Callable[[T, ShutdownEvent], WorkerSpec]
    """What its worker does beside consuming."""
    api: "Callable[[T, Probes], Api]"
    """Imports what only the API needs by itself, so that a worker is ready sooner."""
    held: Callable[[T, Sequence[str]], Awaitable[tuple[set[str], dict[str, int]]]] | None = None
    """Which of these articles it holds, and the last order applied to each; None: it stores no articles."""
    close_incident: Callable[[T, UUID, str, str], Awaitable[Row | None]] | None = None
    """Closes an incident, given by whom and why, and releases what was withheld for it; None: nothing was."""
    commands: Sequence[Command[T]] = ()
    offline_commands: Sequence[OfflineCommand] = ()
    redriven: "Callable[[T], Sequence[Subscription]] | None" = None
    """Its subscriptions as a second try of old records needs them; None: as they are."""
    other_sources: Callable[[T], SourceRedrive] | None = None
    """The ways back of what was set aside and came by no topic."""
    news: Callable[[T], NewsOutbox] | None = None
    """Its second outbox, whose rows are rendered when they are sent; None: it has none."""

    def all_migrations(self) -> list[Migration]:
        """Those of every service, and its own."""
        return of_service(self.name)
