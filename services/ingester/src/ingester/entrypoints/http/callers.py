"""Permissions: write requests always need a key, read requests only if that is configured."""

from typing import Annotated

from fastapi import Depends

from clawback_common.http.auth import Caller, reader, require

Reader = Annotated[Caller, Depends(reader())]
Counting = Annotated[Caller, Depends(reader("poller", "operator", "officer"))]
"""May count all articles: compliance, for the proof of verification, and people."""
Inspecting = Annotated[Caller, Depends(reader("operator", "officer"))]
"""May read the recorded calls to providers."""
Operator = Annotated[Caller, Depends(require("operator", "officer"))]
Poller = Annotated[Caller, Depends(require("poller", "operator", "officer"))]
"""Compliance, whose run polls the feeds of revocations; it has no other permission here."""
Upstream = Annotated[Caller, Depends(require("upstream"))]
Asking = Annotated[Caller, Depends(require("upstream", "operator", "officer"))]
"""May query the status of a record: its sender, operators and officers."""
