"""Parses a response, XML or JSON, into the same plain trees: dicts, lists and texts, without empty values."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import orjson
from lxml import etree

from clawback_common.errors import Poison
from ingester.gateways.providers.answers import Unreadable, UnreadableAnswer
from ingester.gateways.providers.text import clean
from ingester.gateways.providers.xml_document import XML_TYPES, accept, as_utf8, media_type, root_of

DEPTH_MAX: Final = 64
"""Deeper than any article seen (8), and far below the limit of the interpreter's stack."""

ITEM_LISTS: Final = frozenset({"articles", "revokedArticles", "ids", "rateLimits"})
"""The lists that are the subject of a response."""

BARE_IDS: Final = frozenset({"id", "article", "articleId", "revokedArticle", "revokedArticleId"})
"""Names of members that consist of an id alone. A text under any other name is not an id."""

ENTRIES: Final = BARE_IDS | {"rateLimit"}
"""Names of an entry that a converter wrote without a list around it."""

MEMBER_OF: Final = {
    "autoTopics": "topic", "companies": "company", "domains": "domain", "editorialTopics": "topic",
    "entities": "entity", "events": "event", "indexTerms": "indexTerm", "licenses": "license",
    "linkedArticles": "linkedArticle", "locations": "location", "matchingFilters": "matchingFilter",
    "matchingKeywords": "matchingKeyword", "outboundUrls": "outboundUrl", "properties": "property",
    "tags": "tag", "topics": "topic",
}  # fmt: skip
"""Elements whose children are the members of a list, and the name of a member; JSON has no such element."""

_REPEATED: Final = frozenset({"audio", "image", "video"})
"""Elements that are repeated per member, without an element around them."""

_TEXTS: Final = frozenset({"content", "contentWithMarkup", "extract", "subTitle", "title"})
"""Elements that are text even if they contain unescaped markup."""

_JSON_TYPES: Final = ("application/json", "text/json")

Tree = str | list["Tree"] | dict[str, "Tree"]
"""The common form of XML and JSON: texts, lists and objects, never empty."""


class Item(Protocol):
    """One member of the list that is the subject of a response."""

    @property
    def name(self) -> str | None:
        """Returns its name in the list; None if members have no name."""
        ...

    def tree(self) -> Tree | None:
        """Returns its plain tree; None if it is empty.

        Raises:
            Poison: It is nested too deep.
        """
        ...

    def raw(self) -> bytes:
        """Returns the original bytes, for quarantine."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """The envelope of a response.

    Attributes:
        names: The names of all its fields, also of empty ones.
        head: Its scalar fields, without empty ones.
        lists: The lists that are its subject; None for a field that is not a list.
    """

    names: frozenset[str]
    head: dict[str, Tree]
    lists: dict[str, Sequence[Item] | None]


def read(body: bytes, content_type: str | None) -> Answer:
    """Parses the envelope of a response, in either format.

    Args:
        body: The decompressed body.
        content_type: The header; None if it is missing, which is accepted.

    Raises:
        UnreadableAnswer: The body is not an envelope, or is not trustworthy.
    """
    media, charset = media_type(content_type)
    body = as_utf8(body, charset)
    start = body[:64].lstrip()[:1]
    if not start:
        raise UnreadableAnswer(Unreadable.EMPTY)
    if "html" in media:
        raise UnreadableAnswer(Unreadable.HTML)
    if start == b"<":
        accept(media, XML_TYPES, "+xml")
        return _from_xml(body)
    if start in b"{[":
        accept(media, _JSON_TYPES, "+json")
        return _from_json(body)
    raise UnreadableAnswer(Unreadable.CONTENT_TYPE if media else Unreadable.MALFORMED)


# XML


def _from_xml(body: bytes) -> Answer:
    root = _root(body)
    if root.tag != "response":
        raise UnreadableAnswer(Unreadable.HTML if root.tag == "html" else Unreadable.NOT_AN_ANSWER)
    head: dict[str, Tree] = {}
    lists: dict[str, Sequence[Item] | None] = {}
    for child in root:
        if child.tag in ITEM_LISTS:
            lists[child.tag] = _members_xml(child)
        elif (value := _plain_xml(child)) is not None:
            head[child.tag] = value
    return Answer(frozenset(child.tag for child in root), head, lists)


def _members_xml(element: etree._Element) -> list[Item] | None:
    """Returns the members of a list; the element itself if it is an entry without an element of its own."""
    if not len(element):
        return None if element.text and element.text.strip() else []
    fields = [member.tag for member in element]
    if "id" not in fields or set(fields) == {"id"}:
        return [XmlItem(member) for member in element]
    return [XmlItem(element)] if fields.count("id") == 1 else None


def _root(body: bytes) -> etree._Element:
    found = root_of(body)
    if b"xmlns" in body:
        _drop_namespaces(found)
    return found


def _drop_namespaces(root: etree._Element) -> None:
    for element in root.iter("{*}*"):
        element.tag = etree.QName(element).localname


class XmlItem:
    """A list member in XML."""

    __slots__ = ("_element",)

    def __init__(self, element: etree._Element) -> None:
        self._element = element

    @property
    def name(self) -> str | None:
        """Returns the element's name."""
        return str(self._element.tag)

    def tree(self) -> Tree | None:
        """Returns the element's plain tree."""
        return _plain_xml(self._element)

    def raw(self) -> bytes:
        """Returns the element as XML."""
        return etree.tostring(self._element, encoding="utf-8", with_tail=False)


