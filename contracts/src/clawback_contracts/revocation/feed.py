"""Orders as listed by ``GET /compliance/revocations?after=``, for consumers that missed the topic's retention time."""

from collections.abc import Mapping
from typing import Any

from clawback_contracts.revocation.folding import AnyOrder
from clawback_contracts.revocation.v1 import ArticleReinstated, ArticleRevoked, ArticleWithheld


def order_listed(item: Mapping[str, Any]) -> AnyOrder:
    """Return one item of the list as the event that was on the topic.

    Raises:
        ValueError: the item is invalid; contains the field.
    """
    sent = {**item, "attempt": item.get("attempts", 1)}
    match item.get("kind"):
        case "reinstated":
            return ArticleReinstated.model_validate({**sent, "revocation_id": item.get("reinstates")})
        case "withheld":
            return ArticleWithheld.model_validate(sent)
        case _:
            return ArticleRevoked.model_validate(sent)
