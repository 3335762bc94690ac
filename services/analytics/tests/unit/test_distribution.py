"""Mean, quantiles and histogram of a number over articles."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.domain.distribution import QUANTILES, Bucket, distribution


def test_one_article_is_its_own_distribution() -> None:
    found = distribution([(0.25, 1)], [0])
    assert (found.articles, found.mean, found.quantiles) == (1, 0.25, [0.25] * len(QUANTILES))
    assert found.buckets == [Bucket(None, 0, 0), Bucket(0, None, 1)]


def test_a_bucket_includes_its_lower_bound_and_excludes_its_upper_one() -> None:
    found = distribution([(-1, 1), (0, 2), (1, 4)], [0, 1])
    assert found.buckets == [Bucket(None, 0, 1), Bucket(0, 1, 2), Bucket(1, None, 4)]


def test_the_mean_of_rounded_numbers_comes_from_their_exact_sum() -> None:
    assert distribution([(1_200, 2)], [], total=2_499).mean == 1_249.5


def test_a_quantile_at_a_whole_number_of_articles_is_exact() -> None:
    assert distribution([(number, 1) for number in range(70)], []).quantiles[0] == 6


numbers = st.lists(st.integers(-1_000, 1_000), min_size=1, max_size=50)


@given(numbers)
def test_a_quantile_is_the_smallest_number_that_enough_articles_do_not_exceed(some: list[int]) -> None:
    found = distribution([(number, some.count(number)) for number in set(some)], [])
    for percent, quantile in zip(QUANTILES, found.quantiles, strict=True):
        enough = Fraction(percent, 100) * len(some)
        assert sum(number <= quantile for number in some) >= enough
        assert sum(number < quantile for number in some) < enough
    assert found.mean == pytest.approx(sum(some) / len(some))
    assert sum(bucket.articles for bucket in found.buckets) == found.articles == len(some)
