"""The description of every API is complete: other teams write their clients from it alone."""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from contracts.generator.openapi import documents, merged

DOCUMENTS = documents()
TOLERANT = {
    "/api/v1/ingester/holdings": "a contract: a newer compliance may ask with more",
    "/api/v1/analytics/holdings": "a contract: a newer compliance may ask with more",
    "/api/v1/webhooks/alertmanager": "Alertmanager's own format, which gains fields",
}
"""Bodies whose unknown fields are ignored, and why."""
OPEN = {
    "/api/v1/health/detailed": {"feeds", "parts"},
    "/api/v1/admin/health/detailed": {"feeds", "parts"},
}
"""Fields that hold what other services answered, as they gave it: a page about what is wrong refuses nothing."""
READS = {"/api/v1/articles/batch": "its ids are too many for a query"}
"""Reads with a body, and why."""
UNPAGED = {
    "/api/v1/articles/sample": "a sample has no next page",
    "/api/v1/notices/{notice_id}": "the articles of one notice, cut at a maximum that `truncated` states",
}
"""Lists without a cursor, and why."""
JSON = "application/json"
LINES = "application/x-ndjson"
"""The schema is that of a line."""


class Operation(NamedTuple):
    """One method of one path."""

    document: dict[str, Any]
    method: str
    path: str
    described: dict[str, Any]

    @property
    def name(self) -> str:
        """As a test is named."""
        return f"{self.method.upper()} {self.path}"

    def resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        """What a reference leads to."""
        if "$ref" in schema:
            found: dict[str, Any] = self.document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
            return found
        return schema

    def forms(self, message: dict[str, Any] | None) -> Iterator[dict[str, Any]]:
        """The alternative schemas of a request or response, in each media type."""
        for content in (message or {}).get("content", {}).values():
            whole = self.resolved(content.get("schema", {}))
            yield whole
            yield from map(self.resolved, [*whole.get("oneOf", ()), *whole.get("anyOf", ())])

    def objects(self, schema: dict[str, Any], seen: frozenset[str] = frozenset()) -> Iterator[dict[str, Any]]:
        """Every object with named fields in a schema, however deep."""
        if (reference := schema.get("$ref")) in seen and reference is not None:
            return
        seen |= {reference} if reference else frozenset()
        found = self.resolved(schema)
        if found.get("type") == "object" and "properties" in found:
            yield found
        for inner in [
            *found.get("properties", {}).values(),
            *(part for name in ("oneOf", "anyOf", "allOf") for part in found.get(name, ())),
            *(found[name] for name in ("items", "additionalProperties") if isinstance(found.get(name), dict)),
        ]:
            yield from self.objects(inner, seen)


OPERATIONS = [
    Operation(document, method, path, described)
    for document in DOCUMENTS.values()
    for path, methods in document["paths"].items()
    for method, described in methods.items()
]
each = pytest.mark.parametrize("one", OPERATIONS, ids=lambda one: one.name)


def test_all_five_services_describe_themselves() -> None:
    assert len(DOCUMENTS) == 5
    assert len(OPERATIONS) > 80


def test_one_document_has_the_operations_of_all_services_and_every_reference_leads_somewhere() -> None:
    whole = merged()
    paths = {one.path for one in OPERATIONS if one.path.startswith("/api/")}
    assert set(whole["paths"]) == paths
    referenced = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(whole)))
    assert referenced - set(whole["components"]["schemas"]) == set()


@each
def test_every_operation_describes_its_answers(one: Operation) -> None:
    succeeded = {
        code: response for code, response in one.described["responses"].items() if code.startswith("2")
    }
    assert succeeded
    for code, response in succeeded.items():
        if code == "204":
            assert "content" not in response
            continue
        schema = one.resolved(response["content"].get(JSON, response["content"].get(LINES))["schema"])
        named = {"properties", "oneOf", "anyOf", "items", "additionalProperties"} & set(schema)
        assert named, f"{one.name} answers {code} with anything"
        for part in one.objects(schema):
            for name, field in part["properties"].items():
                if name not in OPEN.get(one.path, ()):
                    assert not _anything(field), f"{one.name}: {name} is anything"


