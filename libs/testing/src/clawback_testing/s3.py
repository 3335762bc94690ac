"""A fake S3 server: it stores and lists objects, and misbehaves on request."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from clawback_common.service.process import ShutdownEvent, serve

Trouble = Literal["away", "denied", "in another region", "hangs", "drips", "ends early", "one byte differs"]
STATUS = {"away": 503, "denied": 403, "in another region": 301}
KEY_ID, SECRET = "the-key-id", "the-secret-key"


@dataclass(slots=True)
class S3:
    """One bucket, ``archive``. It refuses requests that are signed with another key than `KEY_ID`."""

    port: int
    objects: dict[str, bytes] = field(default_factory=dict)
    trouble: dict[str, Trouble] = field(default_factory=dict)
    """By method."""
    requests: list[str] = field(default_factory=list)
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: Request) -> Response:
        """Answer any request."""
        key = request.path_params.get("key", "")
        self.requests.append(f"{request.method} {key}")
        trouble = self.trouble.get(request.method)
        if trouble == "hangs":
            await self.closing.wait()
        if re.search(rf"Credential=(?!{KEY_ID}/)", request.headers.get("authorization", "")):
            trouble = "denied"
        if trouble in STATUS:
            return Response(f"<Error><AWSAccessKeyId>{KEY_ID}</AWSAccessKeyId></Error>", STATUS[trouble])
        if request.method == "PUT":
            return self._put(key, await request.body(), trouble)
        if not key:
            return self._listed(request.query_params.get("prefix", ""))
        if key not in self.objects:
            return Response("<Error><Code>NoSuchKey</Code></Error>", 404)
        return self._get(self.objects[key], request.headers.get("range"), trouble)

    def _put(self, key: str, body: bytes, trouble: Trouble | None) -> Response:
        self.objects[key] = body[:-1] + bytes([body[-1] ^ 1]) if trouble == "one byte differs" else body
        return Response(headers={"etag": '"1"'})

    def _get(self, whole: bytes, wanted: str | None, trouble: Trouble | None) -> Response:
        first = int(re.findall(r"\d+", wanted)[0]) if wanted else 0
        body, status = whole[first:], 206 if wanted else 200
        headers = {
            "etag": '"1"',
            "last-modified": "Sun, 01 Mar 2026 00:00:00 GMT",
            "content-length": str(len(body)),
            "content-range": f"bytes {first}-{len(whole) - 1}/{len(whole)}",
        }
        if trouble == "drips":
            return StreamingResponse(self._drops(body), status, headers=headers)
        return Response(body[:-3] if trouble == "ends early" else body, status, headers)

    async def _drops(self, body: bytes) -> AsyncIterator[bytes]:
        for byte in body:
            yield bytes([byte])
            await asyncio.sleep(0.1)

    def _listed(self, prefix: str) -> Response:
        contents = "".join(
            f"<Contents><Key>{key}</Key><Size>{len(body)}</Size><ETag>1</ETag>"
            "<LastModified>2026-03-01T00:00:00.000Z</LastModified></Contents>"
            for key, body in self.objects.items()
            if key.startswith(prefix)
        )
        return Response(f"<ListBucketResult><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>")


@asynccontextmanager
async def storing(port: int, setenv: Callable[[str, str], None]) -> AsyncIterator[S3]:
    """Run the server for the duration of a block, with the variables that name it and its credentials."""
    s3 = S3(port)
    paths = ("/archive", "/archive/{key:path}")
    app = Starlette(routes=[Route(path, s3.answer, methods=["GET", "PUT"]) for path in paths])
    setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    google = dict.fromkeys(("private_key", "private_key_id", "client_email"), "")
    endpoint = {"gcs_base_url": f"http://127.0.0.1:{port}", "disable_oauth": True}
    setenv("GOOGLE_SERVICE_ACCOUNT_KEY", json.dumps(google | endpoint))
    stopping = ShutdownEvent()
    serving = asyncio.create_task(serve(app, "127.0.0.1", port, stopping, grace_s=1))
    yield s3
    s3.closing.set()
    stopping.set()
    await serving
