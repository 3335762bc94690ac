"""What went wrong at Metabase, named by what to do next.

The texts are ours: a provider's message may repeat the key or a query, so it is never passed on.
"""

from enum import StrEnum
from http import HTTPStatus
from typing import Final

from clawback_common.errors import Transient
from ingester.gateways.providers import port
from ingester.gateways.providers.answers import Answered


class Action(StrEnum):
    """What a failure asks of us."""

    STOP_AND_PAGE = "stop_and_page"
    """The key or its rights are refused: calling again helps nobody, a person must look."""
    WAIT = "wait"
    """We called too often: wait for the pause, then go on."""
    OUR_BUG = "our_bug"
    """We asked wrongly: the same call will fail again, so it is not repeated."""
    TRANSIENT = "transient"
    """The provider is unwell: try again."""


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
"""The provider's codes, what each asks of us, and its meaning in our words."""

UNKNOWN_PARAMETER: Final = 1022
INVALID_CURSOR: Final = 1008
PROVIDER_CODES: Final = 9000
"""From here on a code says that the provider failed, whatever was asked."""


class ProviderFailure(Answered):
    """The provider said FAILURE, or refused by its HTTP status.

    Args:
        action: what to do next.
        code: the provider's message code; None when it gave none.
        http_status: of the answer; None when it is not known.
        retry_after_s: not before, where the provider said so.
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
    """Called too often (``wait``): a living provider, which answers once the pause is over."""


class ProviderDown(ProviderFailure, Transient):
    """The provider failed (``transient``): try again."""


NOT_OUTAGES: Final = (Refused, MustWait)
"""Answers of a provider that works; a circuit breaker must not count them as its failure."""


def failure(
    code: int | None, http_status: int | None = None, retry_after_s: float | None = None
) -> ProviderFailure:
    """The error for a message code, or for an HTTP status when there is no code that we know.

    An unknown code of the 9000s is the provider's trouble whatever status it comes with, and so is a FAILURE without a
    code. Any other unknown code refuses something that we do not know of: not repeated, and reported.
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
    """The code decides; the status stands in where there is none that we know."""
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
        meaning = CODES[code][1] if code in CODES else "a code that is not documented"
        return f"the provider said FAILURE {code}: {meaning}"
    if http_status is not None and http_status >= HTTPStatus.BAD_REQUEST:
        return f"the provider answered HTTP {http_status}"
    return "the provider said FAILURE without a code"
