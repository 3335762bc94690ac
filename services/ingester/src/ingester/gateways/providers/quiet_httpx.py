"""Removes secrets from httpx's log: it logs every address, with a user's password or a key in the query string."""

import logging

import httpx
from typing_extensions import override


class NoSecrets(logging.Filter):
    """Removes the user and the query string from every address in a log line."""

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                without_secrets(arg) if isinstance(arg, httpx.URL) else arg for arg in record.args
            )
        return True


def without_secrets(address: httpx.URL) -> str:
    """Returns the address without user, password, query string and fragment."""
    return str(address.copy_with(username=None, password=None, query=None, fragment=None))


def hide_addresses() -> None:
    """Makes httpx log addresses without secrets, whatever levels and handlers are set later."""
    log = logging.getLogger("httpx")
    if not any(isinstance(each, NoSecrets) for each in log.filters):
        log.addFilter(NoSecrets())
