"""Alert conditions of feeds, and the rules that derive them from a feed's state."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from clawback_common.alerts.condition import Condition
from clawback_contracts.alert.v1 import Severity
from ingester.domain.feed import FULL_PAGES_MAX, hours_left
from ingester.domain.unparsed_fields import NotUnderstood

FAILING_MAX = timedelta(minutes=5)
"""How long a feed may fail before an alert is raised; for a stopped feed the alert is raised at once."""


class FeedState(NamedTuple):
    """The state of a feed."""

    name: str
    state: str
    state_reason: str | None
    state_since: datetime
    full_pages: int
    reached_at: datetime | None
    page_requested: int | None
    page_limit: int | None
    page_stated: int | None
    kind: str
    gap_from: datetime | None
    gap_until: datetime | None
    window_h: float | None
    """How many hours back the provider's feed reaches, if known."""


def cursor_reset(feed: str, why: str, former: str | None) -> Condition:
    """The feed's cursor belongs to another provider or key, and was not used."""
    return Condition(
        "FeedCursorReset",
        Severity.WARNING,
        (
            f"Feed {feed} starts again at the provider's oldest entry, because {why}; its former cursor was "
            f"{former}."
        )[:500],
        {"feed": feed},
    )


def not_understood(feed: str, found: NotUnderstood) -> Condition:
    """Fields in many articles of a feed cannot be read."""
    return Condition(
        "FeedNotUnderstood",
        Severity.WARNING,
        f"Feed {feed}: in {found.articles:,} of {found.received:,} articles of the last 24 hours a field "
        f"could not be read and is kept only in `extra`: {found.fields}."[:500],
        {"feed": feed},
    )


def of_feeds(states: Iterable[FeedState], now: datetime) -> list[Condition]:
    """Returns the conditions of these feeds."""
    return [found for state in states for found in _of_feed(state, now)]


def _of_feed(feed: FeedState, now: datetime) -> Iterator[Condition]:
    since = f"{feed.state_since:%Y-%m-%d %H:%M} UTC"
    labels = {"feed": feed.name}
    if feed.state == "stopped":
        summary = f"Feed {feed.name} has been stopped since {since}: {feed.state_reason}"
        yield Condition("FeedStopped", Severity.CRITICAL, summary, labels)
    if feed.state == "failing" and now - feed.state_since >= FAILING_MAX:
        summary = f"Feed {feed.name} has failed since {since}: {feed.state_reason}"
        yield Condition("FeedFailing", Severity.CRITICAL, summary, labels)
    if feed.full_pages >= FULL_PAGES_MAX:
        behind_h = (now - feed.reached_at).total_seconds() / 3600 if feed.reached_at else 0.0
        leaves = (
            (
                f"; entries not read within {hours_left(feed.window_h, behind_h):.0f} h leave the provider's "
                "window"
            )
            if feed.window_h
            else ""
        )
        yield Condition(
            "FeedFallingBehind",
            Severity.WARNING,
            (
                f"Feed {feed.name}: {feed.full_pages} pages were read without reaching the end{leaves}. Poll "
                "more often."
            ),
            labels,
        )
    yield from _of_gap(feed, labels)
    if feed.page_limit and feed.page_requested and feed.page_limit < feed.page_requested:
        stated = f"{feed.page_stated:,}" if feed.page_stated else "nothing"
        summary = (
            f"Feed {feed.name}: pages of {feed.page_requested:,} entries are requested, and the provider "
            f"returns at most {feed.page_limit:,} (the key's rate limits state {stated}). All entries are "
            "read, with more calls."
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
        f"Feed {feed.name}: {what} listed from {begun} to {feed.gap_until:%Y-%m-%d %H:%M} UTC may not have "
        "been delivered: check the incident and close it."
    )
    yield Condition("FeedGap", severity, summary, labels)
