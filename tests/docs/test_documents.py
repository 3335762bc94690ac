"""Documents say what is there: links lead somewhere, every alert has a runbook, every topic and setting is named."""

import re
from pathlib import Path

import pytest

from clawback_contracts.topics import load_topics
from compliance.settings import Settings as ComplianceSettings
from ingester.settings import Settings as IngesterSettings

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not {".venv", ".run", ".cache", "node_modules", ".hypothesis"} & set(path.relative_to(ROOT).parts)
)
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")
ALERT = re.compile(r'"([A-Z][a-z0-9]+(?:[A-Z][a-z0-9]+)+)"')


def _alerts() -> set[str]:
    """CamelCase names that stand quoted where alerts are made."""
    sources = [
        *ROOT.glob("services/ingester/src/ingester/flow.py"),
        *ROOT.glob("services/ingester/src/ingester/app.py"),
        *ROOT.glob("services/ingester/src/ingester/inlet/feeds/poll.py"),
        *ROOT.glob("services/compliance/src/compliance/domain/condition.py"),
    ]
    return {name for source in sources for name in ALERT.findall(source.read_text())}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    missing = [link for link in LINK.findall(document.read_text()) if not (document.parent / link).exists()]
    assert missing == []


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    assert len(_alerts()) > 10
    assert {path.stem for path in ROOT.glob("docs/runbooks/*.md")} == _alerts()


def test_the_readme_names_every_topic() -> None:
    readme = (ROOT / "README.md").read_text()
    assert [name for name in load_topics() if name not in readme] == []


def test_every_setting_of_a_service_is_documented() -> None:
    told = "".join(document.read_text() for document in DOCUMENTS)
    families = ("KAFKA_SASL_",)
    names = {
        name.upper()
        for settings in (IngesterSettings, ComplianceSettings)
        for name in settings.model_fields
        if name not in {"api_port", "probe_port"}
    }
    assert sorted(name for name in names if name not in told and not name.startswith(families)) == []
