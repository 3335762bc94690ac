"""The expected counts are computed correctly."""

from datetime import UTC, date, datetime

from clawback_story.counting import Counted, Question, differences, questions

ONE = Counted(
    "metabase:1",
    date(2026, 11, 1),
    "feed:1",
    "en",
    frozenset({"Web Crawl"}),
    frozenset({"Energy", "Banking"}),
)
TWO = Counted("metabase:2", date(2026, 11, 2), "feed:2", "de", frozenset(), frozenset({"Energy"}))
THREE = Counted("upstream:3", date(2016, 2, 3), "story-wire", "en", frozenset({"standard"}), frozenset())
ALL = (ONE, TWO, THREE)


def test_articles_are_counted_by_source_day_and_topic() -> None:
    assert Question("sources", {}).answer(ALL) == {"feed:1": 1, "feed:2": 1, "story-wire": 1}
    assert Question("timeline", {}).answer(ALL) == {"2026-11-02": 1, "2026-11-01": 1, "2016-02-03": 1}
    assert Question("topics", {}).answer(ALL) == {"Energy": 2, "Banking": 1}


def test_each_filter_excludes_other_articles() -> None:
    assert Question("topics", {"language": "de"}).answer(ALL) == {"Energy": 1}
    assert Question("sources", {"license": "Web Crawl"}).answer(ALL) == {"feed:1": 1}
    assert Question("timeline", {"source": "story-wire"}).answer(ALL) == {"2016-02-03": 1}
    assert Question("sources", {"from": "2026-11-01", "to": "2026-11-01"}).answer(ALL) == {"feed:1": 1}


def test_every_filter_is_queried() -> None:
    every = questions(datetime(2026, 11, 3, tzinfo=UTC))
    assert {name for question in every for name in question.params} == {
        "from",
        "to",
        "language",
        "source",
        "license",
    }


def test_differences_are_reported_with_the_expected_value() -> None:
    assert differences({"a": 1, "b": 2}, {"a": 1, "b": 2}) == ()
    assert differences({"a": 1, "b": 2}, {"b": 3, "c": 1}) == (
        "a: 0 instead of 1",
        "b: 3 instead of 2",
        "c: 1 instead of 0",
    )
    assert differences(dict.fromkeys("abcde", 1), {})[-1] == "and 2 more"
