"""Every id that a record may be about is found, whatever is wrong with the record."""

import pytest

from clawback_common.subjects import SUBJECT_CHARS_MAX, SUBJECTS_MAX, subjects_of

BODY = b'{"article_id": "up:7", "title": "a"}'


@pytest.mark.parametrize(
    ("key", "value", "ids", "named"),
    [
        (b"up:7", BODY, ("up:7",), True),
        (b"partition-key-3", BODY, ("up:7",), True),
        (b"up:8", BODY, ("up:8", "up:7"), True),
        (None, BODY, ("up:7",), True),
        (b"\xff\x00", BODY, ("up:7",), True),
        (b"up:8", BODY[:-9], ("up:8", "up:7"), True),
        (b"up:8", b'{"article\\u005fid": "up:7"}', ("up:8", "up:7"), True),
        (b"up:8", b'{"article_id": "up:7", "x": {"article_id" : "up:9"}, "article_id": "up:1"}',
         ("up:8", "up:1", "up:7", "up:9"), True),
        (b"up:8", b"not json", ("up:8",), False),
        (b"up:8", BODY.decode().encode("utf-16"), ("up:8",), False),
        (b"up:8", b'{"article_id": "no id"}', ("up:8",), False),
        (b"up:8", b'{"article_id": ["up:7"]}', ("up:8",), False),
        (b"up:8\n", b"", (), False),
        (b"partition-key-3", None, (), False),
        (None, b"[" * 100_000, (), False),
    ],
)  # fmt: skip
def test_content_is_found_by_each_article_that_its_key_or_its_body_names(
    key: bytes | None, value: bytes | None, ids: tuple[str, ...], *, named: bool
) -> None:
    found = subjects_of(key, value, content=True)
    assert (found.ids, found.named_in_body) == (ids, named)


def test_without_content_any_key_is_a_subject() -> None:
    assert subjects_of(b"run-1", b"{}", content=False).ids == ("run-1",)
    assert subjects_of(b"a\0b" + b"x" * 9_000, None, content=False).ids[0].startswith("a\ufffdb")
    assert len(subjects_of(b"x" * 9_000, None, content=False).ids[0]) == SUBJECT_CHARS_MAX


def test_a_body_with_thousands_of_ids_returns_a_few() -> None:
    body = b",".join(b'"article_id":"up:%d"' % number for number in range(5_000))
    assert len(subjects_of(None, body, content=True).ids) == SUBJECTS_MAX
