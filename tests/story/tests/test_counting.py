"""The expected counts are computed correctly."""

from datetime import UTC, datetime

from clawback_simulator.truth import FacetsTruth
from clawback_story.counting import Counted, Question, delivered, differences, questions, submitted


def article(number: int, **facts: object) -> Counted:
    bare = {
        "published": "2026-11-01T10:00:00Z",
        "language_code": "en",
        "feed_id": str(number),
        "author": "",
        "sentiment": "",
        **{name: [] for name in ("topics", "licenses", "companies", "countries", "entities", "tags")},
    }
    return delivered(f"metabase:{number}", FacetsTruth.model_validate(bare | facts))


ONE = article(
    1, licenses=["Web Crawl"], topics=["Energy", "Banking"], author="Ada", sentiment="0.255", tags=["x", "x"]
)
TWO = article(2, published="2026-11-02T10:00:00Z", language_code="de", topics=["Energy"], sentiment="-0.005")
THREE = submitted(
    "upstream:3",
    {
        "published_at": "2016-02-03T23:00:00-02:00",
        "source": {"key": "story-wire"},
        "language": "en",
        "licences": [{"name": "standard"}],
        "authors": ["Ada"],
    },
)
ALL = (ONE, TWO, THREE)


def test_articles_are_counted_by_source_day_and_topic() -> None:
    assert Question("sources", {}).answer(ALL) == {"feed:1": 1, "feed:2": 1, "story-wire": 1}
    assert Question("timeline", {}).answer(ALL) == {
        "2026-11-02T00:00:00Z": 1,
        "2026-11-01T00:00:00Z": 1,
        "2016-02-04T00:00:00Z": 1,
    }
    assert Question("topics", {}).answer(ALL) == {"Energy": 2, "Banking": 1}
    assert Question("authors", {}).answer(ALL) == {"Ada": 2}
    assert Question("tags", {}).answer(ALL) == {"x": 1}
    assert Question("recent", {}).answer(ALL) == {"metabase:2": 1, "metabase:1": 1, "upstream:3": 1}
    assert Question("sentiment", {}).answer(ALL) == {"articles": 2, "hundredths": 25}
    assert Question("sentiment", {}).answer([THREE]) == {}


def test_each_filter_excludes_other_articles() -> None:
    assert Question("topics", {"language": "de"}).answer(ALL) == {"Energy": 1}
    assert Question("sources", {"license": "Web Crawl"}).answer(ALL) == {"feed:1": 1}
    assert Question("timeline", {"source": "story-wire"}).answer(ALL) == {"2016-02-04T00:00:00Z": 1}
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
