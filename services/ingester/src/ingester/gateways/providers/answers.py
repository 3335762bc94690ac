"""What comes of a call to a provider, other than what was asked for: whoever calls knows no provider by name."""

from enum import StrEnum

from clawback_common.errors import ClawbackError, Transient


class Answered(ClawbackError):
    """The provider has answered that it does not give what was asked for.

    Args:
        detail: in our words.
        outcome: what it asks of us; the outcome on record.
        code: the provider's message code; None when it gave none.
        retry_after_s: not before, where the provider said so.
    """

    def __init__(
        self, detail: str, outcome: str, *, code: int | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(detail)
        self.outcome = outcome
        self.code = code
        self.retry_after_s = retry_after_s


class Unreadable(StrEnum):
    """Why an answer is no answer."""

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
    """What came is no answer of the provider: it says nothing, least of all that there is nothing."""

    def __init__(self, reason: Unreadable, detail: str = "") -> None:
        super().__init__(f"unreadable answer: {reason}{f' ({detail})' if detail else ''}")
        self.reason = reason


class Unreachable(Transient):
    """The call did not come to an answer: no connection, a time-out, a connection that was cut."""
