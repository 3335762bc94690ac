"""Pages of a provider's list: which one is the last, and what their sizes show of the provider's own limit."""

from dataclasses import dataclass
from enum import Enum, auto

CUT_PAGES_MIN = 3
"""So many pages in a row that were cut at the same size show a limit of the provider's own; fewer may be chance."""


class End(Enum):
    """What follows a page."""

    MORE = auto()
    """Ask for the next page."""
    COMPLETE = auto()
    """Nothing: the list has been read to its end."""
    UNKNOWN = auto()
    """The page does not lead on, and nothing shows that it is the last one."""


@dataclass(frozen=True, slots=True)
class PageSizes:
    """How many entries the pages of one pass had, which alone shows where the list ends.

    What was asked for shows nothing: a provider may give less, today less than yesterday, and does not say so.

    Attributes:
        asked: entries that each page was asked for.
        largest: entries of the largest page of this pass.
        last: entries of the last page.
        largest_ever: entries of the largest page that the feed has ever had.
    """

    asked: int
    largest: int = 0
    last: int = 0
    largest_ever: int = 0

    def then(self, count: int) -> "PageSizes":
        """With one more page."""
        return PageSizes(
            self.asked, max(self.largest, count), count, max(self.largest_ever, self.largest, count)
        )

    def cut(self, count: int) -> int | None:
        """The size of the last page, where one with ``count`` entries after it shows that the provider had cut it."""
        shorter_than_asked = 0 < self.last < self.asked
        return self.last if count and shorter_than_asked and self.last == self.largest else None


def end_of_articles(sizes: PageSizes, count: int, *, leads_on: bool) -> End:
    """What follows a page of articles: nothing after an empty page, or one shorter than an earlier one of this pass.

    A feed never falls silent for long, so an empty page may never come. A page without a single sequence, which does
    not lead on, is the last one only if the feed had a larger one before.
    """
    if not count or count < sizes.largest:
        return End.COMPLETE
    if leads_on:
        return End.MORE
    return End.COMPLETE if count < sizes.largest_ever else End.UNKNOWN


def end_of_revocations(
    sizes: PageSizes, count: int, *, cursor: str | None, next_cursor: str | None, unpaged: bool
) -> End:
    """What follows a page of revocations: nothing after an empty page alone, or where the cursor has come to its end.

    Args:
        sizes: of the pages before.
        count: entries on the page.
        cursor: that was sent; None at the first call.
        next_cursor: that the page gives.
        unpaged: a person has stated that this provider's list has no cursor and is always whole.
    """
    if not count:
        return End.COMPLETE
    if next_cursor is not None and next_cursor != cursor:
        return End.MORE
    if count < sizes.asked and (next_cursor is not None or unpaged):
        return End.COMPLETE
    return End.UNKNOWN
