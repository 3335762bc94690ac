"""The console output of a sweep."""

from collections.abc import Iterator, Sequence

from clawback_common.postgres.pool import Row
from retention.domain.sweep import Sweep

COLUMNS = ("found", "removed", "archived", "held", "kept")


def request_line(sweep: Sweep, holds: int) -> str:
    """Formats a request: owners, action, and holds in force."""
    limit = f" records dated before {sweep.before:%Y-%m-%d %H:%M} UTC" if sweep.before else ""
    in_force = f", {holds} hold{'s' if holds != 1 else ''} in force" if holds else ""
    dry = " (dry run)" if sweep.dry_run else ""
    return (
        f"{sweep.data_class}: requested from {', '.join(sweep.owners)}: {sweep.action.value}{limit}{in_force}{dry} "
        f"[{sweep.sweep_id}]"
    )


def answer_line(sweep: Sweep, answer: Row) -> str:
    """Formats an owner's answer."""
    if answer["outcome"] == "failed":
        return f"{sweep.data_class}: {answer['owner']} FAILED: {answer['error']}"
    removed = "would be removed" if sweep.dry_run else "removed"
    archived = f", {answer['archived']} archived" if answer["archived"] else ""
    held = f", {answer['held']} held" if answer["held"] else ""
    counts = f"found {answer['found']}, {answer['removed']} {removed}{archived}{held}"
    return f"{sweep.data_class}: {answer['owner']} {counts}"


def table(sweeps: Sequence[Sweep], answers: Sequence[Row]) -> Iterator[str]:
    """Formats one line per class and owner, also for owners that have not answered."""
    if any(sweep.dry_run for sweep in sweeps):
        yield "dry run: nothing was deleted; the column removed shows what would be deleted"
    yield _line("class", "owner", "outcome", COLUMNS)
    rows = {(row["sweep_id"], row["owner"]): row for row in answers}
    for sweep in sweeps:
        for owner in sweep.owners:
            row = rows.get((sweep.sweep_id, owner))
            if row is None:
                yield _line(sweep.data_class, owner, "no answer", ["-"] * len(COLUMNS))
            else:
                yield _line(sweep.data_class, owner, row["outcome"], [str(row[name]) for name in COLUMNS])


def _line(name: str, owner: str, outcome: str, counts: Sequence[str]) -> str:
    return f"{name:<20}{owner:<12}{outcome:<11}" + "".join(f"{count:>10}" for count in counts)
