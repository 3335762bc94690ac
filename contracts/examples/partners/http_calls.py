"""What every partner's program in Python needs of HTTP: a call, and a question that is asked until it is answered."""

import json
import time
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

WAIT_S_MAX = 60.0


def call(url: str, key: str = "", body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Any:
    """A GET, or a POST where there is a body; the JSON that is answered.

    Raises:
        urllib.error.HTTPError: anything but success; its body says why.
    """
    sent = {"content-type": "application/json", **({"x-api-key": key} if key else {}), **(headers or {})}
    request = urllib.request.Request(url, body, sent)  # noqa: S310 - an address of the configuration
    with urllib.request.urlopen(request, timeout=15) as answer:  # noqa: S310 - as above
        return json.load(answer)


def ask(url: str, key: str, done: Callable[[Any], bool]) -> Any:
    """The first answer that is ``done``.

    Raises:
        TimeoutError: none was, within a minute.
    """
    end = time.monotonic() + WAIT_S_MAX
    while time.monotonic() < end:
        answer = call(url, key)
        if done(answer):
            return answer
        time.sleep(0.5)
    raise TimeoutError(url)


def ended(answer: Any) -> bool:
    """Whether a record has become what it will be."""
    return answer["state"] in {"published", "refused"}