def _plain_xml(element: etree._Element, depth: int = DEPTH_MAX) -> Tree | None:
    """Returns the element's text, members or fields; None if it is empty."""
    if len(element):
        return _plain_parent(element, element.tag, depth)
    return (element.text and clean(element.text)) or None


def _plain_parent(element: etree._Element, name: str, depth: int) -> Tree | None:
    """Returns the tree of an element with child elements."""
    if name in _TEXTS:
        return clean("".join(str(text) for text in element.itertext())) or None
    if not depth:
        raise Poison("too_deep")
    if name in MEMBER_OF:
        return _plain_list(element, name, depth - 1)
    return _plain_children(element, depth - 1)


def _plain_list(element: etree._Element, name: str, depth: int) -> Tree | None:
    """Returns the members of a list. A child with the list's own name, from converters, is a member or a list."""
    members: list[Tree] = []
    for child in element:
        again = child.tag == name and len(child)
        if again and any(inner.tag not in {name, MEMBER_OF[name]} for inner in child):
            member = _plain_children(child, depth - 1) if depth else None
        else:
            member = _plain_xml(child, depth)
        if again and isinstance(member, list):
            members += member
        elif member is not None:
            members.append(member)
    return members or None


def _plain_children(element: etree._Element, depth: int) -> Tree | None:
    """Returns the element's children as fields.

    This is the hot loop of a page: most children are texts, many are empty.

    """
    fields: dict[str, Tree] = {}
    for child in element.iterchildren():
        text = child.text
        if len(child):
            value = _plain_parent(child, child.tag, depth)
        elif text:
            value = clean(text)
        else:
            continue
        if value:
            name = child.tag
            if name in fields or name in _REPEATED:
                _add(fields, name, value)
            else:
                fields[name] = value
    return fields or None


def _add(fields: dict[str, Tree], name: str, value: Tree) -> None:
    """Adds a value of an element that is repeated."""
    present = fields.get(name)
    if isinstance(present, list):
        present.append(value)
    else:
        fields[name] = [value] if present is None else [present, value]


# JSON


def _from_json(body: bytes) -> Answer:
    answer = _loads(body)
    if isinstance(answer, dict) and "status" not in answer and isinstance(answer.get("response"), dict):
        answer = answer["response"]
    if not isinstance(answer, dict):
        raise UnreadableAnswer(Unreadable.NOT_AN_ANSWER)
    head: dict[str, Tree] = {}
    lists: dict[str, Sequence[Item] | None] = {}
    for name, value in answer.items():
        if name in ITEM_LISTS:
            lists[name] = _members(value)
        else:
            _keep_head(head, name, value)
    return Answer(frozenset(answer), head, lists)


def _keep_head(head: dict[str, Tree], name: str, value: object) -> None:
    try:
        plain = _plain_json(value)
    except Poison:
        raise UnreadableAnswer(Unreadable.MALFORMED) from None
    if plain is not None:
        head[clean(name)] = plain


def _loads(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return _loads_leniently(body)


def _loads_leniently(body: bytes) -> Any:
    """Parses JSON leniently except for its structure: invalid UTF-8, lone surrogates and raw line ends are accepted."""
    import json  # noqa: PLC0415 - only a broken page needs it

    try:
        return json.loads(body.decode(errors="replace"), strict=False, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        raise UnreadableAnswer(Unreadable.MALFORMED) from None


def _members(value: object, name: str | None = None) -> list[Item] | None:
    """Returns the members of a list, of the only list in an object, or of one entry without a list.

    The last two forms are written by converters from XML. An empty value (null, an empty text or object) is not a
    list: it permits no conclusion, in particular not that the list is empty.
    """
    if isinstance(value, list):
        return [JsonItem(member, name) for member in value]
    if isinstance(value, dict):
        if len(value) == 1:
            ((key, inner),) = value.items()
            if isinstance(inner, list | dict) or key != "id":
                return _members(inner, key)
        return [JsonItem(value)] if "id" in value or (value and name in ENTRIES) else None
    is_id = name in BARE_IDS and isinstance(value, str | int) and not isinstance(value, bool)
    return [JsonItem(value, name)] if is_id else None


class JsonItem:
    """A list member in JSON."""

    __slots__ = ("_name", "_value")

    def __init__(self, value: object, name: str | None = None) -> None:
        self._value, self._name = value, name

    @property
    def name(self) -> str | None:
        """Returns the key of the enclosing object, if there is one."""
        return self._name

    def tree(self) -> Tree | None:
        """Returns the value's plain tree."""
        return _plain_json(self._value)

    def raw(self) -> bytes:
        """Returns the value, serialized as JSON."""
        try:
            return orjson.dumps(self._value)
        except (TypeError, ValueError, RecursionError):
            return b""


def _plain_json(value: object, depth: int = DEPTH_MAX) -> Tree | None:
    """Returns the value without empty parts, with scalars as texts; None if it is empty. The hot loop of a page."""
    if isinstance(value, str):
        return clean(value) or None
    if isinstance(value, dict | list):
        if not depth:
            raise Poison("too_deep")
        return _plain_fields(value, depth) if isinstance(value, dict) else _plain_members(value, depth)
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)


def _plain_fields(value: dict[str, Any], depth: int) -> Tree | None:
    fields: dict[str, Tree] = {}
    for name, member in value.items():
        plain = _plain_json(member, depth - 1)
        if plain is not None:
            fields[name if name.isprintable() else clean(name)] = plain
    return fields or None


def _plain_members(value: list[Any], depth: int) -> Tree | None:
    members = [_plain_json(member, depth - 1) for member in value]
    return [member for member in members if member is not None] or None
