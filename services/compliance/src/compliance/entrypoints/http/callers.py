"""Who may do what: acts always need a key, reads only where that is set."""

from typing import Annotated

from fastapi import Depends

from clawback_common.http.auth import Caller, reader, require

Reader = Annotated[Caller, Depends(reader())]
Inspecting = Annotated[Caller, Depends(reader("operator", "officer"))]
"""Who may read what is under `/admin`."""
Noticing = Annotated[Caller, Depends(require("officer", "upstream", "licensor"))]
"""Who may say that an article may no longer be held."""
Asking = Annotated[Caller, Depends(require("officer", "operator", "upstream", "licensor"))]
"""Who may ask what became of a notice: whoever sent it, and whoever helps them."""
Officer = Annotated[Caller, Depends(require("officer"))]
Approver = Annotated[Caller, Depends(require("approver"))]
Deciding = Annotated[Caller, Depends(require("approver", "officer"))]
"""Who may decide on a request; which of them on which is looked at with the request."""
Operator = Annotated[Caller, Depends(require("operator", "officer"))]
Answering = Annotated[Caller, Depends(require("holder"))]
