"""Obligations: what one holder owes for one order, and how receipts and holdings checks change it."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from clawback_contracts.holder.v1 import HolderKind, Holding
from clawback_contracts.revocation.v1 import ArticleRemoved, Outcome
from compliance.domain.order import Kind


class State(StrEnum):
    """The state of an obligation. There is no state for giving up."""

    OPEN = "open"
    NOTIFIED = "notified"
    """The broker confirmed the order."""
    REMOVED = "removed"
    """The holder reported the removal; if its holdings can be checked, this is not verified yet."""
    VERIFIED = "verified"
    SUPERSEDED = "superseded"
    """A later order on the article replaced the order."""


CLOSED = frozenset({State.VERIFIED, State.SUPERSEDED})
REMOVALS = frozenset({Outcome.REMOVED, Outcome.NEVER_HELD, Outcome.ALREADY_REMOVED})


@dataclass(frozen=True, slots=True)
class Obligation:
    """One holder's obligation for one order."""

    revocation_id: UUID
    holder: str
    kind: HolderKind
    order_kind: Kind
    verifiable: bool
    """The holder's holdings can be checked, so a receipt alone closes nothing."""
    superseded: bool
    """A later order on this article was issued."""
    copy_kinds: tuple[str, ...]
    """The kinds of copies that the holder declared; a receipt must cover each."""
    state: State
    answers: Mapping[str, str]
    attempts: int = 0
    notified_at: datetime | None = None
    removed_at: datetime | None = None
    verified_at: datetime | None = None
    superseded_at: datetime | None = None
    reopened: int = 0
    opened_at: datetime | None = None
    evidence: Mapping[str, object] | None = None


class ReceiptOutcome(StrEnum):
    """The outcome of a receipt, recorded with it."""

    CLOSED = "closed"
    REMOVED = "removed"
    INCOMPLETE = "incomplete"
    """A declared kind of copy is missing in the receipts, or is not reported as removed."""
    REPEATED = "repeated"
    UNKNOWN_ORDER = "unknown_order"
    NOT_OBLIGED = "not_obliged"
    """No holder of this name has an obligation for this order."""
    UNAUTHENTICATED = "unauthenticated"
    """It is unknown whether the holder sent it: the receipt closes nothing."""


STRAY = frozenset({ReceiptOutcome.UNKNOWN_ORDER, ReceiptOutcome.NOT_OBLIGED, ReceiptOutcome.UNAUTHENTICATED})
"""The outcomes of receipts that concern no obligation."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A receipt from any source."""

    receipt_id: UUID
    article_id: str
    order_no: int
    holder: str
    attempt: int
    removals: Mapping[str, Outcome]
    answered_at: datetime
    received_via: str
    authenticated: bool = True
    """The receipt is known to come from the holder."""

    @property
    def key(self) -> tuple[str, int, str, int, bool, bytes]:
        """Returns the identity of the receipt: the order, the holder and the content.

        The sender chooses the receipt id. An unauthenticated receipt never replaces an authenticated one. Receipts
        with different content are recorded separately, so the receipt that closed an obligation is always on record.
        """
        return self.article_id, self.order_no, self.holder, self.attempt, self.authenticated, self.digest

    @property
    def digest(self) -> bytes:
        """Returns the SHA-256 of the receipt id and its outcomes; a repeated receipt has the same digest."""
        parts = [str(self.receipt_id), *(f"{kind}={what}" for kind, what in sorted(self.removals.items()))]
        return hashlib.sha256("\x1f".join(parts).encode()).digest()

    @classmethod
    def of(cls, event: ArticleRemoved, received_via: str, *, authenticated: bool = True) -> "Answer":
        """Creates a receipt from an event, or from an HTTP body of the same form."""
        return cls(
            receipt_id=event.receipt_id,
            article_id=event.article_id,
            order_no=event.order,
            holder=event.holder,
            attempt=event.attempt,
            removals={removal.copy_kind: removal.outcome for removal in event.removals},
            answered_at=event.answered_at,
            received_via=received_via,
            authenticated=authenticated,
        )


