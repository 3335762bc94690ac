"""Errors, named by how to react to them. Their text contains no content and may be logged and returned."""


class ClawbackError(Exception):
    """Base class of all errors that our code raises. ``str()`` of it may be logged and returned to a caller."""


class Poison(ClawbackError):
    """This item cannot be processed: quarantine it with the reason, and continue with the others.

    Args:
        reason: snake_case, from a small set; used as a metric label and as the reason of the dead letter.
        detail: which field and which rule; never the value.
        sqlstate: PostgreSQL's SQLSTATE, when the database rejected the item.
    """

    def __init__(self, reason: str, detail: str = "", sqlstate: str | None = None) -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail
        self.sqlstate = sqlstate


class Transient(ClawbackError):
    """A dependency is temporarily unavailable or fails: try again.

    Args:
        detail: what is unavailable.
        retry_after_s: the earliest next attempt, when the peer gave one.
    """

    def __init__(self, detail: str, retry_after_s: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class Defect(Transient):
    """Our code or schema is wrong, not the record: wait, log the error and raise an alert."""


class Conflict(ClawbackError):
    """The state changed after the decision was made: load it again and repeat the decision."""


class Forbidden(ClawbackError):
    """The caller is not allowed to do this; another caller may be."""


class Stop(ClawbackError):
    """A person must act: the process exits with code 2 and this text, which explains what to do."""
