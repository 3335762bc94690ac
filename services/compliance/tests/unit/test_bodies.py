"""What OpenAPI says of bodies that are read by hand."""

import json

import pytest
from pydantic import BaseModel

from clawback_contracts.revocation.v1 import ArticleRemoved
from compliance.inlet.bodies import NoticeBody, documented


@pytest.mark.parametrize("model", [NoticeBody, ArticleRemoved])
def test_a_documented_body_has_no_reference_that_leads_nowhere(model: type[BaseModel]) -> None:
    written = json.dumps(documented(model, many=True))
    assert "$ref" not in written
    assert "$defs" not in written
    assert "article_id" in written
