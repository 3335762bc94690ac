"""A job beside the running stack, with exactly the settings of its services."""

import asyncio
import subprocess
import sys

import pytest

from clawback_story.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="session")]


async def test_a_job_runs_with_the_settings_of_the_running_stack(world: World) -> None:
    command = [sys.executable, "-m", "clawback_local", "--run-dir", str(world.stack.run_dir), "run"]
    job = [*command, "retention", "sweep", "--class", "articles", "--dry-run"]
    done = await asyncio.to_thread(subprocess.run, job, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "completed" in done.stdout
