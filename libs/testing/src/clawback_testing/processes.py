"""A service's roles as processes of their own, with the test's environment; ended with the test."""

import asyncio
import os
import sys
from dataclasses import dataclass, field

from clawback_testing.waiting import until
from clawback_testing.workers import READY_S_MAX, answers

ENDED_S_MAX = 30.0


@dataclass(slots=True, kw_only=True)
class Processes:
    """Those of one service."""

    service: str
    running: list[asyncio.subprocess.Process] = field(default_factory=list, init=False)

    async def start(self, *role: str, kept: bool = False, **env: str) -> asyncio.subprocess.Process:
        """Start one as a command would; its output is shown where the test fails, or with `kept` piped to the test."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            self.service,
            *role,
            env={**os.environ, **env},
            stdout=asyncio.subprocess.PIPE if kept else None,
            stderr=asyncio.subprocess.PIPE if kept else None,
        )
        self.running.append(process)
        return process

    async def ready(self, role: str, port: int) -> asyncio.subprocess.Process:
        """Start one, and wait until its probe answers that it is ready."""
        process = await self.start(role, HTTP_PORT=str(port))

        async def is_ready() -> bool:
            if process.returncode is not None:
                raise AssertionError(f"the {role} has ended with {process.returncode}")
            return await answers(port)

        await until(is_ready, deadline_s=READY_S_MAX, what=f"the {role} is ready")
        return process

    async def job(self, *role: str, **env: str) -> tuple[int, str]:
        """Run one to its end; its exit code and its output."""
        process = await self.start(*role, kept=True, **env)
        out, err = await process.communicate()
        return process.returncode or 0, (out or b"").decode() + (err or b"").decode()

    async def end(self) -> None:
        """Asks all to end, and waits."""
        for process in self.running:
            if process.returncode is None:
                process.terminate()
        for process in self.running:
            try:
                await asyncio.wait_for(process.wait(), ENDED_S_MAX)
            except TimeoutError:
                process.kill()
                await process.wait()
