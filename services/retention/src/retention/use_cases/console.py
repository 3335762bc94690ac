"""How a sweep reads on a terminal."""

from collections.abc import Iterator, Sequence

from clawback_common.postgres.pool import Row
from retention.domain.sweep import Sweep

COLUMNS = ("found", "removed", "archived", "held", "kept")


def asked(sweep: Sweep, holds: int) -> str:
    """That owners are asked, what, and what is spared."""
    limit = f" what dates from before {sweep.before:%Y-%m-%d %H:%M} UTC" if sweep.before else ""
    spared = f", {holds} hold{'s' if holds != 1 else ''} in force" if holds else ""
    dry = " (dry run)" if sweep.dry_run else ""
    return (
        f"{sweep.data_class}: {', '.join(sweep.owners)} asked to {sweep.action.value}{limit}{spared}{dry} "
        f"[{sweep.sweep_id}]"
    )


def answered(sweep: Sweep, answer: Row) -> str:
    """That an owner has answered, and what."""
    if answer["outcome"] == "failed":
        return f"{sweep.data_class}: {answer['owner']} FAILED: {answer['error']}"
    gone = "would go" if sweep.dry_run else "removed"
    archived = f", {answer['archived']} archived" if answer["archived"] else ""
    held = f", {answer['held']} held" if answer["held"] else ""
    return f"{sweep.data_class}: {answer['owner']} found {answer['found']}, {answer['removed']} {gone}{archived}{held}"


def table(sweeps: Sequence[Sweep], answers: Sequence[Row]) -> Iterator[str]:
    """A line a class and owner, also for one that has not answered."""
    if any(sweep.dry_run for sweep in sweeps):
        yield "dry run: nothing was touched, and removed is what would go"
    yield _line("class", "owner", "outcome", COLUMNS)
    told = {(row["sweep_id"], row["owner"]): row for row in answers}
    for sweep in sweeps:
        for owner in sweep.owners:
            row = told.get((sweep.sweep_id, owner))
            if row is None:
                yield _line(sweep.data_class, owner, "no answer", ["-"] * len(COLUMNS))
            else:
                yield _line(sweep.data_class, owner, row["outcome"], [str(row[name]) for name in COLUMNS])


def _line(name: str, owner: str, outcome: str, counts: Sequence[str]) -> str:
    return f"{name:<20}{owner:<12}{outcome:<11}" + "".join(f"{count:>10}" for count in counts)