def _anything(schema: dict[str, Any]) -> bool:
    """Whether a schema, or what it holds, says nothing of what it stands for."""
    if not set(schema) - {"title", "description", "default"}:
        return True
    if schema.get("type") == "object" and "properties" not in schema:
        inner = schema.get("additionalProperties", True)
        return inner is True or _anything(inner)
    if schema.get("type") == "array" and "items" not in schema:
        return True
    parts = [part for name in ("anyOf", "oneOf", "allOf") for part in schema.get(name, ())]
    return any(_anything(part) for part in [*parts, *([schema["items"]] if "items" in schema else [])])


@pytest.mark.parametrize(
    "schema",
    [
        {"title": "Whatever"},
        {"type": "object", "additionalProperties": True},
        {"type": "object", "additionalProperties": {}},
        {"type": "array", "items": {"type": "object"}},
        {"anyOf": [{"type": "array"}, {"type": "null"}]},
    ],
)
def test_what_is_anything_is_found(schema: dict[str, Any]) -> None:
    assert _anything(schema)
    assert not _anything(
        {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}}
    )


@each
def test_every_operation_with_a_body_describes_it_and_refuses_unknown_fields(
    one: Operation,
) -> None:
    body = one.described.get("requestBody")
    if body is None:
        assert one.method in {"get", "delete", "post"}
        return
    for content in body["content"].values():
        schema = one.resolved(content["schema"])
        assert schema
        for part in one.objects(schema):
            if one.path not in TOLERANT:
                assert part.get("additionalProperties") is False, f"{one.name}: {sorted(part['properties'])}"


@each
def test_every_list_is_a_page_and_every_batch_is_an_object_with_items(one: Operation) -> None:
    for form in one.forms(one.described.get("requestBody")):
        assert form.get("type") != "array", one.name
        assert "items" not in form.get("properties", {}) or set(form["properties"]) == {"items"}, one.name
    for code, response in one.described["responses"].items():
        for form in one.forms(response) if code.startswith("2") else ():
            assert form.get("type") != "array", one.name
            if one.method == "get" and "items" in form.get("properties", {}) and one.path not in UNPAGED:
                assert "next_cursor" in form["properties"], one.name


@pytest.mark.parametrize(
    "path",
    ["/api/v1/submissions", "/api/v1/webhooks/{provider}", "/api/v1/compliance/receipts"],
)
def test_a_body_that_is_read_by_hand_is_described(path: str) -> None:
    (one,) = [one for one in OPERATIONS if (one.method, one.path) == ("post", path)]
    (schema,) = [content["schema"] for content in one.described["requestBody"]["content"].values()]
    forms = schema["oneOf"]
    batches = [form for form in forms if set(form["properties"]) == {"items"}]
    assert len(batches) == 1
    assert not any(form.get("type") == "array" for form in forms)


def test_a_webhook_describes_its_headers_and_its_security() -> None:
    (one,) = [one for one in OPERATIONS if one.path == "/api/v1/webhooks/{provider}"]
    headers = {parameter["name"] for parameter in one.described["parameters"] if parameter["in"] == "header"}
    assert headers == {"webhook-id", "webhook-timestamp", "webhook-signature"}
    assert one.described["security"] == [{"webhook": []}]
    assert one.document["components"]["securitySchemes"]["webhook"]["name"] == "webhook-signature"
    assert {"200", "202"} <= set(one.described["responses"])


@each
def test_every_command_names_its_roles(one: Operation) -> None:
    if (
        one.method == "get"
        or one.path in READS
        or one.path.endswith("/holdings")
        or "/webhooks/{" in one.path
    ):
        return
    assert one.described["x-roles"], one.name


UNDER_ADMIN = [one for one in OPERATIONS if "/admin/" in one.path]


def test_there_is_something_under_admin() -> None:
    assert len(UNDER_ADMIN) > 4


@pytest.mark.parametrize("one", UNDER_ADMIN, ids=lambda one: one.name)
def test_what_is_under_admin_is_for_those_who_run_the_system(one: Operation) -> None:
    assert {"operator", "officer"} & set(one.described["x-roles"])
    assert "reader" not in one.described["x-roles"]
