"""Who may do what: acts always need a key, reads only where that is set."""

from typing import Annotated

from fastapi import Depends

from clawback_common.http.auth import Caller, reader, require

Reader = Annotated[Caller, Depends(reader())]
Inspecting = Annotated[Caller, Depends(reader("operator", "officer"))]
"""Who may read what is under `/admin`."""
Minding = Annotated[Caller, Depends(require("operator", "officer"))]
"""Who may acknowledge, resolve and silence."""
Operator = Annotated[Caller, Depends(require("operator"))]
Pushing = Annotated[Caller, Depends(require("alertmanager"))]
"""Who may submit alerts: Alertmanager, with a key and a role of its own."""
