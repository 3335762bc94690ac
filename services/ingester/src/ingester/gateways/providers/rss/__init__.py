"""RSS 2.0 and Atom: a feed is one document at one address, and holds the newest entries alone.

An entry of FEEDS names it, its address and its licence; `options.Options` lists what else it may say::

    - {name: agency-a, kind: articles, provider: rss, url: "https://agency-a.example/feed.xml", licence: "Agency A"}

What becomes of it:

- Each entry is an article ``rss:<name of the feed>-<hash of its guid or atom:id, else of its link>``. So the name of a
  feed is part of its ids: under another name every entry is another article.
- An entry's version is the time of its ``atom:updated`` or ``dcterms:modified``, else of its publication: a change
  without a later time is not taken, and an older copy never replaces a newer one. Of an entry without any time the
  first copy stays.
- HTML stays HTML, as the feed gives it, in the title, the summary and the body.
- ``at:deleted-entry`` (RFC 6721) is a revocation of the id in ``ref``. It lasts until it is lifted, whatever the feed
  lists of this id later. An entry that is not in the document any more says nothing.
- An entry that cannot be used is set aside alone. A document that is not RSS or Atom throughout says nothing at all.
- A document that has not changed since it was read (304, or the same bytes) costs nothing.
- All feeds of a host share a pace, or all that name the same ``key``.
"""

from ingester.gateways.providers.rss.source import feeds

__all__ = ["feeds"]
