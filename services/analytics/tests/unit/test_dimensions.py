"""The values of an article in each dimension."""

from typing import Any

import pytest

from analytics.domain.dimensions import DIMENSIONS
from analytics.domain.facets import article_facts
from clawback_contracts.article.v1 import Company, Entity, Licence, Place
from services.analytics.tests.unit.test_counting import article

ACME = (
    Company(name="Acme", symbol="ACM", exchange="NYSE", isin="US01"),
    Company(name="Acme", symbol="ACM", exchange="LSE", isin="US01"),
    Company(name="Acme", symbol="ACMD"),
)
BERLIN = (
    Place(name="Berlin", country_code="DE", region="Berlin", latitude=52.518, longitude=13.404),
    Place(name="Mitte", country_code="DE", latitude=52.5211, longitude=13.4),
    Place(name="Null Island", latitude=-0.001, longitude=0.0),
    Place(name="North Sea"),
)


@pytest.mark.parametrize(
    ("fields", "dimension", "values"),
    [
        ({"authors": ("Ada", "", "Ada")}, "authors", {"Ada": None}),
        ({"licences": (Licence(name="L"), Licence(name="M"))}, "licenses", {"L": None, "M": None}),
        ({}, "hours", {"23": None}),
        (
            {"entities": (Entity(type="Person", value="Ada"), Entity(type="Place", value="Ada"))},
            "entities",
            {"Person:Ada": "Person", "Place:Ada": "Place"},
        ),
        ({"entities": (Entity(type="Person", value=""),)}, "entities", {}),
        ({"companies": ACME}, "companies", {"Acme": "Acme"}),
        ({"companies": ACME}, "symbols", {"ACM": "Acme", "ACMD": "Acme"}),
        ({"companies": ACME}, "isins", {"US01": "Acme"}),
        ({"places": BERLIN}, "countries", {"DE": None}),
        ({"places": BERLIN}, "regions", {"Berlin": None}),
        (
            {"places": BERLIN},
            "points",
            {"52.52,13.40": "Berlin", "0.00,0.00": "Null Island"},
        ),
        ({"word_count": 0}, "word_count", {"0": None}),
        ({"word_count": 99}, "word_count", {"99": None}),
        ({"word_count": 1_299}, "word_count", {"1200": None}),
        ({"word_count": 2**31 - 1}, "word_count", {"2100000000": None}),
        ({}, "word_count", {}),
        ({"sentiment": 0.255}, "sentiment", {"0.26": None}),
        ({"sentiment": -0.001}, "sentiment", {"0.00": None}),
        ({"sentiment": -5.16}, "sentiment", {"-5.16": None}),
        ({"sentiment": 1e300}, "sentiment", {}),
        ({}, "sentiment", {}),
        ({"tags": ("a", "b", "a")}, "tags", {"a": None, "b": None}),
    ],
)
def test_an_article_has_these_values(
    fields: dict[str, Any], dimension: str, values: dict[str, str | None]
) -> None:
    number = DIMENSIONS[dimension].id
    terms = article_facts(article(**fields)).terms
    assert {text: label for (known, text), label in terms.items() if known == number} == values
