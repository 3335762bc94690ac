"""The OpenAPI documents of the five services, and one of all: a changed API is seen in a review."""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from fastapi import FastAPI

import alerting.service
import alerting.settings
import analytics.service
import analytics.settings
import compliance.service
import compliance.settings
import ingester.service
import ingester.settings
import retention.service
import retention.settings
from analytics.gateways.cache import Cache
from clawback_common.clock import SystemClock
from clawback_common.http.probes import Probes
from clawback_common.service.api import application

FOLDER = "openapi"
ALL = "all"
ABSENT: Any = None
"""A server, which the description of an API does not need."""
CLOCK = SystemClock()
PROBES = ("/healthz", "/readyz", "/metrics", "/docs", "/openapi.json")
_REF = re.compile(r'"#/components/schemas/([^"]+)"')
Document = dict[str, Any]


def documents() -> Mapping[str, Document]:
    """What each service says of itself at ``/openapi.json``, by its name."""
    return {name: app.openapi() for name, app in applications().items()}


@cache
def applications() -> Mapping[str, FastAPI]:
    """The API of each service by its name, without servers."""
    described = (
        (
            ingester.service.SERVICE,
            ingester.service.assemble(ingester.settings.Settings(), ABSENT, CLOCK, ABSENT, ABSENT, {}),
        ),
        (
            compliance.service.SERVICE,
            compliance.service.assemble(
                compliance.settings.Settings(), ABSENT, CLOCK, ABSENT, ABSENT, ABSENT
            ),
        ),
        (
            analytics.service.SERVICE,
            analytics.service.assemble(analytics.settings.Settings(), ABSENT, CLOCK, ABSENT, Cache(None, 60)),
        ),
        (
            alerting.service.SERVICE,
            alerting.service.assemble(alerting.settings.Settings(), ABSENT, CLOCK, ABSENT, ABSENT),
        ),
        (
            retention.service.SERVICE,
            retention.service.assemble(retention.settings.Settings(), ABSENT, CLOCK, ABSENT),
        ),
    )
    definitions: list[tuple[Any, Any]] = list(described)
    return {one.name: application(one, service, Probes()) for one, service in definitions}


def merged() -> Document:
    """One document of all services. A schema that two of them have in different forms has its service in its name."""
    shared = _shared_schemas()
    found: Document = {
        "openapi": "3.1.0",
        "info": {
            "title": "Clawback",
            "version": "0.1.0",
            "description": "All APIs. `x-service` names the service that answers a path; each has its own address.",
        },
        "paths": {},
        "components": {"schemas": {}, "securitySchemes": {}},
    }
    for name, document in documents().items():
        own = _renamed(name, document, shared)
        for path, operations in own["paths"].items():
            if not path.startswith(PROBES):
                found["paths"][path] = {"x-service": name, **operations}
        for part in ("schemas", "securitySchemes"):
            found["components"][part] |= own["components"].get(part, {})
    return found


def _shared_schemas() -> set[str]:
    """Names of schemas that are the same in every service that has them."""
    forms: dict[str, set[str]] = {}
    for document in documents().values():
        for name, schema in document["components"]["schemas"].items():
            forms.setdefault(name, set()).add(json.dumps(schema, sort_keys=True))
    return {name for name, found in forms.items() if len(found) == 1}


def _renamed(service: str, document: Document, shared: set[str]) -> Document:
    def name_of(name: str) -> str:
        return name if name in shared else f"{service.capitalize()}{name}"

    text = _REF.sub(lambda ref: f'"#/components/schemas/{name_of(ref[1])}"', json.dumps(document))
    found: Document = json.loads(text)
    schemas = found["components"]["schemas"]
    found["components"]["schemas"] = {name_of(name): schema for name, schema in schemas.items()}
    return found


def files() -> Iterator[tuple[str, str]]:
    """Yield the path of each document under ``contracts``, and its text."""
    for name, document in {**documents(), ALL: merged()}.items():
        text = json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False)
        yield f"{FOLDER}/{name}.json", text + "\n"
