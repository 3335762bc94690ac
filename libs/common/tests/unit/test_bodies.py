"""Hostile bodies."""

import time

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawback_common.http.bodies import nests_deeper, parse_json
from clawback_common.http.problem import Problem


def _depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0


@given(
    st.recursive(
        st.none() | st.text(alphabet='[]{}"\\ab'),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet='[{"\\'), inner, max_size=3)
        ),
        max_leaves=20,
    ),
    st.integers(1, 6),
)
def test_the_computed_depth_is_the_depth_of_the_value(value: object, depth_max: int) -> None:
    assert nests_deeper(orjson.dumps(value), depth_max) == (_depth(value) > depth_max)


@pytest.mark.parametrize(
    "bomb", [b"[" * 1_000_000, b'{"a":' * 1_000_000, b"[" * 500_000 + b"]" * 500_000, b"[[]" * 300_000]
)
def test_a_depth_bomb_is_refused(bomb: bytes) -> None:
    with pytest.raises(Problem) as caught:
        parse_json(bomb)
    assert caught.value.errors[0]["code"] == "too_deep"


@pytest.mark.parametrize(
    "bomb",
    [
        b"[" * 40 + b'"' + b'\\"' * 200_000,
        b"[[" + b"[]," * 1_000_000,
        b"[" * 40 + b'"a' * 1_000_000,
        b"]" * 5_000_000,
    ],
    ids=["escapes without end", "wide", "many strings", "closing"],
)
def test_the_depth_check_takes_linear_time(bomb: bytes) -> None:
    began_s = time.perf_counter()
    nests_deeper(bomb)
    assert time.perf_counter() - began_s < 5


@pytest.mark.parametrize(
    ("raw", "code"), [(b'"\xff"', "not_utf8"), (b"{", "json_invalid"), (b"", "json_invalid")]
)
def test_invalid_json_is_refused_with_its_reason(raw: bytes, code: str) -> None:
    with pytest.raises(Problem) as caught:
        parse_json(raw)
    assert caught.value.errors[0]["code"] == code


def test_a_plain_body_is_its_value() -> None:
    assert parse_json(b'{"a": ["[[[[["]}') == {"a": ["[[[[["]}
