"""Documents say what is there: links lead somewhere, every alert has a runbook, every topic and service is named."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from clawback_common import alerts, retention
from clawback_common.messaging import answers, unconfirmed
from clawback_contracts.topics import load_topics
from clawback_local.config import DATABASES

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not {".venv", ".run", ".cache", "node_modules", ".hypothesis"} & set(path.relative_to(ROOT).parts)
)
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")
ALERT = re.compile(r"[A-Z][a-z0-9]+(?:[A-Z][a-z0-9]+)+")


@cache
def _alerts(service: str = "*") -> set[str]:
    """CamelCase names that stand quoted in a service's code: these are alerts, but for a word of GeoJSON."""
    sources = [path.read_text() for path in ROOT.glob(f"services/{service}/src/**/*.py")]
    sources += [path.read_text() for path in Path(alerts.__path__[0]).glob("*.py")]
    if any(f"from {retention.__name__}" in source for source in sources):
        sources += [path.read_text() for path in Path(retention.__path__[0]).glob("*.py")]
    if any("unconfirmed.confirm" in source for source in sources):
        sources += [Path(str(one.__file__)).read_text() for one in (answers, unconfirmed)]
    words = {word for source in sources for word in _quoted(ast.parse(source)) if ALERT.fullmatch(word)}
    return words - {"FeatureCollection"}


def _quoted(tree: ast.AST) -> Iterator[str]:
    """Every string of a module but those that stand for a type, or for what the module offers."""
    names = {
        id(part)
        for node in ast.walk(tree)
        for place in (getattr(node, "annotation", None), getattr(node, "returns", None), _offered(node))
        if isinstance(place, ast.AST)
        for part in ast.walk(place)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in names:
            yield node.value


def _offered(node: ast.AST) -> ast.AST | None:
    """The value of `__all__`."""
    is_all = isinstance(node, ast.Assign) and any(getattr(one, "id", "") == "__all__" for one in node.targets)
    return node.value if isinstance(node, ast.Assign) and is_all else None


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    missing = [link for link in LINK.findall(document.read_text()) if not (document.parent / link).exists()]
    assert missing == []


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    assert len(_alerts()) > 10
    assert {path.stem for path in ROOT.glob("docs/runbooks/*.md")} == _alerts()


def test_every_alert_that_the_changelog_names_is_raised() -> None:
    named = set(re.findall(r"[Aa]lerts? `([A-Z][A-Za-z]+)`", (ROOT / "CHANGELOG.md").read_text()))
    assert len(named) > 5
    assert sorted(named - _alerts()) == []


@pytest.mark.parametrize("service", DATABASES)
def test_the_readme_of_a_service_leads_to_the_runbook_of_each_of_its_alerts(service: str) -> None:
    readme = (ROOT / "services" / service / "README.md").read_text()
    assert _alerts(service)
    assert [name for name in sorted(_alerts(service)) if f"runbooks/{name}.md)" not in readme] == []


def test_the_readme_names_every_topic() -> None:
    readme = (ROOT / "README.md").read_text()
    assert [name for name in load_topics() if name not in readme] == []


def test_the_readme_names_every_service() -> None:
    readme = (ROOT / "README.md").read_text()
    assert [service for service in DATABASES if f"(services/{service}/README.md)" not in readme] == []
