"""RSS 2.0 and Atom: a feed is one document at one address, with only the newest entries.

An entry of FEEDS has its name, address and licence; `options.Options` lists the other options::

    - {name: agency-a, kind: articles, provider: rss, url: "https://agency-a.example/feed.xml", licence: "Agency A"}

Rules:

- Each entry is an article ``rss:<name of the feed>-<hash of its guid or atom:id, else of its link>``. The feed's name
is part of the ids: under another name every entry is another article.
- An entry's version is the time in ``atom:updated`` or ``dcterms:modified``, else of its publication. A change without
a later time is ignored, and an older copy never replaces a newer one. Of an entry without any time the first copy
stays.
- HTML in the title, the summary and the body stays unchanged.
- ``at:deleted-entry`` (RFC 6721) is a revocation of the id in ``ref``. It lasts until a reinstatement, whatever the
feed lists of this id later. An entry that is missing in the document has no meaning.
- An unusable entry is quarantined alone. A document that is not entirely RSS or Atom permits no conclusion.
- A document that has not changed since it was read (304, or the same bytes) is not processed again.
- All feeds of a host, or all with the same ``key``, share a rate limit.
"""

from ingester.gateways.providers.rss.source import feeds

__all__ = ["feeds"]
