"""The evidence that is collected at the end; the checkers use nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from clawback_story.history import History
from clawback_story.plan import Sizes


@dataclass(frozen=True, slots=True)
class Expected:
    """The expected state, from what the provider published and what was acknowledged to others."""

    held: Mapping[str, frozenset[str]]
    """Every article that must be held, with the tokens of its expected text."""
    gone: frozenset[str]
    """Revoked: held by nobody, in no text."""
    absent: frozenset[str]
    """Reinstated and not published again, or too old on arrival: held by nobody, and not revoked."""
    owners: Mapping[str, str]
    """Every token that was ever in a text, with its article; an empty string for garbage."""
    revocations: int
    """Entries on the provider's list."""
    swept: frozenset[str] = frozenset()
    """Too old: in none of our stores; consumers still hold them."""


@dataclass(frozen=True, slots=True)
class Store:
    """What one store holds; read directly from its database where it has one."""

    name: str
    ids: frozenset[str]
    tokens: frozenset[str]
    whole: bool
    """It must hold everything that may be held; others may hold part of it."""
    versions: Mapping[str, int] | None = None
    with_texts: bool = True
    """All texts were read, not only some."""
    ours: bool = True
    """Sweeps apply to it."""


@dataclass(frozen=True, slots=True)
class Order:
    """An order in compliance's database."""

    revocation_id: UUID
    article_id: str
    order_no: int
    kind: str
    reason: str
    clock_started_at: datetime
    due_at: datetime
    revoked_at: datetime | None
    ordered_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Obligation:
    """The obligation of one holder for one order."""

    revocation_id: UUID
    holder: str
    kind: str
    state: str
    due_at: datetime
    removed_at: datetime | None
    verified_at: datetime | None
    how: str | None
    """How it was closed: by a receipt, or by a check of its holdings."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice in compliance's database."""

    article_id: str
    noticed_by: str
    noticed_at: datetime
    earliest_at: datetime | None
    revocation_id: UUID


@dataclass(frozen=True, slots=True)
class Ledger:
    """Compliance's tables."""

    orders: tuple[Order, ...]
    obligations: tuple[Obligation, ...]
    notices: tuple[Notice, ...]
    receipts: frozenset[tuple[str, int, str]]
    """Article, order, holder of each answer."""
    runs: tuple[str, ...]
    """The state of each run, in order."""
    holders: Mapping[str, str]
    """Kind, by name."""
    found_something: int = 0
    """Number of completed runs that found notices."""


@dataclass(frozen=True, slots=True)
class Swept:
    """An owner's answer to a sweep."""

    data_class: str
    owner: str
    outcome: str
    found: int
    removed: int
    held: int
    kept: int
    removed_ever: int
    """By this and all earlier sweeps of the class."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A mail or a text message in its sink."""

    at: datetime
    by: str
    to: str
    subject: str
    reference: str
    """The same for a message that is sent again."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter."""

    ce_id: str
    group: str
    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Topics:
    """The content of the topics, without the records that the scenario itself published."""

    records: Mapping[str, int]
    leaks: Mapping[str, frozenset[str]]
    """Topics without content, with the tokens found there."""
    unreadable: tuple[str, ...]
    """Records that do not match the contract's models."""
    backwards: tuple[str, ...]
    """Articles with an older version after a newer one."""
    letters: tuple[Letter, ...]
    content_tokens: int
    """Tokens found where content is: proves that the search works."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All evidence."""

    sizes: Sizes
    expected: Expected
    history: History
    stores: tuple[Store, ...]
    ledger: Ledger
    topics: Topics
    leaks: Mapping[str, frozenset[str]]
    """Places outside the content stores (logs, tables, mails) with the tokens found there."""
    scanned: Mapping[str, int]
    """Searched places, with the number of tokens found; a content store without any was not really searched."""
    api_answers: Mapping[str, int]
    """The API's status for some of the revoked articles, by id."""
    api_revoked: frozenset[str]
    """The API's list of revoked ids."""
    holdings: Mapping[str, Mapping[str, str]]
    """What each holder reports for those, by id."""
    incidents_open: int
    incidents_seen: int
    revoked_rows: Mapping[str, int]
    """Ids that are revoked in the ingester's identity table, with the number of the order."""
    quarantined: Mapping[str, int]
    """Quarantined records, by source."""
    injected: Mapping[str, int]
    """Failures that the provider actually returned."""
    restarts: int
    checked_at: datetime
    sweeps: tuple[Swept, ...] = ()
    """Every owner's answer to the last sweep of each class."""
    outliving: frozenset[str] = frozenset()
    """Swept ids that the ingester still has."""
    swept_answers: Mapping[str, int] = field(default_factory=dict)
    """The API's status for some of the swept articles, by id."""
    sent: tuple[Sent, ...] = ()
    """The content of the mail and SMS sinks."""
    miscounted: int = 0
    """Rows of analytics' rollups that differ from a recount of its facets."""
    rollups: int = 0
