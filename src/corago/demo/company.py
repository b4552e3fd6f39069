"""The demo's OS processes: starts workers, kills them, and leaves none behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import ClassVar, Self

from corago import CoragoError
from corago.demo.provisioning import PACE, SIDE_FILE

READY_SECONDS = 60.0
LEAVE_SECONDS = 15.0


class CompanyError(CoragoError):
    """A worker of the demo did not do what workers do."""

    code: ClassVar[str] = "demo"


class Company:
    """Workers on one store. Leaving the block ends all of them, whatever has happened."""

    def __init__(self, url: str, folder: Path, side_file: Path, pace: float) -> None:
        """Take what workers are told."""
        self._url = url
        self._log = folder / "workers.log"
        self._environment = {**os.environ, SIDE_FILE: str(side_file), PACE: str(pace)}
        self._workers: list[asyncio.subprocess.Process] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for worker in self._workers:
            if worker.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    worker.terminate()
        for worker in self._workers:
            try:
                await asyncio.wait_for(worker.wait(), LEAVE_SECONDS)
            except TimeoutError:
                worker.kill()
                await worker.wait()
            if worker.stdin is not None:
                worker.stdin.close()

    async def start(self) -> int:
        """Start a worker; gives its OS process id once it works. Raises CompanyError."""
        with self._log.open("ab") as log:
            worker = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "corago.demo.worker",
                self._url,
                # it leaves when this pipe ends: even if this OS process is killed with -9
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env=self._environment,
                start_new_session=True,
            )
        self._workers.append(worker)
        assert worker.stdout is not None  # noqa: S101 - it was asked for
        try:
            line = await asyncio.wait_for(worker.stdout.readline(), READY_SECONDS)
        except TimeoutError:
            line = b""
        if line.strip() != b"ready":
            said = self._log.read_text("utf-8", "replace")[-2000:]
            raise CompanyError(f"a worker did not start within {READY_SECONDS:g} s: {said}")
        return worker.pid

    async def kill(self, pid: int) -> None:
        """Kill a worker with SIGKILL: it gets no chance to say goodbye. Returns when it is dead."""
        worker = next(each for each in self._workers if each.pid == pid)
        worker.send_signal(signal.SIGKILL)
        await worker.wait()
