"""Who may do what: acts always need a key, reads only where that is set."""

from typing import Annotated

from fastapi import Depends

from clawback_common.http.auth import Caller, reader, require

Reader = Annotated[Caller, Depends(reader())]
Counting = Annotated[Caller, Depends(reader("poller", "operator", "officer"))]
"""Who may count all articles: compliance, whose proof of verification needs it, and people."""
Inspecting = Annotated[Caller, Depends(reader("operator", "officer"))]
"""Who may read what the provider answered."""
Operator = Annotated[Caller, Depends(require("operator", "officer"))]
Poller = Annotated[Caller, Depends(require("poller", "operator", "officer"))]
"""Compliance, whose run drains the feeds of revocations; it may do nothing else here."""
Upstream = Annotated[Caller, Depends(require("upstream"))]
Asking = Annotated[Caller, Depends(require("upstream", "operator", "officer"))]
"""Who may ask what became of a record: whoever sent it, and whoever helps them."""
