"""The output of the demo: live on a terminal, plain lines elsewhere."""

import os
import sys
import textwrap
import time
from collections.abc import Mapping
from typing import Any, TextIO

RED, GREEN, BOLD, DIM, PLAIN = "\033[31m", "\033[32m", "\033[1m", "\033[2m", "\033[0m"
QUIET_LINE_EVERY_S = 5.0
WIDTH = 110
INDENT = " " * 10


class Printer:
    """Prints chapters, lines, and one progress counter.

    On a terminal the counter stays on its line, with colours unless ``NO_COLOR`` is set; elsewhere it is a line
    every few seconds. ``silent`` prints nothing, for tests.
    """

    def __init__(self, out: TextIO | None = None, *, silent: bool = False) -> None:
        self._out = out or sys.stdout
        self._silent = silent
        self._live = self._out.isatty()
        self._colours = self._live and "NO_COLOR" not in os.environ
        self._began = time.monotonic()
        self._counter_at = 0.0
        self._open_line = False

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._began

    def chapter(self, title: str) -> None:
        """Starts a chapter."""
        self._print(f"\n{self._paint(BOLD, title)}")

    def line(self, text: str) -> None:
        """Prints an event."""
        self._print(f"{self.elapsed_s:6.1f} s  {text}")

    def detail(self, text: str) -> None:
        """Prints a detail of the previous line."""
        self._print(f"{INDENT}{self._paint(DIM, text)}")

    def plain(self, text: str = "") -> None:
        """Prints a line of a table."""
        self._print(text)

    def counter(self, text: str, *, at_once: bool = False) -> None:
        """Prints progress; ``at_once``: print it also without a terminal."""
        if self._silent:
            return
        now = time.monotonic()
        if self._live:
            self._out.write(f"\r\033[K{self.elapsed_s:6.1f} s  {text[:WIDTH]}")
            self._out.flush()
            self._open_line = True
        elif at_once or now - self._counter_at >= QUIET_LINE_EVERY_S:
            self._counter_at = now
            self.line(text)

    def check(self, text: str, evidence: str, *, kept: bool) -> None:
        """Prints an entry of the final list: a guarantee, whether it was kept, and its evidence."""
        mark = self._paint(GREEN, "kept  ") if kept else self._paint(RED, "BROKEN")
        self._print(f"  {mark}  {text if kept else self._paint(RED, text)}")
        for line in textwrap.wrap(evidence, WIDTH - len(INDENT)):
            self._print(f"{INDENT}{self._paint(DIM, line)}")

    def bad(self, text: str) -> None:
        """Prints a problem."""
        self._print(self._paint(RED, text))

    def part(self, event: Mapping[str, Any]) -> None:
        """Prints an event of the stack: parts that are ready, and faults."""
        if event["state"] == "waiting":
            return
        if event["state"] in {"ready", "done"}:
            self.counter(f"{event['part']} is {event['state']}", at_once=True)
        elif event["state"] in {"failed", "died"}:
            self.line(f"{event['part']} {event['state']} {event['detail']}")

    def _paint(self, colour: str, text: str) -> str:
        return f"{colour}{text}{PLAIN}" if self._colours else text

    def _print(self, text: str) -> None:
        if self._silent:
            return
        if self._open_line:
            self._out.write("\r\033[K")
            self._open_line = False
        self._out.write(f"{text}\n")
        self._out.flush()
