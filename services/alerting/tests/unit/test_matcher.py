"""Matchers work as in Alertmanager."""

import time

import pytest

from alerting.domain.matcher import EXPRESSION_MAX, Matcher, all_match

LABELS = {"severity": "critical", "name": "TakedownOverdue", "holder": 'a"b'}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ('severity="critical"', True),
        ("severity=critical", True),
        (' severity = "critical" ', True),
        ('severity="crit"', False),
        ('severity!="warning"', True),
        ('name=~"Takedown.*"', True),
        ('name=~"Takedown"', False),
        ('name!~"Feed.*"', True),
        ('name!~"Take.*"', False),
        ('absent=""', True),
        ('absent!=""', False),
        (r'holder="a\"b"', True),
    ],
)
def test_a_matcher_matches(written: str, expected: bool) -> None:  # noqa: FBT001
    assert Matcher.parse(written).matches(LABELS) is expected


def test_a_regular_expression_takes_linear_time() -> None:
    started = time.process_time()
    assert not Matcher.parse('x=~"(a+)+"').matches({"x": "a" * 23 + "b"})
    assert time.process_time() - started < 0.2


@pytest.mark.parametrize(
    "value", ["(?=a)a", r"(a)\1", "a{1000}{1000}", "((a{100}){100}){100}", "a" * (EXPRESSION_MAX + 1)]
)
def test_an_expression_that_needs_too_much_memory_is_rejected(value: str) -> None:
    with pytest.raises(ValueError, match="RE2"):
        Matcher.parse(f'x=~"{value}"')


def test_an_expression_is_anchored_and_its_dot_matches_a_line_break() -> None:
    assert Matcher.parse('x=~"a.b|c"').matches({"x": "a\nb"})
    assert not Matcher.parse('x=~"a|b"').matches({"x": "ab"})
    assert Matcher.parse('x=~"ä.*"').matches({"x": "äö"})


@pytest.mark.parametrize("written", ["", "sever ity", '="a"', "a==b c", 'a=~"("', "1a=b", "a" * 2000 + "=b"])
def test_an_invalid_matcher_is_rejected_without_repeating_it(written: str) -> None:
    with pytest.raises(ValueError, match=r"matcher|regular") as rejected:
        Matcher.parse(written)
    assert len(written) < 3 or written not in str(rejected.value)


def test_no_matchers_match_everything() -> None:
    assert all_match([], {})
