"""Articles of the partner and of the upstream system, each with tokens by which its text can be found."""

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
"""The form of a token, which occurs in no other text; the simulator's articles have tokens of the same form."""
HEX_TOKEN = re.compile(rb"636e72792d((?:3[0-9]|6[1-6]){12})")
"""The same as printed by PostgreSQL inside a bytea."""


@dataclass(frozen=True, slots=True)
class Written:
    """An article that was not written by the simulator."""

    article_id: str
    body: dict[str, Any]
    tokens: frozenset[str]


def token(seed: int, article_id: str, place: str) -> str:
    """Returns the token of one place in one article."""
    return f"cnry-{blake2b(f'story:{seed}:{article_id}:{place}'.encode(), digest_size=6).hexdigest()}"


def write(seed: int, article_id: str) -> Written:
    """Returns an article of about 4 KB; the same seed and id give the same text."""
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
    """Returns articles of a provider, numbered from ``first``."""
    return [write(seed, f"{provider}:{seed}-{number}") for number in range(first, first + count)]


def tokens_in(raw: bytes) -> set[str]:
    """Returns every token in some bytes, plain or as printed by PostgreSQL for a bytea."""
    plain = {found.decode() for found in TOKEN.findall(raw)}
    return plain | {"cnry-" + bytes.fromhex(found.decode()).decode() for found in HEX_TOKEN.findall(raw)}
