"""The queries of PostgreSQL's full-text index, built from nodes of the query language."""

import hashlib
from typing import assert_never

from ingester.domain.query import And, Node, Not, Or, Part, Range, Term, Words

_WEIGHTS = {Part.TITLE: "A", Part.SUMMARY: "B", Part.AUTHOR: "C", Part.CONTENT: "D"}
"""The weights that ``search_vector`` assigns to the words of each part."""
_WITHOUT_QUOTES = str.maketrans("'\\\0", "   ")


def tsquery(node: Node) -> str:
    """Returns the argument of ``to_tsquery``.

    Words are quoted, so that PostgreSQL splits them as it does those of a document. A term is its hash, which is one
    word; ``search_vector`` has the same.
    """
    match node:
        case Words(text, part):
            return f"'{text.translate(_WITHOUT_QUOTES)}'" + (f":{_WEIGHTS[part]}" if part else "")
        case Term(term):
            return f"'x{hashlib.md5(term.encode(), usedforsecurity=False).hexdigest()}'"
        case Not(inner):
            return f"!({tsquery(inner)})"
        case And(nodes):
            return f"({' & '.join(map(tsquery, nodes))})"
        case Or(nodes):
            return f"({' | '.join(map(tsquery, nodes))})"
        case Range():
            raise ValueError("a range is a limit of the selection, not part of the index")
        case _:
            assert_never(node)
