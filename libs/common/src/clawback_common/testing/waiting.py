"""Waiting in tests: for a condition, with a deadline and words; never for a time."""

import asyncio
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import TypeVar

T = TypeVar("T")


async def until(
    condition: Callable[[], Awaitable[T] | T], *, deadline_s: float = 15.0, what: str = "the condition"
) -> T:
    """Asks again and again until the answer is true in Python's sense, and gives it.

    Raises:
        AssertionError: it was not so in time; quotes the last answer.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + deadline_s
    while True:
        asked = condition()
        answer: T = await asked if isawaitable(asked) else asked
        if answer:
            return answer
        if loop.time() > end:
            raise AssertionError(f"{what} not so after {deadline_s:g} s: {answer!r}")
        await asyncio.sleep(0.02)
