"""The output on a terminal and elsewhere, and how texts are found again."""

import io

import pytest
from typing_extensions import override

from clawback_story import texts
from clawback_story.output import Printer
from clawback_story.scanning import Search


class Terminal(io.StringIO):
    """A terminal that stores its output."""

    @override
    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return True


def test_without_a_terminal_there_are_plain_lines_and_no_colours() -> None:
    out = io.StringIO()
    printer = Printer(out)
    printer.chapter("A chapter")
    printer.counter("1 of 2")
    printer.check("a promise", "its evidence", kept=False)
    assert "\033" not in out.getvalue()
    assert "\r" not in out.getvalue()
    assert out.getvalue().splitlines()[-2:] == ["  BROKEN  a promise", "          its evidence"]


def test_on_a_terminal_a_broken_promise_is_red(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = Terminal()
    Printer(out).check("a promise", "its evidence", kept=False)
    assert "\033[31ma promise" in out.getvalue()


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    out = Terminal()
    Printer(out).check("a promise", "its evidence", kept=False)
    assert "\033[31m" not in out.getvalue()


def test_a_counter_leaves_its_line_before_the_next_one() -> None:
    out = Terminal()
    printer = Printer(out)
    printer.counter("1 of 2")
    printer.line("done")
    assert out.getvalue().endswith("done\n")
    assert "\r\033[K" in out.getvalue()


def test_the_same_seed_writes_the_same_text_and_another_seed_another() -> None:
    one, again, other = (texts.write(seed, "partner:1") for seed in (1, 1, 2))
    assert one.tokens == again.tokens
    assert one.body["body"] == again.body["body"]
    assert not one.tokens & other.tokens


def test_tokens_are_found_in_text_and_in_what_postgresql_prints_of_bytes() -> None:
    written = texts.write(1, "partner:1")
    raw = str(written.body).encode()
    assert texts.tokens_in(raw) == written.tokens
    assert texts.tokens_in(b"\\x" + raw.hex().encode()) == written.tokens


async def test_a_token_that_two_chunks_share_is_found() -> None:
    search = Search()
    for piece in (b"some text cnry-0000", b"0000abcd and more"):
        await search.take(piece)
    assert search.tokens == {"cnry-00000000abcd"}
