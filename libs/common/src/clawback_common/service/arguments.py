"""Arguments that commands of several services take."""

from argparse import ArgumentTypeError

MINUTES_MAX = 24 * 60


def minutes(written: str) -> float:
    """Up to a day.

    Raises:
        ArgumentTypeError: it is longer, or negative.
    """
    found = float(written)
    if not 0 <= found <= MINUTES_MAX:
        raise ArgumentTypeError(f"between 0 and {MINUTES_MAX}")
    return found