def fold(obligation: Obligation, answer: Answer, now: datetime) -> tuple[Obligation, ReceiptOutcome]:
    """Returns the obligation after a receipt; a repeated receipt changes nothing.

    Receipts accumulate per kind of copy. A closed obligation stays closed: a late receipt does not reopen it.
    """
    if obligation.state in CLOSED or obligation.kind is HolderKind.EXPIRY:
        return obligation, ReceiptOutcome.REPEATED
    declared = {
        kind: answer.removals[kind].value for kind in obligation.copy_kinds if kind in answer.removals
    }
    answers = {**obligation.answers, **declared}
    heard = replace(
        obligation,
        answers=answers,
        attempts=max(obligation.attempts, answer.attempt),
        notified_at=obligation.notified_at or now,
        state=State.NOTIFIED if obligation.state is State.OPEN else obligation.state,
    )
    outcomes = [Outcome(answers[kind]) if kind in answers else None for kind in obligation.copy_kinds]
    evidence = {
        "how": "receipt",
        "receipt_id": str(answer.receipt_id),
        "attempt": answer.attempt,
        "answers": answers,
    }
    if obligation.superseded and outcomes and all(o is Outcome.SUPERSEDED for o in outcomes):
        closed = replace(heard, state=State.SUPERSEDED, superseded_at=now, evidence=evidence)
        return closed, ReceiptOutcome.CLOSED
    if not all(_settles(obligation, outcome) for outcome in outcomes):
        return heard, ReceiptOutcome.INCOMPLETE
    if obligation.state is State.REMOVED:
        return heard, ReceiptOutcome.REPEATED
    removed = replace(heard, state=State.REMOVED, removed_at=now)
    if obligation.order_kind is Kind.REVOKED and obligation.verifiable:
        return removed, ReceiptOutcome.REMOVED
    return replace(removed, state=State.VERIFIED, verified_at=now, evidence=evidence), ReceiptOutcome.CLOSED


def _settles(obligation: Obligation, outcome: Outcome | None) -> bool:
    """Returns whether one kind of copy is done. An answer that cites a later order counts only if we know of one."""
    if outcome is None:
        return False
    if outcome is Outcome.SUPERSEDED:
        return obligation.superseded
    if outcome is Outcome.WITHHELD:
        return obligation.order_kind is Kind.WITHHELD
    if outcome is Outcome.REINSTATED:
        return obligation.order_kind is Kind.REINSTATED
    return outcome in REMOVALS


LISTS = "ingester"
"""The store that lists the control articles; it must always hold what it lists."""
GRACE_PERIOD = timedelta(minutes=10)
"""Other stores may lag behind, or sweep before the ingester. A control missing for longer is a wrong answer."""
CONTROLS = 5
"""Control articles in each question to a store of ours. They must be held, else its other answers prove nothing."""


@dataclass(frozen=True, slots=True)
class HoldingsCheck:
    """A holder's answers on ids that must be gone, and a store's answers on control ids that must be held."""

    store: str
    answers: Mapping[str, Holding]
    ours: bool = False
    """True for a store of ours, whose answers need proof. False for a consumer, which answers for itself."""
    orders: Mapping[str, int] | None = None
    """The last order that the store applied to each id; None: the store does not report it."""
    controls: Sequence[str] = ()
    """Control ids of the same question that must still be held."""
    missed: Sequence[str] = ()
    """The controls that the store reported as gone."""
    not_needed: Sequence[str] = ()
    """Ids that were asked as controls and no longer need to be held: revoked or swept in the meantime."""
    few_live: bool = False
    """There were too few articles to choose controls from."""

    @property
    def held(self) -> list[str]:
        """Returns the controls that the store reported as held."""
        return [one for one in self.controls if self.answers.get(one) is Holding.HELD]

    @property
    def unsure(self) -> bool:
        """Returns whether the store answered ``unknown`` for a control; then its other answers count as unknown too."""
        return any(self.answers.get(one, Holding.UNKNOWN) is Holding.UNKNOWN for one in self.controls)


def grace_period(store: str) -> timedelta:
    """Returns how long this store may miss a control article."""
    return timedelta(0) if store == LISTS else GRACE_PERIOD


class HoldingsVerdict(StrEnum):
    """The result of a holdings check for one article."""

    GONE = "gone"
    HELD = "held"
    UNKNOWN = "unknown"


class Proof(StrEnum):
    """Why an answer "gone" is accepted."""

    ANSWER = "answer"
    """The answer of a consumer at its own address."""
    CONTROLS = "controls"
    """Control articles were reported as held in the same answer."""
    ORDER = "order"
    """The store's row of the article has applied the order."""


def verdict(
    checked: HoldingsCheck, article_id: str, order_no: int, *, wrong: bool = False
) -> HoldingsVerdict:
    """Returns the result for one article.

    An answer that is unknown, missing or not proven, or that comes from an unreliable store, does not count as gone.
    """
    if wrong or checked.unsure:
        return HoldingsVerdict.UNKNOWN
    match checked.answers.get(article_id):
        case Holding.GONE if proof(checked, article_id, order_no) is not None:
            return HoldingsVerdict.GONE
        case Holding.HELD:
            return HoldingsVerdict.HELD
        case _:
            return HoldingsVerdict.UNKNOWN


def proof(checked: HoldingsCheck, article_id: str, order_no: int) -> Proof | None:
    """Returns the proof of a store's answer "gone"; None if there is none.

    If the store reports applied orders, it must have applied this one: otherwise it may still publish the article. If
    fewer than `CONTROLS` controls are held, the applied order is required.
    """
    if not checked.ours:
        return Proof.ANSWER
    if checked.orders is not None and checked.orders.get(article_id, 0) < order_no:
        return None
    if len(checked.held) >= CONTROLS:
        return Proof.CONTROLS
    if checked.orders is not None and (checked.held or (checked.few_live and not checked.controls)):
        return Proof.ORDER
    return None
