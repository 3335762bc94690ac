"""Headers are read as text, whatever arrives as one."""

import pytest

from clawback_common.kafka.envelope import read_headers


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        (None, {}),
        ([("a", b"1"), ("b", "ü".encode())], {"a": "1", "b": "ü"}),
        ([("a", None), ("b", b"\xff"), ("c", b"")], {"c": ""}),
        ([("a", b"1"), ("a", b"2")], {"a": "2"}),
        ([("a", b"1"), ("a", None)], {}),
        ([("a", b"1"), ("a", b"\xff")], {}),
        ([("a", b"\xff"), ("a", b"2")], {"a": "2"}),
    ],
)
def test_what_is_no_text_is_missing_and_of_several_the_last_counts(
    raw: list[tuple[str, bytes | None]] | None, read: dict[str, str]
) -> None:
    assert read_headers(raw) == read


def test_only_what_is_wanted_is_read() -> None:
    assert read_headers([("a", b"1"), ("b", b"2")], only={"b", "c"}) == {"b": "2"}
