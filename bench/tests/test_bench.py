"""The benchmarks run, at tiny sizes. Their figures are meaningless here."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench import results
from bench.results import Result
from clawback_local.config import ROOT

SIZES = {
    "--rounds": 1,
    "--articles": 3_000,
    "--published-articles": 1_000,
    "--naive-articles": 50,
    "--feed-articles": 600,
    "--samples": 3,
    "--load": 400,
    "--old-articles": 2_000,
    "--alerts": 5,
    "--reads": 50,
}
TRACED = "COVERAGE_"
"""Variables that make a process measure its coverage; timed processes do not."""
NAMES = {
    "pipeline.store",
    "pipeline.batch",
    "pipeline.naive",
    "pipeline.store_publishing",
    "pipeline.analytics",
    "pipeline.analytics_batch",
    "pipeline.ingest",
    "sweep.partition",
    "alert.first_mail_s",
    "reads.rate_limit",
    "reads.rate_limit.p95",
    "worker.rss_mb",
    "takedown.idle",
    "takedown.idle.p99",
    "takedown.loaded",
    "takedown.loaded.p99",
}


@pytest.mark.integration
@pytest.mark.timeout(800)
def test_the_benchmarks_run_and_leave_their_figures(tmp_path: Path) -> None:
    short = ("pipeline", "analytics", "ingest", "sweep", "alerts", "reads", "takedown")
    families = [part for name in short for part in ("--only", name)]
    sizes = [str(part) for pair in SIZES.items() for part in pair]
    places = ["--run", str(tmp_path / "run"), "--out", str(tmp_path / "bench.json")]
    done = subprocess.run(  # noqa: S603 - our own arguments
        [sys.executable, "-m", "bench", *families, *sizes, *places],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith(TRACED)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in {0, 1}, done.stderr
    assert (tmp_path / "bench.json").exists(), done.stdout + done.stderr
    found = json.loads((tmp_path / "bench.json").read_text())
    assert {one["name"] for one in found} == NAMES, done.stderr
    assert all(set(one) == {"name", "value", "unit", "limit", "ratio"} and one["value"] > 0 for one in found)


def test_a_ratio_is_the_median_of_the_pairs_and_not_the_ratio_of_the_medians() -> None:
    found = results.of_pairs("x", "articles/s", [(10, 10), (30, 20), (20, 40)], least=1.2)
    assert (found.value, found.limit, found.ratio, found.met) == (20, 20, 1.0, False)


def test_a_missed_target_is_shown_in_the_table() -> None:
    table = results.table([results.at_most("x.s", 3.5, "s", 3), Result("y", 1.0, "s")])
    assert "✗ NOT MET" in table.splitlines()[1]
    assert "MET" not in table.splitlines()[2]
