"""An upstream system over HTTP: submits the article on standard input and asks what became of it."""

import json
import os
import sys

from http_calls import ask, call, ended

from clawback_contracts.envelope import event_id

url, key = f"{os.environ['INGESTER_URL']}/api/v1/submissions", os.environ["API_KEY"]
body = sys.stdin.buffer.read()
article = json.loads(body)
retried = str(event_id("submitted", article["article_id"], article["source_order"]))  # no second submission
answer = call(url, key, body, {"idempotency-key": retried})
became = ask(f"{url}/{answer['event_ids'][0]}", key, ended)
sys.stdout.write(f"{json.dumps(became)}\n")
sys.exit(became["state"] == "refused")
