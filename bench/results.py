"""The figures, their targets, the table, and ``.run/bench.json``."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Result:
    """One figure. ``limit`` is the hand-written equivalent, ``ratio`` is compared with the target if there is one."""

    name: str
    value: float
    unit: str
    limit: float | None = None
    ratio: float | None = None
    target: str = ""
    met: bool | None = None
    """None: reported only."""

    def as_json(self) -> dict[str, str | float | None]:
        """Returns the format of ``bench.json``."""
        return {
            "name": self.name,
            "value": round(self.value, 4),
            "unit": self.unit,
            "limit": None if self.limit is None else round(self.limit, 4),
            "ratio": None if self.ratio is None else round(self.ratio, 3),
        }


def of_pairs(
    name: str,
    unit: str,
    pairs: Sequence[tuple[float, float]],
    *,
    least: float | None = None,
    most: float | None = None,
) -> Result:
    """Returns the medians of (ours, other), and the median of their ratios."""
    ratio = statistics.median(ours / other for ours, other in pairs)
    met = (least is None or ratio >= least) and (most is None or ratio <= most)
    target = f"≥ {least}" if least is not None else f"≤ {most}" if most is not None else ""
    return Result(
        name,
        statistics.median(ours for ours, _ in pairs),
        unit,
        statistics.median(other for _, other in pairs),
        ratio,
        target,
        met if target else None,
    )


def at_most(name: str, value: float, unit: str, most: float) -> Result:
    """Returns a figure with an upper bound."""
    return Result(name, value, unit, target=f"≤ {most:g} {unit}", met=value <= most)


def write(results: Sequence[Result], file: Path) -> None:
    """Writes the list of ``{name, value, unit, limit, ratio}``."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps([result.as_json() for result in results], indent=1) + "\n")


def table(results: Sequence[Result]) -> str:
    """Returns the table to print."""
    lines = [f"{'':24}{'value':>12} {'unit':12}{'by hand':>12}{'ratio':>8}  target"]
    for one in results:
        limit = "" if one.limit is None else f"{one.limit:,.4g}"
        ratio = "" if one.ratio is None else f"{one.ratio:.2f}"
        verdict = {True: "✓", False: "✗ NOT MET", None: ""}[one.met]
        lines.append(
            f"{one.name:24}{one.value:>12,.4g} {one.unit:12}{limit:>12}{ratio:>8}  {one.target} {verdict}".rstrip()
        )
    return "\n".join(lines)
