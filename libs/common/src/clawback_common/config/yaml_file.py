"""Configuration files: YAML, validated by a pydantic model; every error has its line number.

Scalars are read as strings; the model converts them. An error contains keys and rules, never a value: some of these
files contain secrets and addresses.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError

M = TypeVar("M")
Loc = tuple[int | str, ...]
"""Keys and indexes from the root of the document, as in pydantic's errors."""
Check = Callable[[M], Iterable[tuple[Loc, str]]]
"""Checks what the model cannot, such as a reference to an unknown name. Yields location and error."""
PARTS_MAX = 100_000
"""Limit on the nodes of a file with its aliases expanded; no file written by hand has so many."""
_NULL = "tag:yaml.org,2002:null"


class FileError(ValueError):
    """The errors of a file: one line per error, ``FILE:LINE: message``, ordered by line."""


def read_file(path: Path, model: type[M], check: Check[M] | None = None) -> M:
    """Read and validate a file.

    Args:
        path: of the file.
        model: a pydantic model, or any type that pydantic can validate.
        check: called with the result when the model has accepted it.

    Returns:
        The validated value.

    Raises:
        FileError: the file cannot be read, is not YAML, or is not valid.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise FileError(f"{path} cannot be read: {reason}") from None
    return read_text(text, str(path), model, check)


def read_text(text: str, name: str, model: type[M], check: Check[M] | None = None) -> M:
    """Read and validate a text; errors contain ``name`` in place of the file's name."""
    document = _parsed(text, name)
    try:
        found = TypeAdapter(model).validate_python(document.value)
    except ValidationError as error:
        found_wrong = error.errors(include_url=False, include_input=False)
        wrong = [(one["loc"], _words(one["loc"], one["type"], one["msg"])) for one in found_wrong]
        raise document.error(name, wrong) from None
    if check and (mistakes := list(check(found))):
        raise document.error(name, mistakes)
    return found


@dataclass(slots=True)
class _Document:
    """The content of a file, and the line of each part of it."""

    value: Any = None
    lines: dict[Loc, int] = field(default_factory=dict)
    mistakes: list[tuple[int, str]] = field(default_factory=list)

    def error(self, name: str, mistakes: Iterable[tuple[Loc, str]] = ()) -> FileError:
        """Return these errors, each at the nearest location that exists, and those of the YAML itself."""
        lines = {(self._line(loc), words) for loc, words in mistakes}
        return FileError(
            "\n".join(f"{name}:{line}: {words}" for line, words in sorted({*lines, *self.mistakes}))
        )

    def _line(self, loc: Loc) -> int:
        there = next((loc[:n] for n in range(len(loc), -1, -1) if loc[:n] in self.lines), ())
        return self.lines.get(there, 1)


def _parsed(text: str, name: str) -> _Document:
    document = _Document()
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        if root is not None:
            document.value = _plain(root, (), document, frozenset())
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise FileError(f"{name}:{line}: not YAML: {error.problem}") from None
    except yaml.YAMLError:
        raise FileError(f"{name}:1: not YAML: it contains characters that YAML does not allow") from None
    except RecursionError:
        raise FileError(f"{name}:1: too deeply nested") from None
    if document.mistakes:
        raise document.error(name)
    return document


def _plain(node: yaml.Node, loc: Loc, document: _Document, above: frozenset[int]) -> Any:
    line = node.start_mark.line + 1
    document.lines.setdefault(loc, line)
    if id(node) in above or len(document.lines) > PARTS_MAX:
        document.mistakes.append((line, "an alias contains itself, or the file has too many nodes"))
        return None
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, loc, document, above | {id(node)})
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*loc, n), document, above | {id(node)}) for n, item in enumerate(node.value)]
    return None if node.tag == _NULL else node.value


def _mapping(node: yaml.MappingNode, loc: Loc, document: _Document, above: frozenset[int]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            document.mistakes.append((line, f"{_path(loc)}a key must be a scalar"))
        elif key.value in found:
            document.mistakes.append((line, f"{_path(loc)}duplicate key {key.value!r}"))
        else:
            document.lines[*loc, key.value] = line
            found[key.value] = _plain(value, (*loc, key.value), document, above)
    return found


def _words(loc: Loc, kind: str, message: str) -> str:
    match kind:
        case "missing":
            return f"{_path(loc[:-1])}the key {loc[-1]} is missing"
        case "extra_forbidden":
            return f"{_path(loc[:-1])}unknown key {loc[-1]!r}"
        case "model_type" | "dict_type":
            return f"{_path(loc)}a mapping is required"
        case "list_type" | "tuple_type" | "frozen_set_type":
            return f"{_path(loc)}a list is required"
        case "string_type":
            return f"{_path(loc)}a text is required"
        case _:
            return f"{_path(loc)}{message.removeprefix('Value error, ')}"


def _path(loc: Loc) -> str:
    """Return a prefix such as ``receivers[0].mail: ``; empty at the root."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc).lstrip(".")
    return f"{text}: " if text else ""


def one_each(entries: Iterable[tuple[Loc, str]], what: str) -> Iterator[tuple[Loc, str]]:
    """Yield an error for each name that occurs more than once.

    Args:
        entries: the location of each name, and the name.
        what: the kind of entry, such as ``receiver``.
    """
    seen = set[str]()
    for loc, name in entries:
        if name in seen:
            yield loc, f"duplicate {what} {name}"
        seen.add(name)
