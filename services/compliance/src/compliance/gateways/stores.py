"""Questions to those who may hold a copy: are these ids held?"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from pydantic import ValidationError

from clawback_common.errors import Transient
from clawback_common.http.client import bearer
from clawback_common.http.guarded_client import ANSWER_BYTES_MAX, GuardedClient
from clawback_common.telemetry import traceparent
from clawback_contracts.holder.v1 import HoldingsAnswer

IDS_MAX = 500
"""In one question, by contract."""
_BYTES_OF_CLAIMS_MAX = ANSWER_BYTES_MAX * 3 // 4
"""The rest is room for the controls."""
_ANSWER_BYTES_AN_ID = 48
"""Beside the id itself, which our own stores name twice: in the items, and with its order."""


@dataclass(frozen=True, slots=True)
class HoldingsClient:
    """Asks our own stores, at the addresses in STORES, and others, at the addresses that they registered."""

    own: GuardedClient
    registered: GuardedClient

    async def ask_own(
        self, address: str, article_ids: Sequence[str], key_file: Path | None
    ) -> HoldingsAnswer:
        """What a store of ours answers, which is shown our key.

        Raises:
            Transient: no answer, or one that cannot be read. It is never taken for "gone".
        """
        return await _ask(self.own, address, article_ids, bearer(key_file))

    async def ask_registered(self, address: str, article_ids: Sequence[str]) -> HoldingsAnswer:
        """What a consumer answers. Its address is its own, and must never learn our key.

        Raises:
            Transient: likewise.
        """
        return await _ask(self.registered, address, article_ids, {})


def first_that_fit(article_ids: Iterable[str]) -> int:
    """How many of these, from the first, one question may name: as many as one answer has room for."""
    size = 0

    def fits(article_id: str) -> bool:
        nonlocal size
        size += 2 * len(article_id) + _ANSWER_BYTES_AN_ID
        return size <= _BYTES_OF_CLAIMS_MAX

    return min(IDS_MAX, sum(1 for _ in takewhile(fits, article_ids)))


async def _ask(
    client: GuardedClient, address: str, article_ids: Sequence[str], headers: dict[str, str]
) -> HoldingsAnswer:
    trace = traceparent()
    more = {"traceparent": trace} if trace else {}
    try:
        content = await client.post_json(address, {"article_ids": list(article_ids)}, {**headers, **more})
        return HoldingsAnswer.model_validate_json(content)
    except ValidationError:
        raise Transient("holdings are answered unreadably") from None
    except Transient as error:
        raise Transient(f"holdings are not answered: {error}") from None
