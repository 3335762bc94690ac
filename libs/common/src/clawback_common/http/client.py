"""What every client of a sibling service needs."""

from pathlib import Path

from clawback_common.errors import Transient


def bearer(key_file: Path | None) -> dict[str, str]:
    """The header that shows the key in this file; it is read at each call, so a new key needs no restart.

    Raises:
        Transient: the file cannot be read now, for instance while it is being replaced.
    """
    if key_file is None:
        return {}
    try:
        return {"Authorization": f"Bearer {key_file.read_text(encoding='utf-8').strip()}"}
    except (OSError, UnicodeDecodeError):
        raise Transient(f"the key file {key_file} cannot be read") from None
