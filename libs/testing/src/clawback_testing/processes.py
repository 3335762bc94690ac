"""Runs a service's roles as separate processes with the test's environment; they end with the test."""

import asyncio
import os
import sys
from dataclasses import dataclass, field

from clawback_testing.waiting import until
from clawback_testing.workers import READY_S_MAX, probe_succeeds

ENDED_S_MAX = 30.0


@dataclass(slots=True, kw_only=True)
class Processes:
    """The processes of one service."""

    service: str
    running: list[asyncio.subprocess.Process] = field(default_factory=list, init=False)

    async def start(self, *role: str, captured: bool = False, **env: str) -> asyncio.subprocess.Process:
        """Start a role. Its output is shown when the test fails, or with `captured` piped to the test."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            self.service,
            *role,
            env={**os.environ, **env},
            stdout=asyncio.subprocess.PIPE if captured else None,
            stderr=asyncio.subprocess.PIPE if captured else None,
        )
        self.running.append(process)
        return process

    async def ready(self, role: str, port: int) -> asyncio.subprocess.Process:
        """Start a role, and wait until its readiness probe succeeds."""
        process = await self.start(role, HTTP_PORT=str(port))

        async def is_ready() -> bool:
            if process.returncode is not None:
                raise AssertionError(f"the {role} exited with {process.returncode}")
            return await probe_succeeds(port)

        await until(is_ready, deadline_s=READY_S_MAX, what=f"the {role} is ready")
        return process

    async def job(self, *role: str, **env: str) -> tuple[int, str]:
        """Run a role to its end and return its exit code and its output."""
        process = await self.start(*role, captured=True, **env)
        out, err = await process.communicate()
        return process.returncode or 0, (out or b"").decode() + (err or b"").decode()

    async def end(self) -> None:
        """Ask all processes to end, and wait for them."""
        for process in self.running:
            if process.returncode is None:
                process.terminate()
        for process in self.running:
            try:
                await asyncio.wait_for(process.wait(), ENDED_S_MAX)
            except TimeoutError:
                process.kill()
                await process.wait()
