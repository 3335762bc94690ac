"""The roles of callers. Writes always need a key, reads only if that is configured."""

from typing import Annotated

from fastapi import Depends

from clawback_common.http.auth import Caller, reader, require

Reader = Annotated[Caller, Depends(reader())]
Operator = Annotated[Caller, Depends(require("operator", "officer"))]
Officer = Annotated[Caller, Depends(require("officer"))]
"""May place a hold and request its end."""
Approver = Annotated[Caller, Depends(require("approver"))]
"""May be the second person."""
