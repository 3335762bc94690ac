"""Every alert has its runbook, and the README names it."""

import ast
from pathlib import Path

from analytics import flow

HERE = Path(__file__).parents[2]
RUNBOOKS = HERE.parents[1] / "docs" / "runbooks"


def _alerts() -> set[str]:
    """The first argument of each alert that the flow raises."""
    tree = ast.parse(Path(flow.__file__).read_text(encoding="utf-8"))
    return {
        str(call.args[0].value)
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr == "alert"
        and isinstance(call.args[0], ast.Constant)
    }


def test_every_alert_has_a_runbook_of_its_name_and_stands_in_the_readme() -> None:
    alerts = _alerts()
    assert alerts == {"UnreadableOrder", "OutboxRowSetAside"}
    text = (HERE / "README.md").read_text(encoding="utf-8")
    for name in alerts:
        assert (RUNBOOKS / f"{name}.md").is_file()
        assert f"[{name}]" in text
