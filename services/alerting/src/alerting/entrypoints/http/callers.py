"""The roles of callers. Writes always need a key, reads only if that is configured."""

from typing import Annotated

from fastapi import Depends

from clawback_common.http.auth import Caller, reader, require

Reader = Annotated[Caller, Depends(reader())]
Inspecting = Annotated[Caller, Depends(reader("operator", "officer"))]
"""May read what is under `/admin`."""
Responder = Annotated[Caller, Depends(require("operator", "officer"))]
"""May acknowledge, resolve and silence."""
Operator = Annotated[Caller, Depends(require("operator"))]
Alertmanager = Annotated[Caller, Depends(require("alertmanager"))]
"""May submit alerts: Alertmanager, with a key and a role of its own."""
