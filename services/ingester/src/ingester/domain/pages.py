"""Pages of a provider's list: which page is the last, and what page sizes show about the provider's limit."""

from dataclasses import dataclass
from enum import Enum, auto

CUT_PAGES_MIN = 3
"""This number of consecutive pages cut at the same size shows a limit of the provider; fewer may be chance."""


class End(Enum):
    """What follows a page."""

    MORE = auto()
    """There may be a next page."""
    COMPLETE = auto()
    """The list was read to its end."""
    UNKNOWN = auto()
    """The page has no next cursor, and nothing shows that it is the last one."""


@dataclass(frozen=True, slots=True)
class PageSizes:
    """The page sizes of one poll, which are the only sign of the end of the list.

    The requested size is no sign: a provider may return fewer entries, and another number each day, without stating
    it.

    Attributes:
        asked: The requested number of entries per page.
        largest: The entries of the largest page of this poll.
        last: The entries of the last page.
        largest_ever: The entries of the largest page that the feed ever had.
    """

    asked: int
    largest: int = 0
    last: int = 0
    largest_ever: int = 0

    def then(self, count: int) -> "PageSizes":
        """Returns the sizes with one more page."""
        return PageSizes(
            self.asked, max(self.largest, count), count, max(self.largest_ever, self.largest, count)
        )

    def cut(self, count: int) -> int | None:
        """Returns the size of the last page if ``count`` more entries after it show that the provider cut it."""
        shorter_than_asked = 0 < self.last < self.asked
        return self.last if count and shorter_than_asked and self.last == self.largest else None


def end_of_articles(sizes: PageSizes, count: int, *, leads_on: bool) -> End:
    """Returns what follows a page of articles; the list ends after an empty page, or one shorter than an earlier one.

    New articles arrive all the time, so an empty page may never occur. A page without a sequence, which has no next
    cursor, is the last one only if the feed had a larger page before.
    """
    if not count or count < sizes.largest:
        return End.COMPLETE
    if leads_on:
        return End.MORE
    return End.COMPLETE if count < sizes.largest_ever else End.UNKNOWN


def end_of_revocations(
    sizes: PageSizes, count: int, *, cursor: str | None, next_cursor: str | None, unpaged: bool
) -> End:
    """Returns what follows a page of revocations; the list ends only after an empty page, or at the end of the cursor.

    Args:
        sizes: The sizes of the previous pages.
        count: The entries on the page.
        cursor: The cursor that was sent; None for the first call.
        next_cursor: The cursor on the page.
        unpaged: The configuration states that this provider's list has no cursor and is always complete.
    """
    if not count:
        return End.COMPLETE
    if next_cursor is not None and next_cursor != cursor:
        return End.MORE
    if count < sizes.asked and (next_cursor is not None or unpaged):
        return End.COMPLETE
    return End.UNKNOWN
