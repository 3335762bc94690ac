"""The common commands for quarantined records, and for records that Kafka deleted."""

from collections.abc import Callable
from typing import Any, TypeVar

from clawback_common.http.dead_letters import DeadLetterFilter
from clawback_common.kafka.authentication import Authentication
from clawback_common.kafka.gaps import accept_gaps
from clawback_common.kafka.subscription import group_of
from clawback_common.messaging.dead_letters import DeadLetterService, redrive_by_subscription
from clawback_common.service.definition import ServiceDefinition
from clawback_common.service.objects import ServiceObjects
from clawback_common.service.process import ExitCode

T = TypeVar("T", bound=ServiceObjects[Any])
Print = Callable[[str], object]


def dead_letter_service(definition: ServiceDefinition[Any, T], service: T) -> DeadLetterService:
    """Return the dead-letter service: retries a record with the handler of its topic, or of its source."""
    subscriptions = (definition.redriven or definition.subscriptions)(service)
    by_topic = redrive_by_subscription(definition.name, subscriptions, Authentication.of(service.settings))
    by_source = definition.other_sources(service) if definition.other_sources else _none
    return DeadLetterService(
        service.db, service.clock, lambda source: by_source(source) or by_topic.get(source)
    )


def _none(_: str) -> None:
    """Return no handler: all records come from topics."""


async def replay(definition: ServiceDefinition[Any, T], service: T, report: Print) -> int:
    """Retry every quarantined record and return the exit code: 0 when all succeeded, 3 when some failed again."""
    outcome = await dead_letter_service(definition, service).retry(DeadLetterFilter(older_than_s=0))
    report(f"dead letters: {outcome.retried} reprocessed, {outcome.failed} failed again")
    return ExitCode.ATTENTION if outcome.failed else ExitCode.OK


async def accept_gap(definition: ServiceDefinition[Any, T], service: T, report: Print) -> int:
    """Move the consumer groups past the deleted records; the workers must be stopped."""
    topics = {one.topic: group_of(definition.name, one) for one in definition.subscriptions(service)}
    moved = await accept_gaps(service.settings, topics, service.db, definition.name)
    report(f"accepted: {', '.join(moved) or 'no gap'}")
    return ExitCode.OK
