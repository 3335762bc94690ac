"""A holder: registers, then is the consumer beside this folder, which holds, removes and answers."""

import base64
import json
import os
import sys
from pathlib import Path

from http_calls import call

from clawback_contracts.signatures import Signer

CONSUMER = Path(__file__).parents[1] / "consumer.py"


def register(operator_key: str) -> None:
    """Registers; the same again changes nothing."""
    scheme = "https" if "HOLDINGS_CERTFILE" in os.environ else "http"
    registration: dict[str, object] = {
        "name": os.environ["HOLDER"],
        "group": os.environ["GROUP"],
        "purpose": "shows articles",
        "copy_kinds": ["content"],
        "holdings_url": f"{scheme}://127.0.0.1:{os.environ['HOLDINGS_PORT']}/holdings",
    }
    if file := os.environ.get("SIGNING_KEY_FILE"):
        signer = Signer.of(Path(file))
        keys = {signer.key_id: base64.b64encode(signer.public_key).decode()}
        registration |= {"signing_keys": keys}
    url = f"{os.environ['COMPLIANCE_URL']}/api/v1/compliance/holders"
    call(url, operator_key, json.dumps(registration).encode())


if key := os.environ.get("OPERATOR_KEY"):  # later starts need no such key
    register(key)
os.execv(sys.executable, [sys.executable, str(CONSUMER)])  # noqa: S606 - the program beside it
