"""The rate limits of the five APIs: every limit names an existing path, and takedowns have budgets of their own."""

import re
from typing import Any

import pytest

from clawback_common.http.rate_limits.budgets import COMMANDS, READS, Budgets
from clawback_common.http.rate_limits.middleware import RateLimit
from contracts.generator.openapi import applications, documents

INTERNAL = (
    ("ingester", "POST", "/api/v1/ingester/holdings"),
    ("analytics", "POST", "/api/v1/analytics/holdings"),
    ("ingester", "GET", "/api/v1/feeds"),
    ("ingester", "POST", "/api/v1/feeds/metabase-revoked/poll"),
    ("ingester", "GET", "/api/v1/articles/sample"),
    ("ingester", "GET", "/api/v1/admin/articles/stats"),
    ("compliance", "GET", "/api/v1/compliance/revocations"),
)
"""What our services ask each other for takedowns."""
TAKEDOWNS = (
    ("compliance", "POST", "/api/v1/compliance/notices"),
    ("compliance", "POST", "/api/v1/compliance/receipts"),
    ("ingester", "POST", "/api/v1/webhooks/partner"),
    ("ingester", "GET", "/api/v1/ingester/health"),
    ("alerting", "GET", "/api/v1/health"),
)


def budgets(service: str) -> Budgets:
    """Returns the budgets of a service's API."""
    middleware: list[Any] = applications()[service].user_middleware
    (limit,) = [one for one in middleware if one.cls is RateLimit]
    found: Budgets = limit.kwargs["limits"]._budgets
    return found


@pytest.mark.parametrize("service", applications())
def test_every_limit_names_a_path_that_exists(service: str) -> None:
    operations = [
        re.sub(r"\\{.*?\\}", "[^/]+", re.escape(f"{method.upper()} {path}"))
        for path, methods in documents()[service]["paths"].items()
        for method in methods
    ]
    for rule, _ in budgets(service)._by_rule:
        method, path = rule.split(" ")
        assert any(
            re.fullmatch(one, rule) or one.startswith(re.escape(f"{method} {path}/")) for one in operations
        ), rule


@pytest.mark.parametrize(("service", "method", "path"), [*INTERNAL, *TAKEDOWNS])
def test_takedowns_and_internal_calls_have_budgets_of_their_own(service: str, method: str, path: str) -> None:
    buckets = budgets(service).buckets(method, path, "compliance", "203.0.113.7")
    assert [one.name for one in buckets if one.name not in {READS, COMMANDS}] == [one.name for one in buckets]
    assert len(buckets) == 1, "the reads of all clients use it up"


@pytest.mark.parametrize(("service", "method", "path"), INTERNAL)
def test_internal_calls_have_the_largest_limit(service: str, method: str, path: str) -> None:
    (bucket,) = budgets(service).buckets(method, path, "compliance", "203.0.113.7")
    assert bucket.limit.per_minute == 6_000
