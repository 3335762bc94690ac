"""The one client of sibling services: our key, the trace, limits of time, and errors in words."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
from pydantic import AnyHttpUrl, BaseModel, ValidationError

from clawback_common.errors import Transient
from clawback_common.telemetry import traceparent

M = TypeVar("M", bound=BaseModel)
CONNECT_S = 5.0
DETAIL_MAX = 300
"""Characters of a problem's own words in an error."""


def bearer(key_file: Path | None) -> dict[str, str]:
    """The header that shows the key in this file; it is read at each call, so a new key needs no restart.

    Raises:
        Transient: the file cannot be read now, for instance while it is being replaced.
    """
    if key_file is None:
        return {}
    try:
        return {"Authorization": f"Bearer {key_file.read_text(encoding='utf-8').strip()}"}
    except (OSError, UnicodeDecodeError):
        raise Transient(f"the key file {key_file} cannot be read") from None


@dataclass(frozen=True, slots=True)
class Sibling:
    """The API of a sibling service.

    Attributes:
        name: of the service, for errors.
        url: scheme and host.
        key_file: of the key that is shown; None: none is needed.
        http: shared connections; closed by who made it.
        timeout_s: for one call.
    """

    name: str
    url: AnyHttpUrl
    key_file: Path | None
    http: httpx.AsyncClient
    timeout_s: float = 10.0

    async def send(
        self, method: str, path: str, *, timeout_s: float | None = None, **more: Any
    ) -> httpx.Response:
        """The answer, whatever its status.

        Args:
            method: of the request.
            path: below ``/api/v1``, or from ``/api/`` on.
            timeout_s: for this call, instead of the client's.
            more: as httpx takes it, such as ``json`` and ``params``.

        Raises:
            Transient: there is no answer, or our key cannot be read.
        """
        base = str(self.url).rstrip("/")
        address = f"{base}{path}" if path.startswith("/api/") else f"{base}/api/v1{path}"
        trace = traceparent()
        headers = bearer(self.key_file) | ({"traceparent": trace} if trace else {})
        limit = httpx.Timeout(self.timeout_s if timeout_s is None else timeout_s, connect=CONNECT_S)
        try:
            return await self.http.request(method, address, headers=headers, timeout=limit, **more)
        except httpx.HTTPError as error:
            raise Transient(f"{self.name} does not answer ({type(error).__name__})") from None

    async def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        """The answer of success.

        Raises:
            Transient: there is none; says with which status and words it was refused.
        """
        response = await self.send(method, path, **more)
        if not response.is_success:
            raise self.refused(path, response)
        return response

    async def read(self, model: type[M], method: str, path: str, **more: Any) -> M:
        """The answer of success, as the model has it.

        Raises:
            Transient: there is none, or one that cannot be read.
        """
        return self.parsed(model, await self.call(method, path, **more))

    def parsed(self, model: type[M], response: httpx.Response) -> M:
        """An answer's body, as the model has it.

        Raises:
            Transient: it cannot be read.
        """
        try:
            return model.model_validate_json(response.content)
        except ValidationError:
            raise Transient(f"{self.name} answers unreadably") from None

    def refused(self, path: str, response: httpx.Response) -> Transient:
        """The error for an answer that is none of success: its status, and the problem's words without content."""
        try:
            detail = str(response.json().get("detail", ""))[:DETAIL_MAX]
        except (ValueError, AttributeError):
            detail = ""
        words = f"{response.status_code}: {detail}" if detail else str(response.status_code)
        return Transient(f"{self.name} answers {path.partition('?')[0]} with {words}")


@asynccontextmanager
async def sibling(
    name: str, url: AnyHttpUrl, key_file: Path | None, timeout_s: float = 10.0
) -> AsyncIterator[Sibling]:
    """A client with connections of its own, for the length of a block."""
    async with httpx.AsyncClient(follow_redirects=False) as http:
        yield Sibling(name, url, key_file, http, timeout_s)
