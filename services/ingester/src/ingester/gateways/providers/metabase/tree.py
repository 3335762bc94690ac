"""An answer's bytes, XML or JSON, as the same plain trees: dicts, lists and texts, with nothing empty in them."""

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
"""Deeper than any article seen (8), far below what the interpreter's stack bears."""

ITEM_LISTS: Final = frozenset({"articles", "revokedArticles", "ids", "rateLimits"})
"""The lists that an answer is about."""

BARE_IDS: Final = frozenset({"id", "article", "articleId", "revokedArticle", "revokedArticleId"})
"""What a member may be called that is an id alone. Whatever else is only a text is not one."""

ENTRIES: Final = BARE_IDS | {"rateLimit"}
"""What an entry may be called that a converter has written without a list around it."""

MEMBER_OF: Final = {
    "autoTopics": "topic", "companies": "company", "domains": "domain", "editorialTopics": "topic",
    "entities": "entity", "events": "event", "indexTerms": "indexTerm", "licenses": "license",
    "linkedArticles": "linkedArticle", "locations": "location", "matchingFilters": "matchingFilter",
    "matchingKeywords": "matchingKeyword", "outboundUrls": "outboundUrl", "properties": "property",
    "tags": "tag", "topics": "topic",
}  # fmt: skip
"""Elements whose children are the members of a list, and what a member is called; JSON has no element for it."""

_REPEATED: Final = frozenset({"audio", "image", "video"})
"""Elements that stand once a member, without an element around them."""

_TEXTS: Final = frozenset({"content", "contentWithMarkup", "extract", "subTitle", "title"})
"""Elements that are text even if unescaped markup stands in them."""

_JSON_TYPES: Final = ("application/json", "text/json")

Tree = str | list["Tree"] | dict[str, "Tree"]
"""What is left of XML and JSON alike: texts, lists and objects, never empty."""


class Item(Protocol):
    """One member of the list that an answer is about."""

    @property
    def name(self) -> str | None:
        """What it is called in its list; None where members have no name."""
        ...

    def tree(self) -> Tree | None:
        """Its plain tree; None when nothing is in it.

        Raises:
            Poison: it is nested too deep.
        """
        ...

    def raw(self) -> bytes:
        """It as it came, for quarantine."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """An envelope.

    Attributes:
        names: of everything in it, empty or not.
        head: its small fields, without the empty ones.
        lists: what it is about; one that is there but is no list is None.
    """

    names: frozenset[str]
    head: dict[str, Tree]
    lists: dict[str, Sequence[Item] | None]


def read(body: bytes, content_type: str | None) -> Answer:
    """The envelope in an answer's body, in whichever of the two formats it is written.

    Args:
        body: decompressed.
        content_type: the header; None when it was missing, which is forgiven.

    Raises:
        UnreadableAnswer: it is no envelope, or one that cannot be trusted.
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
    """The members of a list; the list itself where it is one entry, written without an element of its own."""
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
    """An element of the list."""

    __slots__ = ("_element",)

    def __init__(self, element: etree._Element) -> None:
        self._element = element

    @property
    def name(self) -> str | None:
        """The element's."""
        return str(self._element.tag)

    def tree(self) -> Tree | None:
        """The element's plain tree."""
        return _plain_xml(self._element)

    def raw(self) -> bytes:
        """The element as XML."""
        return etree.tostring(self._element, encoding="utf-8", with_tail=False)


def _plain_xml(element: etree._Element, depth: int = DEPTH_MAX) -> Tree | None:
    """The element's text, members or fields; None when there are none."""
    if len(element):
        return _plain_parent(element, element.tag, depth)
    return (element.text and clean(element.text)) or None


def _plain_parent(element: etree._Element, name: str, depth: int) -> Tree | None:
    """An element with elements in it."""
    if name in _TEXTS:
        return clean("".join(str(text) for text in element.itertext())) or None
    if not depth:
        raise Poison("too_deep")
    if name in MEMBER_OF:
        return _plain_list(element, name, depth - 1)
    return _plain_children(element, depth - 1)


def _plain_list(element: etree._Element, name: str, depth: int) -> Tree | None:
    """The members of a list. A child under the list's own name, as converters write it, is a member or a list again."""
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
    """The element's children as fields. The hot loop of a page: most children are texts, many are empty."""
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
    """One more of an element that repeats."""
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
    """JSON that is strict only in its structure: bytes that are no UTF-8, lone surrogates and raw line ends pass."""
    import json  # noqa: PLC0415 - only a broken page needs it

    try:
        return json.loads(body.decode(errors="replace"), strict=False, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        raise UnreadableAnswer(Unreadable.MALFORMED) from None


def _members(value: object, name: str | None = None) -> list[Item] | None:
    """A list, or the one list inside an object, as a converter from XML writes it; or one entry without a list context.

    Nothing at all (null, an empty text or object) is no list: it says nothing, least of all that there is nothing.
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
    """A value of the list."""

    __slots__ = ("_name", "_value")

    def __init__(self, value: object, name: str | None = None) -> None:
        self._value, self._name = value, name

    @property
    def name(self) -> str | None:
        """The key around it, where there is one."""
        return self._name

    def tree(self) -> Tree | None:
        """The value's plain tree."""
        return _plain_json(self._value)

    def raw(self) -> bytes:
        """The value as JSON, written again."""
        try:
            return orjson.dumps(self._value)
        except (TypeError, ValueError, RecursionError):
            return b""


def _plain_json(value: object, depth: int = DEPTH_MAX) -> Tree | None:
    """The value without what is empty, every scalar as text; None when nothing is left. The hot loop of a page."""
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
