"""Permissions: write requests always need a key, read requests only if that is configured."""

from typing import Annotated

from fastapi import Depends

from clawback_common.http.auth import Caller, reader, require

Reader = Annotated[Caller, Depends(reader())]
Inspecting = Annotated[Caller, Depends(reader("operator", "officer"))]
"""May read what is under `/admin`."""
Noticing = Annotated[Caller, Depends(require("officer", "upstream", "licensor"))]
"""May submit revocation notices."""
Asking = Annotated[Caller, Depends(require("officer", "operator", "upstream", "licensor"))]
"""May query the status of a notice: its sender, officers and operators."""
Officer = Annotated[Caller, Depends(require("officer"))]
Approver = Annotated[Caller, Depends(require("approver"))]
Deciding = Annotated[Caller, Depends(require("approver", "officer"))]
"""May decide on requests; which role may decide on which request is checked per request."""
Operator = Annotated[Caller, Depends(require("operator", "officer"))]
Answering = Annotated[Caller, Depends(require("holder"))]
