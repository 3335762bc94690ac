"""Locations as a GeoJSON FeatureCollection (RFC 7946)."""

from collections.abc import Sequence
from typing import Any, Literal

from fastapi.responses import Response
from pydantic import BaseModel, Field

from analytics.entrypoints.http.schemas import LocationCount
from clawback_common.http.openapi import schema_of

MEDIA_TYPE = "application/geo+json"


class Point(BaseModel):
    """A point on the earth."""

    type: Literal["Point"] = "Point"
    coordinates: tuple[float, float]
    """Longitude and latitude, in degrees."""


class Feature(BaseModel):
    """A location and its counts."""

    type: Literal["Feature"] = "Feature"
    geometry: Point | None
    """Null for countries and regions."""
    properties: LocationCount


class FeatureCollection(BaseModel):
    """A page of locations."""

    type: Literal["FeatureCollection"] = "FeatureCollection"
    features: list[Feature]
    next_cursor: str | None = Field(None, description="As in the JSON format")


def documented(others: dict[int | str, dict[str, Any]]) -> dict[int | str, dict[str, Any]]:
    """Returns the documentation of a response that may also be GeoJSON."""
    ok = others[200]
    schema = schema_of(FeatureCollection)
    return {**others, 200: {**ok, "content": {**ok["content"], MEDIA_TYPE: {"schema": schema}}}}


def response(locations: Sequence[LocationCount], next_cursor: str | None, *, points: bool) -> Response:
    """Returns the response with locations; ``points``: they are coordinates."""
    features = [
        Feature(geometry=_point(one.location) if points else None, properties=one) for one in locations
    ]
    collection = FeatureCollection(features=features, next_cursor=next_cursor)
    return Response(collection.model_dump_json(), media_type=MEDIA_TYPE)


def _point(location: str) -> Point:
    latitude, longitude = map(float, location.split(","))
    return Point(coordinates=(longitude, latitude))
