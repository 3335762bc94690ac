"""What a downstream holder decides: which versions and orders it applies, and what it may show.

Decides by number, never by arrival: late and repeated records change nothing. A holder keeps one `CopyState` per
article, also of articles that it never held or has removed. Vectors for other languages: ``vectors/holder.json``.
"""

from datetime import datetime
from typing import NamedTuple

from clawback_contracts.article.v1 import ArticlePublished
from clawback_contracts.holder.answers import outcome_of
from clawback_contracts.revocation.folding import AnyOrder, OrderHead, Status, keeps_copy, status_of
from clawback_contracts.revocation.v1 import ArticleRevoked, Outcome


class CopyState(NamedTuple):
    """A holder's row of an article. Of an unknown article it is ``CopyState(article_id)``."""

    article_id: str
    last_order: int = 0
    """The last order that was applied, or that an applied version follows; 0: none."""
    status: Status = Status.LIVE
    version: int = 0
    """The last version that was held; 0: it was never held."""
    held: bool = False
    """Whether the content is stored. Where this becomes false, the holder deletes the content."""


class Applied(NamedTuple):
    """The result of an order."""

    state: CopyState
    outcome: Outcome
    """The outcome for the receipt."""


def accepts(state: CopyState, article: ArticlePublished) -> bool:
    """Return whether to store this version: it is newer than the orders and the versions applied so far."""
    if article.after_order == state.last_order:
        return state.status is Status.LIVE and article.version > state.version
    return article.after_order > state.last_order


def with_version(state: CopyState, article: ArticlePublished) -> CopyState:
    """Return the state after this version was stored, which ``accepts`` has allowed."""
    return CopyState(state.article_id, article.after_order, Status.LIVE, article.version, held=True)


def with_order(state: CopyState, order: AnyOrder) -> Applied:
    """Apply an order that is not older than the last one; an older one only gets its outcome.

    A revocation with the number of the last order is applied too: a version that follows it may have arrived first.
    """
    after, overtaken = state, order.order == state.last_order and isinstance(order, ArticleRevoked)
    if overtaken or order.order > state.last_order:
        kept = keeps_copy(OrderHead(state.article_id, state.last_order, state.status), order)
        after = state._replace(last_order=order.order, status=status_of(order), held=state.held and kept)
    outcome = outcome_of(order, after.last_order, removed=state.held, ever_held=state.version > 0)
    return Applied(after, outcome)


def may_be_shown(state: CopyState, article: ArticlePublished, now: datetime) -> bool:
    """Return whether readers may be shown this version: it is held, live, and within its embargo and its licence."""
    return (
        (state.held, state.status, state.version) == (True, Status.LIVE, article.version)
        and (article.embargoed_until is None or article.embargoed_until <= now)
        and (article.licence_ends_at is None or now < article.licence_ends_at)
    )
