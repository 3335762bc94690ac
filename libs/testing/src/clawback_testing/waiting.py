"""Waiting in tests: for a condition, with a deadline and words; never for a time."""

import asyncio
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any, TypeVar, overload

T = TypeVar("T")


@overload
async def until(condition: Callable[[], Awaitable[T]], *, deadline_s: float = ..., what: str = ...) -> T: ...


@overload
async def until(condition: Callable[[], T], *, deadline_s: float = ..., what: str = ...) -> T: ...


async def until(
    condition: Callable[[], Any], *, deadline_s: float = 20.0, what: str = "the condition"
) -> Any:
    """Asks again and again until the answer is true in Python's sense, and gives it.

    Raises:
        AssertionError: it was not so in time; quotes the last answer.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + deadline_s
    while True:
        asked = condition()
        answer = await asked if isawaitable(asked) else asked
        if answer:
            return answer
        if loop.time() > end:
            raise AssertionError(f"{what} not so after {deadline_s:g} s: {answer!r}")
        await asyncio.sleep(0.02)
