"""Waiting in tests: for a condition with a deadline, never for a fixed time."""

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
    """Evaluate the condition repeatedly until it is truthy, and return it.

    Raises:
        AssertionError: it was not true in time; contains the last value.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + deadline_s
    while True:
        result = condition()
        value = await result if isawaitable(result) else result
        if value:
            return value
        if loop.time() > end:
            raise AssertionError(f"not true after {deadline_s:g} s: {what}; last value: {value!r}")
        await asyncio.sleep(0.02)
