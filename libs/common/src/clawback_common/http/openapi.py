"""OpenAPI descriptions of bodies that are parsed by hand and headers that are checked by hand."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

Schema = dict[str, Any]


def schema_of(model: type[BaseModel], *, closed: bool = False) -> Schema:
    """Return the schema of a model without references, which the document could not resolve.

    ``closed``: unknown fields are refused, although the model would ignore them.
    """
    whole = model.model_json_schema()
    found = _inlined({name: part for name, part in whole.items() if name != "$defs"}, whole.get("$defs", {}))
    closing: Schema = _closed(found) if closed else found
    return closing


def items_of(schema: Schema, items_max: int) -> Schema:
    """Return the schema of a batch of items: ``{"items": […]}``."""
    return {
        "type": "object",
        "required": ["items"],
        "properties": {"items": {"type": "array", "minItems": 1, "maxItems": items_max, "items": schema}},
        "additionalProperties": False,
    }


def json_body(schemas: Sequence[Schema], **others: Schema) -> Schema:
    """Describe the request's body: JSON of one of these forms, or another content type.

    Args:
        schemas: of the forms in JSON.
        **others: the schema of each other content type; ``text_csv`` stands for ``text/csv``.
    """
    json = dict(schemas[0]) if len(schemas) == 1 else {"oneOf": list(schemas)}
    content = {"application/json": {"schema": json}}
    content |= {name.replace("_", "/"): {"schema": schema} for name, schema in others.items()}
    return {"requestBody": {"required": True, "content": content}}


def header(name: str, description: str) -> Schema:
    """Describe a header that the request needs."""
    return {
        "name": name,
        "in": "header",
        "required": True,
        "description": description,
        "schema": {"type": "string"},
    }


def _inlined(part: Any, known: Mapping[str, Any]) -> Any:
    match part:
        case {"$ref": str(name)}:
            return _inlined(known[name.rpartition("/")[2]], known)
        case dict():
            return {name: _inlined(inner, known) for name, inner in part.items()}
        case list():
            return [_inlined(inner, known) for inner in part]
        case _:
            return part


def _closed(part: Any) -> Any:
    match part:
        case {"type": "object", "properties": dict()}:
            closed = {name: _closed(inner) for name, inner in part.items()}
            return {**closed, "additionalProperties": False}
        case dict():
            return {name: _closed(inner) for name, inner in part.items()}
        case list():
            return [_closed(inner) for inner in part]
        case _:
            return part
