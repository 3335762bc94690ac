"""Headers are read as text, whatever their bytes."""

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
def test_invalid_text_counts_as_missing_and_the_last_of_several_counts(
    raw: list[tuple[str, bytes | None]] | None, read: dict[str, str]
) -> None:
    assert read_headers(raw) == read


def test_only_the_wanted_headers_are_read() -> None:
    assert read_headers([("a", b"1"), ("b", b"2")], only={"b", "c"}) == {"b": "2"}
