"""Orders as ``GET /compliance/revocations?after=`` lists them: for a reader that was away longer than the topic."""

from collections.abc import Mapping
from typing import Any

from clawback_contracts.revocation.v1 import ArticleReinstated, ArticleRevoked


def order_listed(item: Mapping[str, Any]) -> ArticleRevoked | ArticleReinstated:
    """One item of the list as the event that it was on the topic.

    Raises:
        ValueError: it is none; says which field.
    """
    sent = {**item, "attempt": item.get("attempts", 1)}
    if item.get("kind") == "reinstated":
        return ArticleReinstated.model_validate({**sent, "revocation_id": item.get("lifts")})
    return ArticleRevoked.model_validate(sent)
