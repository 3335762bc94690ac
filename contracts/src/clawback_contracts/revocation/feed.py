"""Orders as ``GET /compliance/revocations?after=`` lists them: for a reader that was away longer than the topic."""

from collections.abc import Mapping
from typing import Any

from clawback_contracts.revocation.folding import AnyOrder
from clawback_contracts.revocation.v1 import ArticleReinstated, ArticleRevoked, ArticleWithheld


def order_listed(item: Mapping[str, Any]) -> AnyOrder:
    """One item of the list as the event that it was on the topic.

    Raises:
        ValueError: it is none; says which field.
    """
    sent = {**item, "attempt": item.get("attempts", 1)}
    match item.get("kind"):
        case "reinstated":
            return ArticleReinstated.model_validate({**sent, "revocation_id": item.get("lifts")})
        case "withheld":
            return ArticleWithheld.model_validate(sent)
        case _:
            return ArticleRevoked.model_validate(sent)
