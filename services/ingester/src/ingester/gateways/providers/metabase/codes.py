"""The errors of Metabase, classified by what to do next.

The texts are ours: a provider's message may repeat the key or a query, so it is never passed on.
"""

from enum import StrEnum
from http import HTTPStatus
from typing import Final

from clawback_common.errors import Transient
from ingester.gateways.providers import port
from ingester.gateways.providers.answers import Answered


class Action(StrEnum):
    """What to do after an error."""

    STOP_AND_PAGE = "stop_and_page"
    """The key or its rights are refused. A retry does not help; a person must act."""
    WAIT = "wait"
    """Calls were too frequent: wait for the pause, then continue."""
    OUR_BUG = "our_bug"
    """The call is invalid: it would fail again, so it is not retried."""
    TRANSIENT = "transient"
    """The provider has a problem: retry."""


CODES: Final[dict[int, tuple[Action, str]]] = {
    1000: (Action.STOP_AND_PAGE, "the key is invalid"),
    1001: (Action.STOP_AND_PAGE, "the key's profile was not found"),
    1002: (Action.STOP_AND_PAGE, "authentication failed"),
    1003: (Action.STOP_AND_PAGE, "authorization failed"),
    1004: (Action.WAIT, "called again within the pause"),
    1005: (Action.OUR_BUG, "the format is not supported for the profile"),
    1006: (Action.OUR_BUG, "last_id is invalid"),
    1007: (Action.OUR_BUG, "limit is invalid"),
    1008: (Action.OUR_BUG, "sequence_id is invalid"),
    1009: (Action.OUR_BUG, "number_of_slices is invalid"),
    1010: (Action.OUR_BUG, "slice_number is invalid"),
    1011: (Action.OUR_BUG, "number_of_slices is required"),
    1012: (Action.OUR_BUG, "slice_number is required"),
    1013: (Action.STOP_AND_PAGE, "slicing is not permitted for this key"),
    1016: (Action.OUR_BUG, "format is invalid"),
    1018: (Action.OUR_BUG, "too many consumers"),
    1019: (Action.OUR_BUG, "relevance_percent is invalid"),
    1020: (Action.OUR_BUG, "the query is too long"),
    1021: (Action.OUR_BUG, "the query is invalid"),
    1022: (Action.OUR_BUG, "a parameter is unknown"),
    9002: (Action.TRANSIENT, "an unexpected error at the provider"),
    9999: (Action.TRANSIENT, "an error at the provider"),
}
"""The provider's codes: what to do next, and the meaning in our words."""

UNKNOWN_PARAMETER: Final = 1022
INVALID_CURSOR: Final = 1008
PROVIDER_CODES: Final = 9000
"""From this code on the provider failed, whatever the call was."""


class ProviderFailure(Answered):
    """The provider reported FAILURE, or an HTTP error status.

    Args:
        action: What to do next.
        code: The provider's message code; None if there is none.
        http_status: The HTTP status; None if it is not known.
        retry_after_s: Seconds until a retry is allowed, if the provider states it.
    """

    def __init__(
        self,
        action: Action,
        *,
        code: int | None = None,
        http_status: int | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(_words(code, http_status), action, code=code, retry_after_s=retry_after_s)
        self.action = action
        self.http_status = http_status


class Refused(ProviderFailure, port.Refused):
    """The key or the call is refused (``stop_and_page``, ``our_bug``): the same call would be refused again."""


class MustWait(ProviderFailure, Transient):
    """Calls were too frequent (``wait``): the provider works, and accepts calls after the pause."""


class ProviderDown(ProviderFailure, Transient):
    """The provider failed (``transient``): retry."""


NOT_OUTAGES: Final = (Refused, MustWait)
"""Errors of a working provider; a circuit breaker must not count them as failures."""


def failure(
    code: int | None, http_status: int | None = None, retry_after_s: float | None = None
) -> ProviderFailure:
    """Returns the error for a message code, or for an HTTP status without a known code.

    An unknown code in the 9000s is a problem of the provider with any HTTP status, and so is a FAILURE without a code.
    Any other unknown code is a refusal for an unknown reason: it is reported and not retried.
    """
    action = _action(code, http_status)
    kind: type[ProviderFailure]
    match action:
        case Action.WAIT:
            kind = MustWait
        case Action.TRANSIENT:
            kind = ProviderDown
        case Action.STOP_AND_PAGE | Action.OUR_BUG:
            kind = Refused
    return kind(action, code=code, http_status=http_status, retry_after_s=retry_after_s)


def _action(code: int | None, http_status: int | None) -> Action:
    """Returns the action for the code; if it is unknown, for the HTTP status."""
    if code in CODES:
        return CODES[code][0]
    if code is not None and code >= PROVIDER_CODES:
        return Action.TRANSIENT
    if http_status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.PAYMENT_REQUIRED, HTTPStatus.FORBIDDEN}:
        return Action.STOP_AND_PAGE
    if http_status == HTTPStatus.TOO_MANY_REQUESTS:
        return Action.WAIT
    refused = HTTPStatus.BAD_REQUEST <= (http_status or 0) < HTTPStatus.INTERNAL_SERVER_ERROR
    if code is None and (http_status == HTTPStatus.REQUEST_TIMEOUT or not refused):
        return Action.TRANSIENT
    return Action.OUR_BUG


def _words(code: int | None, http_status: int | None) -> str:
    if code is not None:
        meaning = CODES[code][1] if code in CODES else "an undocumented code"
        return f"the provider reported FAILURE {code}: {meaning}"
    if http_status is not None and http_status >= HTTPStatus.BAD_REQUEST:
        return f"the provider responded with HTTP {http_status}"
    return "the provider reported FAILURE without a code"
