"""Matchers mean what they mean in Alertmanager."""

import pytest

from alerting.domain.matcher import Matcher, all_match

LABELS = {"severity": "critical", "name": "TakedownOverdue", "holder": 'a"b'}


@pytest.mark.parametrize(
    ("written", "fits"),
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
def test_a_matcher_fits_as_written(written: str, fits: bool) -> None:  # noqa: FBT001
    assert Matcher.parse(written).matches(LABELS) is fits


@pytest.mark.parametrize("written", ["", "sever ity", '="a"', "a==b c", 'a=~"("', "1a=b", "a" * 2000 + "=b"])
def test_what_is_no_matcher_is_refused_without_repeating_it(written: str) -> None:
    with pytest.raises(ValueError, match=r"matcher|regular") as refused:
        Matcher.parse(written)
    assert len(written) < 3 or written not in str(refused.value)


def test_nothing_to_fulfil_is_fulfilled() -> None:
    assert all_match([], {})
