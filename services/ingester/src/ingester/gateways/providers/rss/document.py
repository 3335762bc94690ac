"""Documents of RSS 2.0 and Atom: checks the document as a whole and splits it into entries, unvalidated."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lxml import etree

from ingester.gateways.providers.answers import Unreadable, UnreadableAnswer
from ingester.gateways.providers.xml_document import XML_TYPES, accept, as_utf8, media_type, root_of

ENTRIES_MAX: Final = 5_000
"""A feed lists its newest entries, a few hundred at most; a longer list is refused."""
ATOM: Final = "http://www.w3.org/2005/Atom"
XML_LANG: Final = "{http://www.w3.org/XML/1998/namespace}lang"
PREFIXES: Final = {
    "http://backend.userland.com/rss2": "",
    "http://purl.org/rss/1.0/modules/content/": "content:",
    "http://purl.org/dc/elements/1.1/": "dc:",
    "http://purl.org/dc/terms/": "dcterms:",
    ATOM: "atom:",
}
"""Prefixes for the namespaces of elements; RSS has none, or the one that some programs write for it."""
DELETED: Final = "deleted-entry"
_ENTRIES: Final = frozenset({"item", "atom:entry", DELETED})


@dataclass(frozen=True, slots=True)
class Document:
    """The entries and deleted entries, in order; an entry without a language has the document's."""

    entries: tuple[etree._Element, ...]


def read(body: bytes, content_type: str | None) -> Document:
    """Parses the document in a response.

    Args:
        body: The decompressed body.
        content_type: The header; None if it is missing, which is accepted.

    Raises:
        UnreadableAnswer: The body is not such a document, or is not trustworthy.
    """
    media, charset = media_type(content_type)
    if not body.strip():
        raise UnreadableAnswer(Unreadable.EMPTY)
    if "html" in media:
        raise UnreadableAnswer(Unreadable.HTML)
    accept(media, XML_TYPES, "+xml")
    root = root_of(as_utf8(body, charset))
    top = _top(root)
    entries = tuple(child for child in top if name_of(child) in _ENTRIES)
    if len(entries) > ENTRIES_MAX:
        raise UnreadableAnswer(Unreadable.TOO_MANY)
    language = next(_languages(root, top), None)
    if language is not None:
        for entry in entries:
            if entry.get(XML_LANG) is None:
                entry.set(XML_LANG, language)
    return Document(entries)


def entry_of(raw: bytes) -> etree._Element:
    """Parses a single entry from quarantine.

    Raises:
        UnreadableAnswer: It is not XML.
    """
    return root_of(raw)


def name_of(element: etree._Element) -> str:
    """Returns the element's name, such as ``pubDate`` or ``atom:updated``.

    All unknown namespaces share one prefix. A deleted entry is recognized in any namespace: missing a revocation
    because of a wrong namespace would be worse than checking an element that is none.
    """
    name = etree.QName(element)
    if name.localname == DELETED:
        return DELETED
    if name.namespace is None:
        return name.localname
    prefix = PREFIXES.get(name.namespace)
    return "?" if prefix is None else f"{prefix}{name.localname}"


def _top(root: etree._Element) -> etree._Element:
    """Returns the element whose children are the entries."""
    kind = name_of(root)
    if kind == "atom:feed":
        return root
    channel = next((child for child in root if name_of(child) == "channel"), None) if kind == "rss" else None
    if channel is None:
        raise UnreadableAnswer(Unreadable.HTML if kind == "html" else Unreadable.NOT_AN_ANSWER)
    return channel


def _languages(root: etree._Element, top: etree._Element) -> Iterator[str]:
    """Returns the languages that the document states, the most specific first."""
    for child in top:
        if name_of(child) in {"language", "dc:language"} and child.text and child.text.strip():
            yield child.text.strip()
    for element in (top, root):
        if element.get(XML_LANG):
            yield str(element.get(XML_LANG))
