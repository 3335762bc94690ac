"""Errors of calls to a provider, common to all providers."""

from enum import StrEnum

from clawback_common.errors import ClawbackError, Transient


class Answered(ClawbackError):
    """The provider responded with an error.

    Args:
        detail: A description in our own words.
        outcome: What to do next; it is recorded as the call's outcome.
        code: The provider's message code; None if there is none.
        retry_after_s: Seconds until a retry is allowed, if the provider states it.
    """

    def __init__(
        self, detail: str, outcome: str, *, code: int | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(detail)
        self.outcome = outcome
        self.code = code
        self.retry_after_s = retry_after_s


class Unreadable(StrEnum):
    """Why a response is unreadable."""

    EMPTY = "empty"
    HTML = "html"
    CONTENT_TYPE = "content_type"
    CONTENT_ENCODING = "content_encoding"
    ENCODING = "encoding"
    DOCTYPE = "doctype"
    MALFORMED = "malformed"
    TRUNCATED = "truncated"
    TOO_LARGE = "too_large"
    NOT_AN_ANSWER = "not_an_answer"
    NO_STATUS = "no_status"
    NO_LIST = "no_list"
    NOT_A_LIST = "not_a_list"
    NO_IDS = "no_ids"
    CURSOR_STUCK = "cursor_stuck"
    TOO_MANY = "too_many"
    REDIRECT = "redirect"


class UnreadableAnswer(Transient):
    """The response is not a valid one: it permits no conclusion, in particular not that the list is empty."""

    def __init__(self, reason: Unreadable, detail: str = "") -> None:
        super().__init__(f"unreadable answer: {reason}{f' ({detail})' if detail else ''}")
        self.reason = reason


class Unreachable(Transient):
    """There was no response: no connection, a timeout, or a connection that was cut."""
