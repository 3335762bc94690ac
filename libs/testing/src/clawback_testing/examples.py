"""The example messages of the contracts: producer tests emit them, consumer tests accept them."""

import json
from pathlib import Path

from clawback_contracts.cloudevents import Message
from clawback_contracts.envelope import Event
from clawback_local.config import ROOT

FOLDER = ROOT / "contracts" / "examples"
"""``<event>/v1/<name>.json``."""


def folder(event: type[Event]) -> Path:
    """Return the folder of an event's examples: ``clawback.article.published.v1`` is in ``article.published/v1``."""
    name, _, version = event.TYPE.removeprefix("clawback.").rpartition(".")
    return FOLDER / name / version


def bodies(name: str) -> dict[str, bytes]:
    """Return the examples of an HTTP body, by the name of its schema, ``holdings.question.v1``."""
    noun, _, version = name.rpartition(".")
    return {file.stem: file.read_bytes() for file in (FOLDER / noun / version).glob("*.json")}


def load(event: type[Event]) -> dict[str, Message]:
    """Return an event's examples as records, by name: ``minimal``, ``full`` (every field), and unusual but valid ones.

    The topic of a dead letter is as in the model, ``{group}.dlq.v1``.
    """
    return {file.stem: _record(event, json.loads(file.read_text())) for file in folder(event).glob("*.json")}


def _record(event: type[Event], example: dict[str, dict[str, str]]) -> Message:
    return Message(
        topic=event.TOPIC,
        key=str(example["key"]).encode(),
        value=json.dumps(example["value"], ensure_ascii=False).encode(),
        headers=[(name, text.encode()) for name, text in example["headers"].items()],
    )
