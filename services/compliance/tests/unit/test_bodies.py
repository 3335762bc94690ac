"""Request bodies: their OpenAPI description, and how they are read."""

import json
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel, ValidationError

from clawback_common.http.problem import Problem
from clawback_contracts.holder.v1 import HolderRegistration
from clawback_contracts.revocation.v1 import ArticleRemoved
from compliance.entrypoints.http.bodies import (
    HolderChange,
    NoticeBody,
    RegistrationBody,
    documented,
    read_receipts,
)

RECEIPT: dict[str, Any] = {
    "receipt_id": str(UUID(int=1)),
    "article_id": "metabase:1",
    "order": 1,
    "holder": "search",
    "removals": [{"copy_kind": "index", "outcome": "removed"}],
    "answered_at": "2026-03-01T12:00:00Z",
}
HOLDER: dict[str, Any] = {"name": "search", "purpose": "A search engine", "copy_kinds": ["index"]}


@pytest.mark.parametrize("model", [NoticeBody, ArticleRemoved])
def test_a_documented_body_has_no_dangling_reference(model: type[BaseModel]) -> None:
    written = json.dumps(documented(model, many=True))
    assert "$ref" not in written
    assert "$defs" not in written
    assert "article_id" in written


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (RECEIPT | {"atempt": 2}, "atempt"),
        ({"items": [RECEIPT, RECEIPT | {"atempt": 2}]}, "items[1].atempt"),
        ({"items": [RECEIPT], "more": 1}, "more"),
        (
            RECEIPT | {"removals": [{"copy_kind": "index", "outcome": "removed", "when": "now"}]},
            "removals[0].when",
        ),
    ],
)
def test_a_receipt_with_an_unknown_field_is_rejected(body: dict[str, Any], path: str) -> None:
    with pytest.raises(Problem) as rejected:
        read_receipts(body)
    assert (path, "extra_forbidden") in [(error["path"], error["code"]) for error in rejected.value.errors]
    assert read_receipts(RECEIPT) == [ArticleRemoved.model_validate(RECEIPT)]


@pytest.mark.parametrize("model", [RegistrationBody, HolderChange])
def test_a_filter_with_an_unknown_field_is_rejected(model: type[BaseModel]) -> None:
    with pytest.raises(ValidationError, match="extra_forbidden"):
        model.model_validate(HOLDER | {"filter": {"language": ["en"]}})


def test_a_change_of_the_filter_keeps_the_rest_of_a_registration() -> None:
    registered = HolderRegistration.model_validate(HOLDER | {"contact": "ann"})
    changed = HolderChange.model_validate({"filter": {"languages": ["en"]}}).on(registered)
    expected = HOLDER | {"contact": "ann", "filter": {"languages": ["en"]}}
    assert changed == HolderRegistration.model_validate(expected)
