"""The scenario's files equal the packaged ones, except for the documented differences."""

from pathlib import Path

from clawback_story.world import POLICIES, ROUTES

ROOT = Path(__file__).resolve().parents[3]
PACKAGED_POLICIES = ROOT / "services/retention/src/retention/policies.yaml"
PACKAGED_ROUTES = ROOT / "services/alerting/src/alerting/routes.example.yaml"


def _differing(ours: Path, packaged: Path) -> list[tuple[str, str]]:
    """Returns the lines that differ; ours begins with an additional line."""
    lines = ours.read_text().splitlines()[1:]
    pairs = zip(lines, packaged.read_text().splitlines(), strict=True)
    return [(mine.strip(), theirs.strip()) for mine, theirs in pairs if mine != theirs]


def test_the_policies_differ_in_the_age_of_articles_alone() -> None:
    assert _differing(POLICIES, PACKAGED_POLICIES) == [("age: 1 year", "age: 2 years")]


def test_the_routes_differ_in_how_long_groups_wait_alone() -> None:
    assert _differing(ROUTES, PACKAGED_ROUTES) == [
        ("group_wait: 1s", "group_wait: 30s"),
        ("group_interval: 1s", "group_interval: 5m"),
    ]
