"""The JSON Schema of every event and every body, and whether it is compatible with the committed one."""

import json
from collections.abc import Iterator
from pathlib import Path

from clawback_contracts.envelope import Event, Value
from clawback_contracts.registry import BODIES, EVENTS
from contracts.generator.compatibility import incompatibility

FOLDER = "schemas"


def short_name(event: type[Event]) -> str:
    """Return the name of the event in file names: ``clawback.article.published.v1`` is ``article.published.v1``."""
    return event.TYPE.removeprefix("clawback.")


def models() -> dict[str, type[Value]]:
    """Return every model with a schema, by the name of the schema."""
    return {short_name(event): event for event in EVENTS.values()} | BODIES


def schema(name: str, model: type[Value]) -> str:
    """Return a model's JSON Schema as text, identical on every machine."""
    frozen = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:clawback:{name.replace('.', ':')}",
        **model.model_json_schema(),
    }
    return json.dumps(frozen, indent=2, ensure_ascii=False) + "\n"


def files() -> Iterator[tuple[str, str]]:
    """Yield the path of each schema under ``contracts``, and its text."""
    for name, model in models().items():
        yield f"{FOLDER}/{name}.json", schema(name, model)


def incompatible(root: Path) -> list[str]:
    """Return the schemas under ``root`` that the current models are incompatible with, and the reasons."""
    return [
        f"{Path(name).name}: {reason}"
        for name, text in files()
        if (root / name).is_file()
        and (reason := incompatibility((root / name).read_text(encoding="utf-8"), text))
    ]
