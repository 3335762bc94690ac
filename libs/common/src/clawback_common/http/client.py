"""The HTTP client for other services of this system: API key, trace context, timeouts and readable errors."""

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
"""Characters of a problem's detail that an error quotes."""


def bearer(key_file: Path | None) -> dict[str, str]:
    """Return the header with the key from this file. It is read for each call, so a new key needs no restart.

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
    """The API of another service.

    Attributes:
        name: of the service, for errors.
        url: scheme and host.
        key_file: file with the API key; None when no key is needed.
        http: shared connections; closed by their creator.
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
        """Send a request and return the response, whatever its status.

        Args:
            method: of the request.
            path: below ``/api/v1``, or starting with ``/api/``.
            timeout_s: for this call, instead of the client's.
            more: arguments of httpx, such as ``json`` and ``params``.

        Raises:
            Transient: there is no response, or our key cannot be read.
        """
        base = str(self.url).rstrip("/")
        address = f"{base}{path}" if path.startswith("/api/") else f"{base}/api/v1{path}"
        trace = traceparent()
        headers = bearer(self.key_file) | ({"traceparent": trace} if trace else {})
        limit = httpx.Timeout(self.timeout_s if timeout_s is None else timeout_s, connect=CONNECT_S)
        try:
            return await self.http.request(method, address, headers=headers, timeout=limit, **more)
        except httpx.HTTPError as error:
            raise Transient(f"{self.name} does not respond ({type(error).__name__})") from None

    async def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Send a request and return the successful response.

        Raises:
            Transient: there is none; contains the status and the detail of the problem.
        """
        response = await self.send(method, path, **more)
        if not response.is_success:
            raise self.refused(path, response)
        return response

    async def read(self, model: type[M], method: str, path: str, **more: Any) -> M:
        """Send a request and return the successful response, parsed as the model.

        Raises:
            Transient: there is none, or it cannot be parsed.
        """
        return self.parsed(model, await self.call(method, path, **more))

    def parsed(self, model: type[M], response: httpx.Response) -> M:
        """Parse the body of a response as the model.

        Raises:
            Transient: it cannot be parsed.
        """
        try:
            return model.model_validate_json(response.content)
        except ValidationError:
            raise Transient(f"{self.name} sent a response that cannot be parsed") from None

    def refused(self, path: str, response: httpx.Response) -> Transient:
        """Return the error for an unsuccessful response: its status, and the problem's detail without content."""
        try:
            detail = str(response.json().get("detail", ""))[:DETAIL_MAX]
        except (ValueError, AttributeError):
            detail = ""
        words = f"{response.status_code}: {detail}" if detail else str(response.status_code)
        return Transient(f"{self.name} answered {path.partition('?')[0]} with {words}")


@asynccontextmanager
async def sibling(
    name: str, url: AnyHttpUrl, key_file: Path | None, timeout_s: float = 10.0
) -> AsyncIterator[Sibling]:
    """Open a client with its own connections for the duration of a block."""
    async with httpx.AsyncClient(follow_redirects=False) as http:
        yield Sibling(name, url, key_file, http, timeout_s)
