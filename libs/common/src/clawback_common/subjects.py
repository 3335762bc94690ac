"""Finds the ids that a record may be about, even in an invalid record, so that a takedown finds its bytes."""

import re
from dataclasses import dataclass

import orjson

from clawback_contracts.envelope import ARTICLE_ID

SUBJECT_CHARS_MAX = 500
SUBJECTS_MAX = 20
PARSED_BYTES_MAX = 4_000_000

_ID = re.compile(ARTICLE_ID.removesuffix("$") + r"\Z")
_NAMED = re.compile(rb'"article_id"\s*:\s*"([a-z0-9-]{1,32}:[A-Za-z0-9._~-]{1,200})"')
"""Matches ids even in a body that cannot be parsed."""


@dataclass(frozen=True, slots=True)
class Subjects:
    """The ids, the key's first, and whether the body itself contains one."""

    ids: tuple[str, ...] = ()
    named_in_body: bool = False


def is_article_id(text: str) -> bool:
    """Return whether it is an article id by contract."""
    return _ID.match(text) is not None


def subjects_of(key: bytes | None, value: bytes | None, *, content: bool) -> Subjects:
    """Return every id that a record may be about.

    Args:
        key: the record's.
        value: the record's.
        content: only article ids count, because takedowns name nothing else.
    """
    in_key = [_storable(key.decode(errors="replace"))] if key else []
    in_body = _in_body(value) if value else []
    found = [one for one in dict.fromkeys([*in_key, *in_body]) if is_article_id(one) or not content]
    return Subjects(tuple(found[:SUBJECTS_MAX]), any(one in found for one in in_body))


def _in_body(value: bytes) -> list[str]:
    named = [found.decode() for found in _NAMED.findall(value)]
    try:
        body = orjson.loads(value) if len(value) <= PARSED_BYTES_MAX else None
    except orjson.JSONDecodeError:
        body = None
    parsed = body.get("article_id") if isinstance(body, dict) else None
    return [_storable(parsed), *named] if isinstance(parsed, str) else named


def _storable(text: str) -> str:
    """Return the text so that a database can store and index it; otherwise a sender's key could stop a lane."""
    return text.replace("\0", "\ufffd")[:SUBJECT_CHARS_MAX]
