"""Describes the errors of an entry that violates the contract's model, without its content."""

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from clawback_common.telemetry.describe import place


def places(error: ValidationError) -> str:
    """Returns the fields and the rule that each violates."""
    found: Iterable[Any] = error.errors(include_url=False, include_context=False, include_input=False)
    return ", ".join(f"{place(each['loc'])} ({each['type']})" for each in found)
