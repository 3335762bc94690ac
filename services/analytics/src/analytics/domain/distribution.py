"""The distribution of a number over articles: mean, quantiles, histogram."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

QUANTILES = (10, 25, 50, 75, 90)
"""In percent: whole numbers, because 0.1 * 70 is more than 7."""


class Bucket(NamedTuple):
    """How many articles have a number in this range."""

    at_least: float | None
    """None: no lower bound."""
    below: float | None
    """None: no upper bound."""
    articles: int


class Distribution(NamedTuple):
    """Of at least one article."""

    articles: int
    mean: float
    quantiles: list[float]
    """By ``QUANTILES``: the smallest number that at least this share of the articles does not exceed."""
    buckets: list[Bucket]


def distribution(
    counts: Iterable[tuple[float, int]], bounds: Sequence[float], total: float | None = None
) -> Distribution:
    """Returns the distribution of numbers.

    Args:
        counts: at least one number, each with how many articles have it.
        bounds: between the buckets, ascending.
        total: the exact sum over all articles, where the numbers are rounded.
    """
    ascending = sorted(counts)
    reached = list(accumulate(articles for _, articles in ascending))
    count = reached[-1]
    if total is None:
        total = sum(number * articles for number, articles in ascending)
    quantiles = [ascending[bisect_left(reached, -(-percent * count // 100))][0] for percent in QUANTILES]
    return Distribution(count, total / count, quantiles, _buckets(ascending, bounds))


def _buckets(counts: Iterable[tuple[float, int]], bounds: Sequence[float]) -> list[Bucket]:
    sums = [0] * (len(bounds) + 1)
    for number, articles in counts:
        sums[bisect_right(bounds, number)] += articles
    ranges = pairwise([None, *bounds, None])
    return [Bucket(*between, count) for between, count in zip(ranges, sums, strict=True)]
