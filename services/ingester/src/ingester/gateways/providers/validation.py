"""What is wrong with an entry that breaks the contract's model, in words that hold nothing of it."""

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from clawback_common.telemetry.describe import place


def places(error: ValidationError) -> str:
    """Which fields, and which rule each broke."""
    found: Iterable[Any] = error.errors(include_url=False, include_context=False, include_input=False)
    return ", ".join(f"{place(each['loc'])} ({each['type']})" for each in found)
