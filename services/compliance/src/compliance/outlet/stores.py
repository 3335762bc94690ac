"""Questions to those who may hold a copy: are these ids held?"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx
from pydantic import ValidationError

from clawback_common.errors import Transient
from clawback_common.http.client import bearer
from clawback_common.telemetry import traceparent
from clawback_contracts.holder.v1 import Holding, HoldingsAnswer

IDS_MAX = 500
"""In one question, by contract."""
_TIMEOUT_S = 10.0


async def ask(
    http: httpx.AsyncClient, address: str, article_ids: Sequence[str], key_file: Path | None = None
) -> Mapping[str, Holding]:
    """The answer for each id; one that is left out of it is unknown.

    Args:
        http: the client.
        address: of the holder's holdings.
        article_ids: at most ``IDS_MAX``.
        key_file: for our own stores alone. A consumer's address is the consumer's, and must never learn our key.

    Raises:
        Transient: no answer, or one that cannot be read. It is never taken for "gone".
    """
    trace = traceparent()
    headers = {**bearer(key_file), **({"traceparent": trace} if trace else {})}
    try:
        response = await http.post(
            address,
            json={"article_ids": list(article_ids)},
            headers=headers,
            timeout=_TIMEOUT_S,
        )
    except httpx.HTTPError as error:
        raise Transient(f"holdings are not answered ({type(error).__name__})") from None
    if response.status_code != httpx.codes.OK:
        raise Transient(f"holdings are answered with status {response.status_code}")
    try:
        return HoldingsAnswer.model_validate_json(response.content).items
    except ValidationError:
        raise Transient("holdings are answered unreadably") from None
