"""Reads fields of a plain tree: read fields are removed, unreadable ones stay in place and are noted."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

from clawback_common.errors import Poison
from ingester.gateways.providers.metabase.tree import MEMBER_OF, Tree

T = TypeVar("T")
Fields = dict[str, Tree]

NAME_CHARS_MAX: Final = 500


class FieldReader:
    """Reads the fields of one object.

    Attributes:
        not_understood: Fields that exist and could not be read completely.
    """

    def __init__(self) -> None:
        self.not_understood: set[str] = set()

    # Scalars

    def take(self, fields: Fields, name: str, read: Callable[[str], T | None]) -> T | None:
        """Returns and removes a field's value; an unreadable one stays in the tree."""
        raw = fields.get(name)
        if raw is None:
            return None
        value = read(raw) if isinstance(raw, str) else None
        if value is None:
            self.not_understood.add(name)
        else:
            del fields[name]
        return value

    def text(self, fields: Fields, name: str) -> str | None:
        """Returns and removes a field's text."""
        return self.take(fields, name, str)

    def required(self, fields: Fields, name: str, read: Callable[[str], T | None], snake: str) -> T:
        """Returns and removes a required field's value.

        Raises:
            Poison: The field is missing or unreadable.
        """
        if name not in fields:
            raise Poison(f"no_{snake}", name)
        value = self.take(fields, name, read)
        if value is None:
            raise Poison(f"{snake}_unreadable", name)
        return value

    def strict(self, fields: Fields, name: str, read: Callable[[str], T | None], reason: str) -> T | None:
        """Returns and removes an optional value that must not be ignored.

        Raises:
            Poison: The field exists and is unreadable.
        """
        value = self.take(fields, name, read)
        if value is None and name in fields:
            raise Poison(reason, name)
        return value

    # Lists and objects

    def members(self, fields: Fields, name: str) -> list[Tree] | None:
        """Returns a list's members. One value counts as a list of one; wrappers added by a converter are removed."""
        value = fields.get(name)
        return None if value is None else _flat(value, {name, MEMBER_OF.get(name, name)})

    def names(self, fields: Fields, name: str) -> list[str]:
        """Returns the texts or names of a list without repeats; everything else stays in the tree."""
        members = self.members(fields, name)
        if members is None:
            return []
        names: dict[str, None] = {}
        rest: list[Tree] = []
        for member in members:
            text = member.pop("name", None) if isinstance(member, dict) else member
            if isinstance(text, str) and len(text) <= NAME_CHARS_MAX:
                names[text] = None
                text = None
            else:
                self.not_understood.add(name)
            left = member if isinstance(member, dict) and member else text
            if left:
                rest.append(left)
        leave(fields, name, rest)
        return list(names)

    def rows(
        self,
        fields: Fields,
        name: str,
        read: Callable[["FieldReader", Fields], dict[str, Any] | None],
    ) -> list[dict[str, Any]]:
        """Returns the objects of a list that could be read, without repeats; the tree keeps the rest of each, in order.

        An object without a rest stays as an empty one, so that the positions in both lists match.
        """
        members = self.members(fields, name)
        if members is None:
            return []
        rows: dict[tuple[Any, ...], dict[str, Any]] = {}
        rest: list[Tree] = []
        unread: list[Tree] = []
        for member in members:
            row = read(self, member) if isinstance(member, dict) else None
            if row is None:
                unread.append(member)
                self.not_understood.add(name)
            elif (same := tuple(row.values())) not in rows:
                rows[same] = row
                rest.append(member)
        leave(fields, name, [*(rest if any(rest) else ()), *unread])
        return list(rows.values())

    def within(self, fields: Fields, name: str, read: Callable[["FieldReader", Fields], T]) -> T | None:
        """Returns the part of an object that could be read; the rest stays in the tree."""
        inner = fields.get(name)
        if inner is None:
            return None
        if not isinstance(inner, dict):
            self.not_understood.add(name)
            return None
        value = read(self, inner)
        if not inner:
            del fields[name]
        return value


def leave(fields: Fields, name: str, rest: list[Tree]) -> None:
    """Sets a field in the tree to this rest, or removes it."""
    if rest:
        fields[name] = rest
    else:
        del fields[name]


def _flat(value: Tree, wrappers: set[str]) -> list[Tree]:
    """Returns the members of a list without wrappers: other lists, or objects of one of these names."""
    if isinstance(value, list):
        return [
            member
            for one in value
            for member in (_flat(one, wrappers) if _is_wrapper(one, wrappers) else [one])
        ]
    if isinstance(value, dict) and len(value) == 1:
        ((key, inner),) = value.items()
        if key in wrappers or isinstance(inner, list):
            return _flat(inner, wrappers)
    return [value]


def _is_wrapper(value: Tree, names: set[str]) -> bool:
    return isinstance(value, list) or (isinstance(value, dict) and len(value) == 1 and set(value) <= names)
