"""httpx logs the address of every request, and what is secret in it: a user's password, a key in the query string."""

import logging

import httpx
from typing_extensions import override


class NoSecrets(logging.Filter):
    """Takes the user and the query string out of every address in a line of the log."""

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                without_secrets(arg) if isinstance(arg, httpx.URL) else arg for arg in record.args
            )
        return True


def without_secrets(address: httpx.URL) -> str:
    """The address without user, password, query string and fragment."""
    return str(address.copy_with(username=None, password=None, query=None, fragment=None))


def hide_addresses() -> None:
    """From now on httpx logs nothing secret of an address, whatever level and handlers someone sets later."""
    log = logging.getLogger("httpx")
    if not any(isinstance(each, NoSecrets) for each in log.filters):
        log.addFilter(NoSecrets())
