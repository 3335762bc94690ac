"""Checks that a schema is compatible with an older one: a major version may only gain optional fields.

Old consumers ignore unknown fields and must be able to read the rest. New consumers must be able to read older
messages. So, without the added optional fields, both schemas must accept the same messages.
"""

import json
from collections.abc import Iterator
from typing import Any

import jsoncompat

Schema = dict[str, Any]


def incompatibility(released: str, current: str) -> str | None:
    """Return how ``current`` is incompatible with ``released``, or None when it is compatible."""
    old, new = ({"$defs": {}, **json.loads(text)} for text in (released, current))
    rest = _without_new_options(old, new)
    shared = {**rest, "$defs": {name: rest["$defs"][name] for name in old["$defs"] if name in rest["$defs"]}}
    if dict(_forms(old)) != dict(_forms(shared)):
        return (
            "a pattern or format changed, so one side would refuse the other; this needs a new major version"
        )
    seen_by_old = json.dumps(_closed(rest))
    closed_old = json.dumps(_closed(old))
    if not jsoncompat.check_compat(closed_old, seen_by_old, "deserializer"):
        return "older messages could no longer be read; this needs a new major version"
    if not jsoncompat.check_compat(closed_old, seen_by_old, "serializer"):
        return "older consumers could not read new messages; this needs a new major version"
    return None


def _without_new_options(old: Schema, new: Schema) -> Schema:
    """Return the new schema as an old consumer sees it: without the optional fields that it does not know."""
    old_parts, new_parts = old["$defs"], new["$defs"]
    parts = {name: _known(old_parts[name], part) for name, part in new_parts.items() if name in old_parts}
    return {**_known(old, new), "$defs": {**new_parts, **parts}}


def _known(old: Schema, new: Schema) -> Schema:
    if "properties" not in old or "properties" not in new:
        return new
    kept = {*old["properties"], *new.get("required", ())}
    return {**new, "properties": {name: it for name, it in new["properties"].items() if name in kept}}


def _forms(schema: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield every pattern and format with its location, because the checker does not compare them."""
    parts = (
        enumerate(schema) if isinstance(schema, list) else schema.items() if isinstance(schema, dict) else ()
    )
    for name, part in parts:
        if name in ("pattern", "format") and isinstance(part, str):
            yield f"{path}/{name}", part
        yield from _forms(part, f"{path}/{name}")


def _closed(schema: Any) -> Any:
    """Reject unnamed fields: an open object would accept any message and hide every incompatibility."""
    if isinstance(schema, list):
        return [_closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(part) for name, part in schema.items() if name not in ("$id", "$schema")}
    if schema.get("type") == "object" and "properties" in schema:
        closed["additionalProperties"] = False
    return closed
