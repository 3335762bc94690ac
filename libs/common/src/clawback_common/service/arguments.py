"""Command-line arguments that several services use. Imports only what every role needs."""

import argparse
from datetime import UTC, datetime

WORDS_MAX = 500
MINUTES_MAX = 24 * 60
SECONDS_MAX = 3_600


def floor_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command ``floor``."""
    parser.add_argument("--lower-to", type=_instant, metavar="INSTANT", help="such as 2024-03-01T00:00:00Z")
    parser.add_argument("--by", type=words, metavar="NAME", help="who lowers it")
    parser.add_argument("--reason", type=words, metavar="TEXT", help="why; recorded with the change")


def _instant(written: str) -> datetime:
    found = datetime.fromisoformat(written)
    if found.tzinfo is None:
        raise argparse.ArgumentTypeError("an instant needs an offset, such as Z")
    return found.astimezone(UTC)


def words(written: str) -> str:
    """Return a name or a reason, checked and stripped."""
    if not 0 < len(written.strip()) <= WORDS_MAX or "\0" in written:
        raise argparse.ArgumentTypeError(f"1 to {WORDS_MAX} characters")
    return written.strip()


def minutes(written: str) -> float:
    """Return minutes, up to a day."""
    return _up_to(MINUTES_MAX, written)


def seconds(written: str) -> float:
    """Return seconds, up to an hour."""
    return _up_to(SECONDS_MAX, written)


def _up_to(limit: int, written: str) -> float:
    found = float(written)
    if not 0 <= found <= limit:
        raise argparse.ArgumentTypeError(f"between 0 and {limit}")
    return found
