"""httpx logs the address of every request, and the provider's key stands in its query string."""

import logging

import httpx
from typing_extensions import override


class NoQuery(logging.Filter):
    """Takes the query string out of every address in a line of the log."""

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                str(arg.copy_with(query=None)) if isinstance(arg, httpx.URL) else arg for arg in record.args
            )
        return True


def hide_queries() -> None:
    """From now on httpx logs no query string, whatever level and handlers someone sets later."""
    log = logging.getLogger("httpx")
    if not any(isinstance(each, NoQuery) for each in log.filters):
        log.addFilter(NoQuery())
