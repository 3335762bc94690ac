"""Every alert has its runbook, and the README names it."""

import ast
from pathlib import Path

from clawback_common.watching import condition as common
from compliance.domain import condition

HERE = Path(__file__).parents[2]
RUNBOOKS = HERE.parents[1] / "docs" / "runbooks"


def _alerts() -> set[str]:
    """The first argument of each Condition that is made, here or in our name."""
    trees = [ast.parse(Path(one.__file__).read_text(encoding="utf-8")) for one in (condition, common)]
    return {
        str(call.args[0].value)
        for tree in trees
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == "Condition"
        and isinstance(call.args[0], ast.Constant)
    }


def test_every_alert_has_a_runbook_of_its_name() -> None:
    alerts = _alerts()
    assert len(alerts) == 10
    assert {name for name in alerts if not (RUNBOOKS / f"{name}.md").is_file()} == set()


def test_the_readme_names_every_alert() -> None:
    text = (HERE / "README.md").read_text(encoding="utf-8")
    assert {name for name in _alerts() if f"[{name}]" not in text} == set()
