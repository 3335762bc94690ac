"""Arbitrary requests to every route of every service: an answer below 500 within seconds, and a process that lives."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case
from schemathesis.generation import GenerationMode

from clawback_local import Stack
from tests.fuzz.conftest import KEY, SERVICES

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

HEADERS = {"X-API-Key": KEY}
EXAMPLES = 8
"""For each operation, of requests that fit its description and of such that do not."""
ANSWER_S_MAX = 5.0
SERVER_ERROR = 500
AWAY = 503
"""Said where what stands behind is away: the broker's lag, a worker, the provider."""
BAD_GATEWAY = 502

READ_BY_HAND = {
    "ingester": ("/api/v1/submissions", "/api/v1/webhooks/partner"),
    "compliance": ("/api/v1/compliance/notices", "/api/v1/compliance/receipts"),
    "alerting": ("/api/v1/webhooks/alertmanager",),
}
"""Bodies that no framework validates first."""

_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=40),
    st.sampled_from(["\x00", "\ud800", "metabase:1", "upstream:1", "0001-01-01T00:00:00+14:00", "1" * 5000]),
)
_NAMES = st.one_of(
    st.text(max_size=10),
    st.sampled_from(
        ["items", "article_id", "article_ids", "reason", "published_at", "title", "alerts", "order"]
    ),
)
_JSON = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(_NAMES, inner, max_size=5)),
    max_leaves=25,
)
INSTANTS = st.one_of(
    st.datetimes().map(lambda at: f"{at.isoformat()}Z"),
    st.sampled_from(
        [
            "0001-01-01T00:00:00Z",
            "0001-01-01T00:00:00+14:00",
            "9999-12-31T23:59:59-14:00",
            "2026-02-30T00:00:00Z",
        ]
    ),
)
schemathesis.openapi.format("date-time", INSTANTS)
CURSORS = st.one_of(
    st.none(),
    st.lists(st.one_of(INSTANTS, st.uuids().map(str), st.integers(), _SCALARS), max_size=3).map(
        lambda position: base64.urlsafe_b64encode(json.dumps(position).encode()).rstrip(b"=").decode()
    ),
)
"""As our lists encode them, with positions that no list of ours gave."""
BODIES = st.one_of(
    st.binary(max_size=2_000),
    _JSON.map(lambda value: json.dumps(value).encode()),
    st.integers(1, 30_000).map(lambda depth: b"[" * depth),
    st.sampled_from(
        [b'{"a": 1e999}', b'{"a": "\\ud800"}', b'{"a": "\\u0000"}', b"\xff\xfe", b'{"items": []}']
    ),
)
CONTENT_TYPES = st.sampled_from(
    ["application/json", "text/csv", "text/plain", "application/x-www-form-urlencoded", ""]
)


@pytest.mark.parametrize("service", SERVICES)
def test_no_request_to_any_route_is_answered_with_an_error_of_ours(
    service: str, stack: Stack, scale: int
) -> None:
    schema = schemathesis.openapi.from_url(f"http://{stack.address(f'{service}-api')}/openapi.json")
    tried = sum(_operation_holds(operation, scale) for operation in _operations(schema))
    assert tried > 0
    _lives(stack, service)


@pytest.mark.parametrize(
    ("service", "path"), [(service, path) for service, paths in READ_BY_HAND.items() for path in paths]
)
def test_no_body_is_answered_with_an_error_of_ours(service: str, path: str, stack: Stack, scale: int) -> None:
    address = f"http://{stack.address(f'{service}-api')}{path}"
    with httpx.Client(headers=HEADERS, timeout=ANSWER_S_MAX) as http:

        @_tried(40 * scale)
        @given(body=BODIES, content_type=CONTENT_TYPES)
        def holds(body: bytes, content_type: str) -> None:
            answer = http.post(address, content=body, headers={"Content-Type": content_type})
            assert answer.status_code < SERVER_ERROR, (body, answer.text)

        holds()
    _lives(stack, service)


def _operations(schema: Any) -> Iterator[Any]:
    for found in schema.get_all_operations():
        yield found.ok()


def _operation_holds(operation: Any, scale: int) -> bool:
    fitting, unfitting = (operation.as_strategy(generation_mode=mode) for mode in GenerationMode)

    @_tried(EXAMPLES * scale)
    @given(case=st.one_of(fitting, unfitting), cursor=CURSORS)
    def holds(case: Case[Any], cursor: str | None) -> None:
        if cursor is not None and any(one.name == "cursor" for one in operation.query):
            case.query = {**(case.query or {}), "cursor": cursor}
        answer = case.call(headers={**dict(case.headers or {}), **HEADERS}, timeout=ANSWER_S_MAX)
        allowed = answer.status_code in {AWAY, BAD_GATEWAY}
        assert answer.status_code < SERVER_ERROR or allowed, (operation.label, case.as_curl_command())

    holds()
    return True


def _tried(examples: int) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=examples <= EXAMPLES,
        suppress_health_check=list(HealthCheck),
    )


def _lives(stack: Stack, service: str) -> None:
    answer = httpx.get(f"http://{stack.address(f'{service}-api')}/livez", timeout=ANSWER_S_MAX)
    assert answer.status_code == 200
    assert next(row["restarts"] for row in stack.status() if row["part"] == f"{service}-api") == 0
