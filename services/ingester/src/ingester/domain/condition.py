"""Conditions that a person should know of, and the rules by which time makes one of a feed's state."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from clawback_common.alerts.condition import Condition
from clawback_contracts.alert.v1 import Severity
from ingester.domain.feed import FULL_PAGES_MAX, hours_left
from ingester.domain.unparsed_fields import NotUnderstood

FAILING_MAX = timedelta(minutes=5)
"""A feed may fail for so long before a person is paged; for a stopped one a person is paged at once."""


class FeedState(NamedTuple):
    """How a feed is doing."""

    name: str
    state: str
    reason: str | None
    since: datetime
    full_pages: int
    reached_at: datetime | None
    page_asked: int | None
    page_limit: int | None
    page_stated: int | None
    kind: str
    gap_from: datetime | None
    gap_until: datetime | None
    window_h: float | None
    """How far back the feed reaches, where that is known."""


def cursor_reset(feed: str, why: str, former: str | None) -> Condition:
    """A feed's cursor is another provider's, or another key's, and was not used."""
    return Condition(
        "FeedCursorReset",
        Severity.WARNING,
        f"Feed {feed} begins again at the provider's oldest entry, for {why}; its cursor there was {former}."[
            :500
        ],
        {"feed": feed},
    )


def not_understood(feed: str, found: NotUnderstood) -> Condition:
    """Much of a feed's articles cannot be read."""
    return Condition(
        "FeedNotUnderstood",
        Severity.WARNING,
        f"Feed {feed}: in {found.articles:,} of {found.received:,} articles of the last 24 hours something could not "
        f"be read, and is kept in `extra` alone: {found.fields}."[:500],
        {"feed": feed},
    )


def of_feeds(states: Iterable[FeedState], now: datetime) -> list[Condition]:
    """What holds of these feeds now."""
    return [found for state in states for found in _of_feed(state, now)]


def _of_feed(feed: FeedState, now: datetime) -> Iterator[Condition]:
    since = f"{feed.since:%Y-%m-%d %H:%M} UTC"
    labels = {"feed": feed.name}
    if feed.state == "stopped":
        summary = f"Feed {feed.name} is stopped since {since}: {feed.reason}"
        yield Condition("FeedStopped", Severity.CRITICAL, summary, labels)
    if feed.state == "failing" and now - feed.since >= FAILING_MAX:
        summary = f"Feed {feed.name} has failed since {since}: {feed.reason}"
        yield Condition("FeedFailing", Severity.CRITICAL, summary, labels)
    if feed.full_pages >= FULL_PAGES_MAX:
        behind_h = (now - feed.reached_at).total_seconds() / 3600 if feed.reached_at else 0.0
        leaves = (
            f"; what is not read within {hours_left(feed.window_h, behind_h):.0f} h leaves the provider's window"
            if feed.window_h
            else ""
        )
        yield Condition(
            "FeedFallingBehind",
            Severity.WARNING,
            f"Feed {feed.name} was read {feed.full_pages} pages on without coming to its end{leaves}. Poll more often.",
            labels,
        )
    yield from _of_gap(feed, labels)
    if feed.page_limit and feed.page_asked and feed.page_limit < feed.page_asked:
        stated = f"{feed.page_stated:,}" if feed.page_stated else "nothing"
        summary = (
            f"Feed {feed.name}: a page is asked for {feed.page_asked:,} entries, and the provider gives at most "
            f"{feed.page_limit:,} (the key's rate limits say {stated} of it). All are read, in more calls."
        )
        yield Condition("FeedPagesLimited", Severity.WARNING, summary, labels)


def _of_gap(feed: FeedState, labels: Mapping[str, str]) -> Iterator[Condition]:
    if feed.gap_until is None:
        return
    what, severity = "articles", Severity.WARNING
    if feed.kind == "revoked":
        what, severity = "revocations", Severity.CRITICAL
    begun = f"{feed.gap_from:%Y-%m-%d %H:%M} UTC" if feed.gap_from else "the beginning"
    summary = (
        f"Feed {feed.name}: {what} listed from {begun} to {feed.gap_until:%Y-%m-%d %H:%M} UTC may never have "
        "been delivered: see the incident, and close it."
    )
    yield Condition("FeedGap", severity, summary, labels)
