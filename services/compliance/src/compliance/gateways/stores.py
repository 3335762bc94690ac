"""Holdings checks: asks holders whether they hold given ids."""

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
"""The maximum per question, set by the contract."""
_BYTES_OF_CLAIMS_MAX = ANSWER_BYTES_MAX * 3 // 4
"""The rest is reserved for control articles."""
_ANSWER_BYTES_AN_ID = 48
"""Bytes per id besides the id itself, which our own stores name twice: in the items, and with its order."""


@dataclass(frozen=True, slots=True)
class HoldingsClient:
    """Asks our own stores at the addresses in STORES, and other holders at their registered addresses."""

    own: GuardedClient
    registered: GuardedClient

    async def ask_own(
        self, address: str, article_ids: Sequence[str], key_file: Path | None
    ) -> HoldingsAnswer:
        """Returns the answer of a store of ours; the request carries our key.

        Raises:
            Transient: There is no answer, or an unreadable one. It never counts as "gone".
        """
        return await _ask(self.own, address, article_ids, bearer(key_file))

    async def ask_registered(self, address: str, article_ids: Sequence[str]) -> HoldingsAnswer:
        """Returns the answer of a consumer. The consumer chose the address, so the request never carries our key.

        Raises:
            Transient: There is no answer, or an unreadable one.
        """
        return await _ask(self.registered, address, article_ids, {})


def first_that_fit(article_ids: Iterable[str]) -> int:
    """Returns how many of these ids, from the first, fit into one question: as many as fit into one answer."""
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
        raise Transient("the answer about holdings is unreadable") from None
    except Transient as error:
        raise Transient(f"there is no answer about holdings: {error}") from None
