"""The parameters of a request, parsed and rejected as the provider does."""

from collections.abc import Mapping
from dataclasses import dataclass

from clawback_simulator.codes import Refusal
from clawback_simulator.settings import Settings

COMMON = {"key", "format"}
ARTICLES = COMMON | {"sequence_id", "limit", "number_of_slices", "slice_number", "compact"}
SEARCH = COMMON | {
    "query", "limit", "sequence_id", "recent", "filter_duplicates", "duplicate_order", "sort", "sort_by_relevance",
    "relevance_percent", "show_relevance_score", "show_matching_keywords",
}  # fmt: skip
REVOKED = COMMON | {"limit"}
INT64_MAX = 2**63 - 1
QUERY_CHARACTERS_MAX = 10_000

Params = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Slice:
    """One of several slices, counted from 0 here regardless of the wire format."""

    number: int
    of: int


def authenticate(params: Params, settings: Settings) -> str:
    """Returns the key, if it is one of the profile's."""
    key = params.get("key", "")
    if not key or (settings.keys and key not in settings.keys and key not in settings.key_codes):
        raise Refusal(1000)
    if (code := settings.key_codes.get(key)) is not None:
        raise Refusal(code)
    return key


def form(params: Params) -> str:
    """Returns `xml` or `json`."""
    value = params.get("format", "xml").lower()
    if value not in {"xml", "json"}:
        raise Refusal(1016)
    return value


def refuse_unknown(params: Params, names: set[str]) -> None:
    """Rejects unknown parameters of the endpoint."""
    if unknown := sorted(set(params) - names):
        raise Refusal(1022, ", ".join(unknown))


def limit(params: Params, default: int, most: int, settings: Settings) -> int:
    """Returns a limit between 1 and `most`; others are rejected or clamped."""
    value = _number(params.get("limit", str(default)), 1007)
    if 1 <= value <= most:
        return value
    if settings.limit_policy == "refuse":
        raise Refusal(1007, f"1 to {most}")
    return min(max(value, 1), most)


def cursor(params: Params, settings: Settings) -> int | None:
    """Returns the number in `sequence_id`; None if it is missing."""
    if "sequence_id" not in params:
        return None
    value = _number(params["sequence_id"], 1008)
    if not 0 <= value <= INT64_MAX or params["sequence_id"] in settings.refused_cursors:
        raise Refusal(1008)
    return value


def revoked_cursor(params: Params, settings: Settings) -> str:
    """Returns the cursor as text, under its configured name; 0 if it is missing."""
    names = (
        {"sequence_id", "sequenceId"}
        if settings.revoked_cursor_name == "either"
        else {settings.revoked_cursor_name}
    )
    refuse_unknown(params, REVOKED | names)
    found = next((params[name] for name in sorted(names) if name in params), "0")
    if found in settings.refused_cursors:
        raise Refusal(1008)
    return found


def slices(params: Params, settings: Settings) -> Slice | None:
    """Returns the requested slice; both parameters or none must be given."""
    of, number = params.get("number_of_slices"), params.get("slice_number")
    if of is None and number is None:
        return None
    if settings.slicing == "refused":
        raise Refusal(1013)
    if of is None:
        raise Refusal(1011)
    if number is None:
        raise Refusal(1012)
    count, base = _number(of, 1009), settings.slice_base
    if not 1 <= count <= settings.max_slices:
        raise Refusal(1009)
    position = _number(number, 1010) - base
    if not 0 <= position < count:
        raise Refusal(1010)
    return Slice(position, count)


def flag(params: Params, name: str) -> bool:
    """Returns True for `true`; everything else is False."""
    return params.get(name, "").lower() == "true"


def _number(text: str, code: int) -> int:
    """Parses decimal digits only: int() accepts more, which is invalid on the wire."""
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 19):
        raise Refusal(code)
    return int(text)
