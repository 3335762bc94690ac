"""A service is built from its definition: its command line, and the retry of its dead letters."""

from argparse import ArgumentParser, Namespace
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from clawback_common.config.settings import ServiceSettings
from clawback_common.kafka.subscription import Subscription
from clawback_common.service import cli
from clawback_common.service.dead_letters import dead_letter_service
from clawback_common.service.definition import Command, ServiceDefinition
from clawback_common.service.process import ExitCode, ShutdownEvent
from clawback_common.service.worker import WorkerSpec
from clawback_testing.commands import command


class Settings(ServiceSettings):
    """Settings of a service that does not exist."""

    api_port: int = 1
    probe_port: int = 2


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Any]:
    """Open a service without connections."""
    yield SimpleNamespace(settings=settings, db=None, clock=None, orders=None)


async def count(service: Any, chosen: Namespace, _: ShutdownEvent) -> int:
    """Return the exit code for attention."""
    assert service.settings.api_port == 1
    return ExitCode.ATTENTION if chosen.to else ExitCode.OK


def count_arguments(parser: ArgumentParser) -> None:
    """Declare the argument of the command."""
    parser.add_argument("--to", type=int, default=0)


async def again(_: object) -> None:
    """Handle a batch."""


def definition(**more: Any) -> ServiceDefinition[Any, Any]:
    """Return the definition of a service that does not exist."""
    fields: dict[str, Any] = {
        "name": "nobody",
        "description": "Does nothing.",
        "settings": Settings,
        "open": opened,
        "subscriptions": lambda _: [],
        "worker": lambda *_: WorkerSpec([]),
        "commands": (Command("count", "count something", count, count_arguments),),
    }
    return ServiceDefinition(**(fields | more))


@pytest.mark.parametrize(("arguments", "code"), [(["count"], 0), (["count", "--to", "7"], 3)])
async def test_a_command_gets_its_arguments_and_returns_the_exit_code(
    arguments: list[str], code: int
) -> None:
    async with opened(Settings()) as service:
        assert await command(definition(), service, *arguments) == code


def test_every_service_has_the_common_roles_and_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(definition(), ["--help"])
    assert ended.value.code == 0
    output = capsys.readouterr().out
    assert "usage: nobody" in output
    for role in ("worker", "api", "migrate", "count", "replay-dlq", "accept-gap"):
        assert f"\n    {role}" in output
    assert "Exit codes: 0 done, 1 failed" in output


@pytest.mark.parametrize(
    "arguments", [[], ["dance"], ["count", "--to", "far"], ["migrate", "--phase", "now"]]
)
def test_wrong_usage_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(definition(), arguments)
    assert ended.value.code == ExitCode.CONFIG
    assert "usage: nobody" in capsys.readouterr().err


def test_a_dead_letter_is_retried_by_the_redrive_subscriptions() -> None:
    service = SimpleNamespace(settings=Settings(), db=None, clock=None, orders=None)
    first, second = (Subscription(topic, (), again) for topic in ("consumed", "tried-again"))
    found = dead_letter_service(
        definition(subscriptions=lambda _: [first], redriven=lambda _: [second]), service
    )
    assert found._handler_for("tried-again") is not None
    assert found._handler_for("consumed") is None
    assert (
        dead_letter_service(definition(subscriptions=lambda _: [first]), service)._handler_for("consumed")
        is not None
    )
