"""The state of one provider: rules, clock, data, queued failures, ledger of answers; and the RSS feeds."""

import gzip
from collections.abc import Iterable
from typing import Any

from clawback_simulator import wire
from clawback_simulator.article import build, spoil
from clawback_simulator.catalogue import Wire
from clawback_simulator.clock import SimulatedClock
from clawback_simulator.facets import FACETS
from clawback_simulator.faults import Faults
from clawback_simulator.ledger import Ledger, Positions
from clawback_simulator.rss import Feeds
from clawback_simulator.settings import Settings
from clawback_simulator.world import World

PageKey = tuple[int, int, str]
"""First and last position (exclusive) and the format of a page that was rendered in advance."""


class Simulator:
    """Everything that `reset` recreates."""

    def __init__(self, seed: int = 1, settings: Settings | None = None) -> None:
        self._first_settings = settings or Settings()
        self.begin(seed)

    def begin(self, seed: int) -> None:
        """Resets everything, including the rules."""
        self.seed = seed
        self.settings = self._first_settings
        self.clock = SimulatedClock()
        self.rss = Feeds(self.clock)
        self.world = World(seed, self.clock)
        self.faults = Faults()
        self.ledger = Ledger()
        self.pages: dict[PageKey, tuple[bytes, bool]] = {}
        self._facets: dict[int, tuple[Any, ...]] = {}

    def article(self, position: int) -> Wire:
        """Returns the article at a position of the feed, with its injected errors."""
        delivery = self.world.feed[position]
        made = self._built(position)
        if self.settings.drift:
            made = spoil(made, "unknown_elements")
        made = spoil(made, delivery.article.corrupt) if delivery.article.corrupt else made
        style = self.settings.inner_lists
        return made if style == "plain" else wire.doubled(made, style)

    def facets(self, position: int) -> Wire:
        """Returns what that article can be counted by; it never changes."""
        if position not in self._facets:
            self._built(position)
        return dict(zip(FACETS, self._facets[position], strict=True))

    def _built(self, position: int) -> Wire:
        """Returns it without injected errors; the result is cached, because building takes a while."""
        made = build(self.seed, self.world.catalogue, self.world.feed[position])
        if position not in self._facets:
            self._facets[position] = tuple([read(made) for read in FACETS.values()])
        return made

    def articles(self, positions: Iterable[int], form: str, *, compact: bool = False) -> bytes:
        """Returns an answer with these articles."""
        made = map(self.article, positions)
        chosen = [wire.compacted(one) for one in made] if compact else list(made)
        return wire.articles_xml(chosen, {}) if form == "xml" else wire.answer_json({"articles": chosen})

    def page(self, positions: Positions, form: str, *, gzipped: bool) -> tuple[bytes, bool]:
        """Returns the same, from pages rendered in advance if possible; the flag says whether it is gzip."""
        prepared = None
        if isinstance(positions, range) and positions.step == 1:
            prepared = self.pages.get((positions.start, positions.stop, form))
        if prepared is None:
            return self.articles(positions, form), False
        body, packed = prepared
        return (gzip.decompress(body), False) if packed and not gzipped else (body, packed)

    def prerender(self, form: str, limit: int, *, gzipped: bool) -> tuple[int, int]:
        """Renders the pages from the oldest article on; returns their number and size in bytes."""
        end = len(self.world.feed)
        total = 0
        for first in range(0, end, limit):
            last = min(first + limit, end)
            body = self.articles(range(first, last), form)
            if gzipped:
                body = pack(body)
            self.pages[first, last, form] = body, gzipped
            total += len(body)
        return -(-end // limit), total


def pack(body: bytes) -> bytes:
    """Compresses with gzip, fast rather than small, and without a timestamp."""
    return gzip.compress(body, compresslevel=1, mtime=0)
