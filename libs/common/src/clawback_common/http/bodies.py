"""Parses JSON bodies by hand, where the raw bytes matter or the input may be hostile."""

import re

import orjson
from starlette.requests import Request

from clawback_common.http.problem import Problem, field_error

DEPTH_MAX = 32
"""Our models nest five levels deep."""

_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_BRACKETS = bytes.maketrans(b"{}", b"[]")
_OTHERS = bytes(code for code in range(256) if code not in b"[]{}")


def nests_deeper(raw: bytes, depth_max: int = DEPTH_MAX) -> bool:
    """Return whether the JSON nests deeper, without parsing it: deep nesting attacks a parser's stack.

    Linear in the size of the body: strings are removed, brackets are kept, and each round removes the innermost pairs.
    """
    if raw.count(b"[") + raw.count(b"{") <= depth_max:
        return False
    brackets = _STRING.sub(b"", raw).translate(_BRACKETS, delete=_OTHERS)
    for _ in range(depth_max):
        inner = brackets.replace(b"[]", b"")
        if len(inner) == len(brackets):
            break
        brackets = inner
    return brackets.count(b"[") > 0 and (b"[]" in brackets or brackets.count(b"[") > depth_max)


def parse_json(raw: bytes, *, depth_max: int = DEPTH_MAX) -> object:
    """Return the value of the body.

    Raises:
        Problem: 422 with the code `not_utf8`, `too_deep` or `json_invalid`.
    """
    try:
        raw.decode()
    except UnicodeDecodeError:
        raise _refused("not_utf8", "The body is not UTF-8.") from None
    if nests_deeper(raw, depth_max):
        raise _refused("too_deep", f"The body nests deeper than {depth_max} levels.")
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise _refused("json_invalid", f"The body is not valid JSON from character {error.pos} on.") from None


async def read_json(request: Request, *, depth_max: int = DEPTH_MAX) -> object:
    """Read and parse the request's body, within the size limit of its path."""
    return parse_json(await request.body(), depth_max=depth_max)


def _refused(code: str, words: str) -> Problem:
    return Problem(422, words, errors=[field_error("", code, words)])
