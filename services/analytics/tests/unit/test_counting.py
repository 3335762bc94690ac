"""What an article is counted under, and how counts change."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from analytics.domain.counting import Delta
from analytics.domain.dimensions import DIMENSIONS
from analytics.domain.facets import TEXT_MAX, Facets, article_facts, newest
from clawback_contracts.article.v1 import ArticlePublished, Licence, Source, Topic

AT = datetime(2026, 3, 1, 23, 59, tzinfo=UTC)
DAY = AT.date()
SOURCE, TOPIC = DIMENSIONS["sources"].id, DIMENSIONS["topics"].id
HOUR = {(DIMENSIONS["hours"].id, "23"): None}


def article(
    article_id: str = "up:a", version: int = 1, after_order: int = 0, **more: Any
) -> ArticlePublished:
    given: dict[str, Any] = {
        "article_id": article_id,
        "published_at": AT,
        "title": "t",
        "source": Source(key="s"),
        "version": version,
        "after_order": after_order,
        "source_order": 1,
        "retention_date": AT,
        "received_at": AT,
    }
    return ArticlePublished(**(given | more))


def test_a_bare_article_is_counted_under_its_source_alone() -> None:
    found = article_facts(article())
    assert (found.published_at, found.filter_key, found.words) == (AT, ("", "s", ()), 0)
    assert found.terms == {(SOURCE, "s"): None, **HOUR}


def test_repeated_topics_and_licences_count_once() -> None:
    found = article_facts(
        article(
            topics=(Topic(name="b", group="g"), Topic(name="a"), Topic(name="b", group="h"), Topic(name="")),
            licences=(Licence(name="l2"), Licence(name="l1"), Licence(name="l2")),
        )
    )
    assert found.terms.items() >= {(SOURCE, "s"): None, (TOPIC, "b"): "g", (TOPIC, "a"): None}.items()
    assert len([dimension for dimension, _ in found.terms if dimension == TOPIC]) == 2
    assert found.filter_key[2] == ("l1", "l2")


def test_a_topic_with_the_name_of_a_source_is_a_separate_value() -> None:
    found = article_facts(article(source=Source(key="s", name="S"), topics=(Topic(name="s"),)))
    assert found.terms == {(SOURCE, "s"): "S", (TOPIC, "s"): None, **HOUR}


def test_a_text_is_truncated_at_the_limit_of_the_index() -> None:
    found = article_facts(article(topics=(Topic(name="x" * 9_000, group="y" * 9_000),)))
    assert found.terms == {(SOURCE, "s"): None, (TOPIC, "x" * TEXT_MAX): "y" * TEXT_MAX, **HOUR}


def test_the_latest_order_and_version_of_a_batch_counts_sorted_by_id() -> None:
    batch = [article("up:b", 3), article("up:a", 1), article("up:b", 2, 2), article("up:b", 1, 2)]
    assert [(one.article_id, one.version, one.after_order) for one in newest(batch)] == [
        ("up:a", 1, 0),
        ("up:b", 2, 2),
    ]


def test_ids_of_dimensions_are_unique_and_unchanged() -> None:
    ids = {one.name: one.id for one in DIMENSIONS.values()}
    assert ids.items() >= {("sources", 1), ("topics", 2)}
    assert len(set(ids.values())) == len(ids)


def test_every_article_has_exactly_one_value_where_the_table_says_so() -> None:
    full = article(source=Source(key="s", name="S"), topics=(Topic(name="a"), Topic(name="b")))
    for dimension in DIMENSIONS.values():
        if dimension.one_per_article:
            assert [len(list(dimension.values(one))) for one in (article(), full)] == [1, 1]


facets = st.builds(
    Facets,
    published_at=st.sampled_from([AT, AT + timedelta(minutes=2)]),
    filter_key_id=st.integers(1, 2),
    words=st.integers(0, 3),
    value_ids=st.lists(st.integers(1, 5), unique=True, max_size=3),
    withheld=st.booleans(),
)


@given(st.lists(facets))
def test_adding_and_subtracting_changes_nothing(some: list[Facets]) -> None:
    delta = Delta()
    for one in some:
        delta.add(one)
    for one in reversed(some):
        delta.subtract(one)
    assert (delta.changes, delta.withheld_refs) == ([], {})


@given(st.lists(facets))
def test_every_article_counts_once_under_each_of_its_values(some: list[Facets]) -> None:
    delta = Delta()
    for one in some:
        delta.add(one)
    counted = [one for one in some if not one.withheld]
    for number in range(1, 6):
        under = [one for one in counted if number in one.value_ids]
        found = [change for change in delta.changes if change[2] == number]
        assert sum(change[3] for change in found) == len(under)
        assert sum(change[4] for change in found) == sum(one.words for one in under)
    assert len({change[:3] for change in delta.changes}) == len(delta.changes)
    assert sum(delta.withheld_refs.values()) == sum(len(one.value_ids) for one in some if one.withheld)


def test_a_change_of_words_alone_is_a_change() -> None:
    delta = Delta()
    delta.subtract(Facets(AT, 1, 100, [1]))
    delta.add(Facets(AT, 1, 90, [1]))
    assert delta.changes == [(DAY, 1, 1, 0, -10)]
