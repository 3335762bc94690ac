"""All generated files of a checkout: what belongs into them, and which differ."""

from pathlib import Path

from contracts.generator import asyncapi, openapi, schemas

CONTRACTS = Path(__file__).parents[1]


def generated() -> dict[str, str]:
    """Return every generated file: its path under ``contracts`` and its text."""
    return dict([*schemas.files(), *asyncapi.files(), *openapi.files()])


def differences(root: Path) -> list[str]:
    """Return the findings of ``--check``: files that are missing, differ, or that nothing generates."""
    wanted = generated()
    folders = (schemas.FOLDER, openapi.FOLDER)
    present = {f"{folder}/{path.name}" for folder in folders for path in (root / folder).glob("*.json")}
    stale = [f"{name}: nothing generates this file" for name in sorted(present - set(wanted))]
    return stale + [
        f"{name}: differs from the source; run `make contracts`"
        for name, text in wanted.items()
        if not (root / name).is_file() or (root / name).read_text(encoding="utf-8") != text
    ]


def write(root: Path) -> None:
    """Write every generated file."""
    for name, text in generated().items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
