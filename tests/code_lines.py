"""``python tests/code_lines.py``: how much code there is, and how long its functions are.

Counts the lines that hold code: not blank ones, comments and docstrings. Of a function, its own lines are counted, with
those of functions inside it.
"""

import ast
import io
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
AREAS = {
    "product": ("contracts/src", "libs/common/src", "services/*/src"),
    "tools": (
        "contracts/generator",
        "libs/testing/src",
        "deploy/local/src",
        "tests/simulator/src",
        "tests/story/src",
        "bench",
    ),
}
SHORT_LINES = 25
NO_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}
Scope = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


class Function(NamedTuple):
    """A function, and how many lines of code it has."""

    lines: int
    name: str


def code_lines(source: str, tree: ast.Module) -> set[int]:
    """The numbers of the lines that hold code."""
    found: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in NO_CODE:
            found.update(range(token.start[0], token.end[0] + 1))
    for text in _docstrings(tree):
        found.difference_update(range(text.lineno, (text.end_lineno or text.lineno) + 1))
    return found


def _docstrings(tree: ast.Module) -> Iterator[ast.Expr]:
    """Texts that stand alone: docstrings, and those of attributes."""
    for scope in ast.walk(tree):
        if isinstance(scope, Scope):
            for statement in scope.body:
                if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                    yield statement


def functions(path: Path, tree: ast.Module, lines: set[int]) -> Iterator[Function]:
    """Every function of a file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            own = lines.intersection(range(node.lineno, (node.end_lineno or node.lineno) + 1))
            yield Function(len(own), f"{path.relative_to(ROOT)}:{node.lineno} {node.name}")


def main() -> int:
    """Prints a line an area, and the longest functions."""
    every: list[Function] = []
    for area, patterns in AREAS.items():
        total, found = 0, list[Function]()
        for path in sorted(
            one for pattern in patterns for top in ROOT.glob(pattern) for one in top.rglob("*.py")
        ):
            source = path.read_text(encoding="utf-8")
            tree = ast.parse(source)
            lines = code_lines(source, tree)
            total += len(lines)
            found += functions(path, tree, lines)
        short = sum(one.lines < SHORT_LINES for one in found) / len(found)
        sys.stdout.write(
            f"{area:<9}{total:>7,} lines of code, {len(found):>6,} functions, {short:.1%} below {SHORT_LINES} lines\n"
        )
        every += found
    for one in sorted(every, reverse=True)[:10]:
        sys.stdout.write(f"{one.lines:>5}  {one.name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
