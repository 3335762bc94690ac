"""Articles of the partner and of the upstream system, each with tokens by which its text is found again."""

import random
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

WORDS = tuple(
    word
    for line in (
        "harbour council winter glass bridge market orchard signal river paper engine meadow lantern copper",
        "election theatre railway garden vessel archive weather museum tunnel forest letter kitchen bicycle",
    )
    for word in line.split()
)
BODY_WORDS = 500
TOKEN = re.compile(rb"cnry-[0-9a-f]{12}")
"""What stands in a text and nowhere else; the simulator's articles carry tokens of the same shape."""
HEX_TOKEN = re.compile(rb"636e72792d((?:3[0-9]|6[1-6]){12})")
"""The same as PostgreSQL prints it inside a bytea."""


@dataclass(frozen=True, slots=True)
class Written:
    """An article that somebody other than the simulator wrote."""

    article_id: str
    body: dict[str, Any]
    tokens: frozenset[str]


def token(seed: int, article_id: str, place: str) -> str:
    """The token of one place in one article."""
    return f"cnry-{blake2b(f'story:{seed}:{article_id}:{place}'.encode(), digest_size=6).hexdigest()}"


def write(seed: int, article_id: str) -> Written:
    """An article of about 4 KB; the same seed and id give the same text."""
    chance = random.Random(f"{seed}:{article_id}")  # noqa: S311 - variety, not secrecy
    title, body, author = (token(seed, article_id, place) for place in ("title", "body", "author"))
    published_at = datetime.now(UTC) - timedelta(minutes=chance.randint(5, 60 * 24 * 20))
    return Written(
        article_id,
        {
            "article_id": article_id,
            "published_at": published_at.isoformat(),
            "title": f"The {chance.choice(WORDS)} and the {chance.choice(WORDS)} {title}",
            "body": f"{' '.join(chance.choices(WORDS, k=BODY_WORDS))} {body}",
            "authors": [f"A. Writer {author}"],
            "language": "en",
            "source": {"key": "story-wire", "name": "Story Wire"},
            "licences": [{"name": "standard"}],
            "source_order": 1,
        },
        frozenset((title, body, author)),
    )


def write_all(seed: int, provider: str, count: int, first: int = 1) -> list[Written]:
    """So many articles of a provider, numbered from ``first``."""
    return [write(seed, f"{provider}:{seed}-{number}") for number in range(first, first + count)]


def tokens_in(raw: bytes) -> set[str]:
    """Every token in some bytes, plain or as PostgreSQL prints a bytea."""
    plain = {found.decode() for found in TOKEN.findall(raw)}
    return plain | {"cnry-" + bytes.fromhex(found.decode()).decode() for found in HEX_TOKEN.findall(raw)}
