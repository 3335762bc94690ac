"""A licensor: ``licensor.py ID…`` revokes articles, and waits until every holder that must answer has."""

import json
import os
import sys
from typing import Any

from http_calls import ask, call

from clawback_contracts.envelope import event_id


def done(answer: Any) -> bool:
    """Whether every article is off every holder."""
    closed = answer["state"] == "published" and all(one["closed_at"] for one in answer["items"])
    return closed or answer["state"] == "refused"


ids, key = sys.argv[1:], os.environ["API_KEY"]
api = f"{os.environ['COMPLIANCE_URL']}/api/v1"
body = json.dumps({"article_ids": ids, "reason": "licensor"}).encode()
retried = str(event_id("noticed", os.environ["LICENSOR"], *ids))  # no second notice
request = call(f"{api}/compliance/notices", key, body, {"idempotency-key": retried})
answer = ask(f"{api}/notices/{request['request_id']}", key, done)
sys.stdout.write(f"{json.dumps(answer)}\n")
sys.exit(answer["state"] == "refused")
