"""Errors, named by what to do next. Their text is written by us and carries no content: it may be shown."""


class ClawbackError(Exception):
    """Anything that we raise on purpose; ``str()`` of it is safe to log and to answer."""


class Poison(ClawbackError):
    """This one thing cannot be used: set it aside with its reason, and go on with its neighbours.

    Args:
        reason: snake_case, from a small set; it becomes a label and the dead letter's reason.
        detail: which field, which rule; never the value.
        sqlstate: PostgreSQL's code, where it was the database that refused.
    """

    def __init__(self, reason: str, detail: str = "", sqlstate: str | None = None) -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail
        self.sqlstate = sqlstate


class Transient(ClawbackError):
    """Something outside does not answer as it should for now: try again.

    Args:
        detail: what does not answer.
        retry_after_s: not before, where the other side said so.
    """

    def __init__(self, detail: str, retry_after_s: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class Defect(Transient):
    """Our code or our schema is wrong, never the record: wait, log it and page a person."""


class Conflict(ClawbackError):
    """The state has changed under the decision: load again, decide anew."""


class Forbidden(ClawbackError):
    """Whoever asks may not do this; somebody else may."""


class Stop(ClawbackError):
    """A person must look: the process ends with exit code 2 and this text, which says what to do."""
