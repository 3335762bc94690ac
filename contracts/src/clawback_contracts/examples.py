"""The golden messages of this checkout: producers' tests emit them, consumers' tests accept them."""

import json
from pathlib import Path

from clawback_contracts.cloudevents import Message
from clawback_contracts.envelope import Event

FOLDER = Path(__file__).parents[2] / "examples"
"""``<event>/v1/<name>.json``; a wheel has none."""


def folder(event: type[Event]) -> Path:
    """Where an event's examples are: ``clawback.article.published.v1`` in ``article.published/v1``."""
    name, _, version = event.TYPE.removeprefix("clawback.").rpartition(".")
    return FOLDER / name / version


def bodies(name: str) -> dict[str, bytes]:
    """The examples of a body that is exchanged over HTTP, by its schema's name, ``holdings.question.v1``."""
    noun, _, version = name.rpartition(".")
    return {file.stem: file.read_bytes() for file in (FOLDER / noun / version).glob("*.json")}


def load(event: type[Event]) -> dict[str, Message]:
    """An event's examples by name, as records: ``minimal``, ``full`` (every field), and odd but legal ones.

    The topic of a dead letter is left as it stands in the model, ``{group}.dlq.v1``.
    """
    return {file.stem: _record(event, json.loads(file.read_text())) for file in folder(event).glob("*.json")}


def _record(event: type[Event], example: dict[str, dict[str, str]]) -> Message:
    return Message(
        topic=event.TOPIC,
        key=str(example["key"]).encode(),
        value=json.dumps(example["value"], ensure_ascii=False).encode(),
        headers=[(name, text.encode()) for name, text in example["headers"].items()],
    )
