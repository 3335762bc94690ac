"""A provider's webhook: pushes the article on standard input, signed as Standard Webhooks says."""

import base64
import hashlib
import hmac
import json
import os
import sys
import time

from http_calls import call

from clawback_contracts.envelope import event_id

article = json.load(sys.stdin)
# A retry sends the same id and the same bytes, so nothing in the body is of the moment.
event = {"type": "article.changed", "timestamp": article["published_at"], "data": article}
body = json.dumps(event).encode()
webhook_id = str(event_id("submitted", article["article_id"], article["source_order"]))
stamp = str(int(time.time()))
secret = base64.b64decode(os.environ["WEBHOOK_SECRET"].removeprefix("whsec_"))
signature = hmac.digest(secret, f"{webhook_id}.{stamp}.".encode() + body, hashlib.sha256)
headers = {
    "webhook-id": webhook_id,
    "webhook-timestamp": stamp,
    "webhook-signature": f"v1,{base64.b64encode(signature).decode()}",
}
url = f"{os.environ['INGESTER_URL']}/api/v1/webhooks/{os.environ['PROVIDER']}"
sys.stdout.write(f"{json.dumps(call(url, body=body, headers=headers))}\n")
