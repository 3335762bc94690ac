"""Values of settings that a person writes in one line: pairs, and lists separated by commas."""

import json
from typing import Annotated, TypeVar

from pydantic import BeforeValidator
from pydantic_settings import NoDecode

K = TypeVar("K")
V = TypeVar("V")


def _listed(written: object) -> object:
    return [one.strip() for one in written.split(",") if one.strip()] if isinstance(written, str) else written


def _paired(written: object) -> object:
    if not isinstance(written, str):
        return written
    if not written.lstrip().startswith("{"):
        return dict(one.strip().partition("=")[::2] for one in written.split(",") if one.strip())
    try:
        return json.loads(written)
    except json.JSONDecodeError:
        raise ValueError("neither name=value pairs separated by commas nor a JSON object") from None


Listed = Annotated[tuple[V, ...], NoDecode, BeforeValidator(_listed)]
"""``a, b``"""
Pairs = Annotated[dict[K, V], NoDecode, BeforeValidator(_paired)]
"""``a=1, b=2``, or a JSON object."""
