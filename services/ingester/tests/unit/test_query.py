"""The query language of the search: what it means, and where a mistake is."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingester.domain.query import (
    And,
    InvalidQuery,
    Node,
    Not,
    Or,
    Part,
    Query,
    Range,
    Ranged,
    Term,
    Words,
    parse,
)
from ingester.domain.selection import Selection
from ingester.storage.tsquery import tsquery

A, B, C = Words("a"), Words("b"), Words("c")


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("a", A),
        ("  a\t", A),
        ('"interest rates"', Words("interest rates")),
        ('""a""', None),
        ("a b", And((A, B))),
        ("a AND b", And((A, B))),
        ("a AND b c", And((A, B, C))),
        ("a OR b", Or((A, B))),
        ("a OR b c", Or((A, And((B, C))))),
        ("(a OR b) c", And((Or((A, B)), C))),
        ("a (b (c))", And((A, B, C))),
        ("a NOT b", And((A, Not(B)))),
        ("a AND NOT NOT b", And((A, Not(Not(B))))),
        ("a NOT (b OR c)", And((A, Not(Or((B, C)))))),
        ("and or not", And((Words("and"), Words("or"), Words("not")))),
        ('"AND"', Words("AND")),
        ("e-mail", Words("e-mail")),
        ("naïve 東京", And((Words("naïve"), Words("東京")))),
        ("title:a", Words("a", Part.TITLE)),
        ('content:"a b"', Words("a b", Part.CONTENT)),
        ("topic:Energy", Term("topic:energy")),
        ('topic:"Green  Energy"', Term("topic:green energy")),
        ("license:Basic", Term("licence:basic")),
        ("country:DE", Term("place:de")),
        ('entity:"Person:Ada Lovelace"', Term("entity:person:ada lovelace")),
    ],
)
def test_a_query_means_this(text: str, node: Node | None) -> None:
    if node is None:
        with pytest.raises(InvalidQuery):
            parse(text)
    else:
        assert parse(text) == Query(node)


def at(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "publishedDate:[2018-04-01 TO 2018-05-01]",
            Range(Ranged.PUBLISHED, at(2018, 4, 1), at(2018, 5, 2) - timedelta(microseconds=1), 14),
        ),
        (
            "publishedDate:[2018-04-01T02:00:00+02:00 TO *]",
            Range(Ranged.PUBLISHED, at(2018, 4, 1), None, 14),
        ),
        ("wordCount:[100 TO *]", Range(Ranged.WORD_COUNT, 100, None, 10)),
        ("wordCount:[* TO 5]", Range(Ranged.WORD_COUNT, None, 5, 10)),
        ("sentiment:[ -0.5 TO 1e0 ]", Range(Ranged.SENTIMENT, -0.5, 1, 10)),
    ],
)
def test_a_range_limits_the_whole_query(text: str, expected: Range) -> None:
    assert parse(f"{text} a b") == Query(And((A, B)), (expected,))
    assert [one.low for one in parse(f"a {text} AND b").ranges] == [expected.low]


def test_several_ranges_and_filters_limit_each_other() -> None:
    ranges = parse(
        "a wordCount:[5 TO *] wordCount:[* TO 9] wordCount:[3 TO 20] sentiment:[0 TO 1] "
        "publishedDate:[2018-04-01 TO 2018-05-01]"
    ).ranges
    found = Selection(sentiment_min=0.5, since=at(2018, 4, 10), until=at(2020, 1, 1)).within(ranges)
    assert found == Selection(
        word_count_min=5,
        word_count_max=9,
        sentiment_min=0.5,
        sentiment_max=1,
        since=at(2018, 4, 10),
        until=at(2018, 5, 2),
    )


@pytest.mark.parametrize(
    ("text", "position", "code"),
    [
        ("", 0, "word_expected"),
        ("   ", 3, "word_expected"),
        ("a OR", 4, "word_expected"),
        ("a AND AND b", 6, "word_expected"),
        ("OR a", 0, "word_expected"),
        ("a )", 2, "unexpected"),
        ("a (b", 2, "not_closed"),
        ("()", 1, "word_expected"),
        ('a "b', 2, "unexpected_character"),
        ("a [b", 2, "unexpected_character"),
        ("a\0b", 1, "unexpected_character"),
        ("12:30", 2, "unexpected_character"),
        ("title: a", 5, "unexpected_character"),
        ("title:(a OR b)", 6, "value_expected"),
        ("title:[1 TO 2]", 6, "value_expected"),
        ("colour:red", 0, "unknown_field"),
        ("a Title:b", 2, "unknown_field"),
        ("a !!!", 2, "no_word"),
        ('a "..."', 2, "no_word"),
        ("entity:Ada", 7, "entity_expected"),
        ("wordCount:5", 10, "range_expected"),
        ("wordCount:[5]", 10, "range_expected"),
        ("wordCount:[5 to 6]", 10, "range_expected"),
        ("[1 TO 2]", 0, "word_expected"),
        ("a wordCount:[x TO 6]", 12, "limit_invalid"),
        ("wordCount:[nan TO *]", 10, "limit_invalid"),
        ("wordCount:[0 TO 1e300]", 10, "limit_invalid"),
        ("wordCount:[9 TO 1]", 10, "out_of_order"),
        ("publishedDate:[2018-02-30 TO *]", 14, "limit_invalid"),
        ("publishedDate:[1000-01-01 TO *]", 14, "limit_invalid"),
        ("publishedDate:[* TO 9999-12-31]", 14, "limit_invalid"),
        ("a OR wordCount:[1 TO 2]", 15, "range_position"),
        ("a NOT wordCount:[1 TO 2]", 16, "range_position"),
        ("a NOT (b wordCount:[1 TO 2])", 19, "range_position"),
        ("wordCount:[1 TO 2]", 0, "nothing_to_look_up"),
        ("NOT a", 0, "nothing_to_look_up"),
        ("a OR NOT b", 0, "nothing_to_look_up"),
        ("x" * 201, 0, "word_too_long"),
        ("a " * 201, 400, "too_many_parts"),
        ("(" * 30 + "a" + ")" * 30, 21, "too_deep"),
        ("a " + "NOT " * 30 + "b", 86, "too_deep"),
        ("a" * 10_001, 10_000, "too_long"),
    ],
)
def test_a_mistake_is_named_with_its_position(text: str, position: int, code: str) -> None:
    with pytest.raises(InvalidQuery) as caught:
        parse(text)
    assert (caught.value.position, caught.value.code) == (position, code)


_PIECES = st.sampled_from(
    [
        "a",
        "OR",
        "AND",
        "NOT",
        "(",
        ")",
        '"',
        "title:",
        "topic:x",
        "wordCount:[1 TO 2]",
        "[",
        "é",
        "'",
        "\\",
        " ",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=60), st.lists(_PIECES, max_size=25).map(" ".join)))
def test_any_text_is_a_query_or_a_mistake_within_it(text: str) -> None:
    position = 0
    try:
        assert tsquery(parse(text).node)
    except InvalidQuery as mistake:
        position = mistake.position
    assert 0 <= position <= len(text)


def test_words_cannot_leave_their_quotes() -> None:
    assert tsquery(parse("a'|'b").node) == "'a | b'"
    assert tsquery(Words("it's \\ a")) == "'it s   a'"
    assert tsquery(And((Words("a", Part.TITLE), Not(Or((B, C)))))) == "('a':A & !(('b' | 'c')))"
