"""ACLs of users on a broker with an authorizer: creates those of the contract, and deletes none."""

from collections.abc import Iterable
from typing import Any

from aiokafka.protocol.admin import CreateAclsRequest

from clawback_common.config.settings import BrokerSettings
from clawback_common.errors import Stop
from clawback_common.kafka.topics import admin
from clawback_contracts.rights import Right

_RESOURCES = {"topic": 2, "group": 3}
_PATTERNS = {"literal": 3, "prefixed": 4}
_OPERATIONS = {"read": 3, "write": 4, "describe": 8, "describe_configs": 10}
_ALLOW = 3


async def grant(settings: BrokerSettings, user: str, rights: Iterable[Right]) -> None:
    """Grant ACLs to a user; existing ACLs stay.

    Raises:
        Stop: the broker refuses, or has no authorizer.
        Transient: the broker does not respond.
    """
    async with admin(settings) as client:
        for right in rights:
            await _grant(client, user, right)


async def _grant(client: Any, user: str, right: Right) -> None:
    request = CreateAclsRequest(
        _RESOURCES[right.resource],
        right.name,
        _PATTERNS[right.pattern],
        f"User:{user}",
        "*",
        _OPERATIONS[right.operation],
        _ALLOW,
    )
    answer = await client._send_request(request)  # noqa: SLF001 - it has no method
    ((code, message, *_),) = answer.creation_responses
    if code:
        raise Stop(
            f"the broker refused to grant {user} {right.operation} on {right.resource} {right.name}: {message}"
        )
