"""Obligations: what one holder owes one order, and what each answer means for it."""

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
    """How far a holder is. None of them means that we gave up."""

    OPEN = "open"
    NOTIFIED = "notified"
    """The broker confirmed the order."""
    REMOVED = "removed"
    """The holder says so; where we can look, we have not checked yet."""
    VERIFIED = "verified"
    SUPERSEDED = "superseded"
    """A later order on the article took its place."""


CLOSED = frozenset({State.VERIFIED, State.SUPERSEDED})
_REMOVED = frozenset({Outcome.REMOVED, Outcome.NEVER_HELD, Outcome.ALREADY_REMOVED})


@dataclass(frozen=True, slots=True)
class Obligation:
    """One order, one holder."""

    revocation_id: UUID
    holder: str
    kind: HolderKind
    order_kind: Kind
    verifiable: bool
    """We can ask the holder for its holdings, so its word alone closes nothing."""
    superseded: bool
    """We gave a later order on this article."""
    copy_kinds: tuple[str, ...]
    """What the holder declared; an answer must speak of each."""
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
    """What a receipt was worth; recorded beside it."""

    CLOSED = "closed"
    REMOVED = "removed"
    INCOMPLETE = "incomplete"
    """A kind of copy that the holder declared is not answered, or not with a removal."""
    REPEATED = "repeated"
    UNKNOWN_ORDER = "unknown_order"
    NOT_OBLIGED = "not_obliged"
    """No holder of this name had to answer this order."""
    UNAUTHENTICATED = "unauthenticated"
    """Nobody knows whether the holder sent it: a claim, which closes nothing."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A receipt, as it came by whichever door."""

    receipt_id: UUID
    article_id: str
    order_no: int
    holder: str
    attempt: int
    removals: Mapping[str, Outcome]
    answered_at: datetime
    came_by: str
    authenticated: bool = True
    """It is known to be the holder's own."""

    @property
    def key(self) -> tuple[str, int, str, int, bool, bytes]:
        """What identifies it: what it answers, who answers, and what it says.

        Its sender chooses the receipt's id, a claim takes the place of no receipt, and each answer that differs is
        recorded, so that whatever closed an obligation is among the receipts.
        """
        return self.article_id, self.order_no, self.holder, self.attempt, self.authenticated, self.digest

    @property
    def digest(self) -> bytes:
        """SHA-256 of the receipt's id and its outcomes: the same answer again has the same."""
        parts = [str(self.receipt_id), *(f"{kind}={what}" for kind, what in sorted(self.removals.items()))]
        return hashlib.sha256("\x1f".join(parts).encode()).digest()

    @classmethod
    def of(cls, event: ArticleRemoved, came_by: str, *, authenticated: bool = True) -> "Answer":
        """A receipt that came as an event, or with an event's body."""
        return cls(
            receipt_id=event.receipt_id,
            article_id=event.article_id,
            order_no=event.order,
            holder=event.holder,
            attempt=event.attempt,
            removals={removal.copy_kind: removal.outcome for removal in event.removals},
            answered_at=event.answered_at,
            came_by=came_by,
            authenticated=authenticated,
        )


def fold(obligation: Obligation, answer: Answer, now: datetime) -> tuple[Obligation, ReceiptOutcome]:
    """What an answer makes of an obligation; the same one again changes nothing.

    Answers add up by kind of copy. What is closed stays closed, for a late answer takes nothing back.
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
    """Whether one kind of copy is dealt with. A later order that we do not know of settles nothing."""
    if outcome is None:
        return False
    if outcome is Outcome.SUPERSEDED:
        return obligation.superseded
    if outcome is Outcome.WITHHELD:
        return obligation.order_kind is Kind.WITHHELD
    if outcome is Outcome.REINSTATED:
        return obligation.order_kind is Kind.REINSTATED
    return outcome in _REMOVED


LISTS = "ingester"
"""The store that lists the articles holds what it lists at every moment."""
GRACE_PERIOD = timedelta(minutes=10)
"""Any other may be behind, or have swept before the ingester has: what it misses for longer it answers wrongly."""
CONTROLS = 5
"""In each question to a store of ours; they must be held, or the answers on the others are worth nothing."""


@dataclass(frozen=True, slots=True)
class HoldingsCheck:
    """A holder's answers on ids that must be gone, and a store's on ids that must be held."""

    store: str
    answers: Mapping[str, Holding]
    ours: bool = False
    """A store of ours: its word needs proof. False: a consumer, which answers for itself."""
    orders: Mapping[str, int] | None = None
    """The last order that the store applied to each id; None: it does not say."""
    controls: Sequence[str] = ()
    """Ids that must be held, asked in the same question; those that need not be held any more are left out."""
    missed: Sequence[str] = ()
    """Those of them that it called gone."""
    not_needed: Sequence[str] = ()
    """Ids that were asked as controls and need not be held any more: taken down, or swept, meanwhile."""
    few_live: bool = False
    """There were not enough articles to ask for as controls."""

    @property
    def held(self) -> list[str]:
        """The controls that were found held."""
        return [one for one in self.controls if self.answers.get(one) is Holding.HELD]

    @property
    def unsure(self) -> bool:
        """It did not know of one of them, so it does not know of the others."""
        return any(self.answers.get(one, Holding.UNKNOWN) is Holding.UNKNOWN for one in self.controls)


def grace_period(store: str) -> timedelta:
    """For how long this store may miss what must be held."""
    return timedelta(0) if store == LISTS else GRACE_PERIOD


class HoldingsVerdict(StrEnum):
    """What looking found."""

    GONE = "gone"
    HELD = "held"
    UNKNOWN = "unknown"


class Proof(StrEnum):
    """Why an answer "gone" is believed."""

    ANSWER = "answer"
    """A consumer's own word at its own address."""
    CONTROLS = "controls"
    """Articles that must be held were found held, in the same answer."""
    ORDER = "order"
    """The row that guards the article has applied the order."""


def verdict(
    checked: HoldingsCheck, article_id: str, order_no: int, *, wrong: bool = False
) -> HoldingsVerdict:
    """What one answer is worth: unknown, left out, not proven, or from a store that answers wrongly is not gone."""
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
    """Why a store's "gone" is believed, if it is.

    A store that says which orders it has applied must have applied this one: what it has not heard of may still be
    published there. Where fewer than `CONTROLS` articles were found held, it must say so.
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
