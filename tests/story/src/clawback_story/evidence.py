"""What was found at the end: values that the checkers judge without asking anybody."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from clawback_story.history import History
from clawback_story.plan import Sizes


@dataclass(frozen=True, slots=True)
class Expected:
    """What must be so, from what the provider exposed and what others were told is taken."""

    held: Mapping[str, frozenset[str]]
    """Every article that must be held, with the tokens of the text that it must have."""
    gone: frozenset[str]
    """Revoked: held by nobody, in no text."""
    absent: frozenset[str]
    """Reinstated and not published again, or too old when it came: held by nobody, and not revoked."""
    owners: Mapping[str, str]
    """Every token that was ever in a text, with its article; garbage belongs to nobody: an empty string."""
    revocations: int
    """Entries on the provider's list."""
    swept: frozenset[str] = frozenset()
    """Held by those who were given it, and by no store of ours: it was too old."""


@dataclass(frozen=True, slots=True)
class Store:
    """What one store holds; asked past the service where there is a database."""

    name: str
    ids: frozenset[str]
    tokens: frozenset[str]
    whole: bool
    """It must hold everything that may be held; others may hold some of it."""
    versions: Mapping[str, int] | None = None
    with_texts: bool = True
    """All texts were read, not only some."""
    ours: bool = True
    """A sweep reaches it."""


@dataclass(frozen=True, slots=True)
class Order:
    """An order, as compliance's database has it."""

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
    """What one holder owes one order."""

    revocation_id: UUID
    holder: str
    kind: str
    state: str
    due_at: datetime
    removed_at: datetime | None
    verified_at: datetime | None
    how: str | None
    """How it was closed: by a receipt, or by looking."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice, as compliance's database has it."""

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
    """Article, order, holder: who has answered what."""
    runs: tuple[str, ...]
    """State of each run, in order."""
    holders: Mapping[str, str]
    """Kind by name."""
    found_something: int = 0
    """Runs that completed and found notices."""


@dataclass(frozen=True, slots=True)
class Swept:
    """What an owner answered to a sweep."""

    data_class: str
    owner: str
    outcome: str
    found: int
    removed: int
    held: int
    kept: int
    removed_ever: int
    """By this and all sweeps of the class before it."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A mail or a text message, as it lies in its sink."""

    at: datetime
    by: str
    to: str
    subject: str
    reference: str
    """The same when it is sent again."""


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
    """What lies on the topics; records that the story itself put there are left out."""

    records: Mapping[str, int]
    leaks: Mapping[str, frozenset[str]]
    """Topics that may carry no content, with the tokens found there."""
    unreadable: tuple[str, ...]
    """Records that the contract's models do not read."""
    backwards: tuple[str, ...]
    """Articles of which a version was followed by an older one."""
    letters: tuple[Letter, ...]
    content_tokens: int
    """Tokens found where they belong: the scan sees what is there."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All of it."""

    sizes: Sizes
    expected: Expected
    history: History
    stores: tuple[Store, ...]
    ledger: Ledger
    topics: Topics
    leaks: Mapping[str, frozenset[str]]
    """Places outside the content's homes (logs, tables, mails) with the tokens found there."""
    scanned: Mapping[str, int]
    """Places that were searched, with the tokens found; a home without any was not really searched."""
    api_answers: Mapping[str, int]
    """What the API answers for some of the articles that must be gone: status by id."""
    api_revoked: frozenset[str]
    """The API's list of revoked ids."""
    holdings: Mapping[str, Mapping[str, str]]
    """What each holder says of those: holding by id."""
    incidents_open: int
    incidents_seen: int
    revoked_rows: Mapping[str, int]
    """Ids that the ingester's identity table has as revoked, with the order's number."""
    quarantined: Mapping[str, int]
    """Records set aside, by door."""
    injected: Mapping[str, int]
    """Failures that the provider really answered with."""
    restarts: int
    looked_at: datetime
    sweeps: tuple[Swept, ...] = ()
    """Every owner that was asked, in the last sweep of each class."""
    outliving: frozenset[str] = frozenset()
    """Swept ids whose identity the ingester has still."""
    swept_answers: Mapping[str, int] = field(default_factory=dict)
    """What the API answers for some of the swept: status by id."""
    sent: tuple[Sent, ...] = ()
    """What lies in the sinks of mail and text messages."""
    miscounted: int = 0
    """Rows of analytics' rollups that a recount from its facets does not confirm."""
    rollups: int = 0
