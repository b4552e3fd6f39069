"""A command that is killed on its way and given again, and the evidence that it leaves behind.

Nothing here asks the engine: the database is read with plain sqlite3, and what ran is read from the
file in which the steps of `examples/permits.py` note their begin and end.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CORAGO = Path(sys.executable).with_name("corago")
GLANCE_SECONDS = 0.02

Step = tuple[str, str]
"""A process and the path of one of its steps."""


@dataclass(frozen=True)
class Note:
    """A line that a step wrote."""

    process: str
    path: str
    attempt: int
    pid: int
    what: str

    @property
    def step(self) -> Step:
        return self.process, self.path


class Journal:
    """The file that the steps write to, read on as it grows."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notes: list[Note] = []
        self._read = 0

    def ended(self) -> int:
        """How many steps have ended by now."""
        self.read()
        return sum(note.what == "end" for note in self.notes)

    def read(self) -> list[Note]:
        """Every whole line by now."""
        if self.path.exists():
            with self.path.open("rb") as file:
                file.seek(self._read)
                whole, newline, _ = file.read().rpartition(b"\n")
            self._read += len(whole) + len(newline)
            for line in whole.decode().splitlines():
                process, path, attempt, pid, what = line.split("\t")
                self.notes.append(Note(process, path, int(attempt), int(pid), what))
        return self.notes

    def begun(self, pid: int) -> list[Step]:
        """The steps that an OS process began, in order."""
        return [note.step for note in self.notes if note.pid == pid and note.what == "begin"]


class Ledger:
    """What a database of corago's holds, read without corago."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def rows(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        with contextlib.closing(sqlite3.connect(self.path)) as connection:
            return connection.execute(query, values).fetchall()

    def events(self, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """The process and the data of every event of a kind."""
        query = (
            "select i.process_id, e.data from events e join workflow_instances i "
            "on i.id = e.instance_id where e.data ->> 'type' = ? order by e.id"
        )
        for process, data in self.rows(query, kind):
            yield process, json.loads(data)

    def recorded(self) -> list[Step]:
        """Every step that was recorded as completed, as often as it was."""
        return [
            (process, data["path"])
            for process, data in self.events("ActivityClosed")
            if data["result"]["type"] == "ActivityCompleted"
        ]

    def held(self) -> set[str]:
        """The processes that some worker holds."""
        query = "select process_id from workflow_instances where owner is not null"
        return {process for (process,) in self.rows(query)}

    def summaries(self) -> dict[str, dict[str, Any]]:
        """By process, the summary that it completed with."""
        ends = self.events("ProcessCompleted")
        return {process: data["result"]["summary"] for process, data in ends}

    def copied_to(self, folder: Path) -> Ledger:
        """The same as of now; nobody may be writing."""
        folder.mkdir()
        for suffix in ("", "-wal", "-shm"):
            file = self.path.with_name(self.path.name + suffix)
            if file.exists():
                shutil.copy(file, folder)
        return Ledger(folder / self.path.name)


@dataclass(frozen=True)
class Life:
    """One OS process of the command: what the database held when it was over."""

    pid: int
    exit_status: int
    seconds: float
    ledger: Ledger


class Story:
    """The command, given in a folder of its own until it is through."""

    def __init__(self, folder: Path, arguments: list[str]) -> None:
        self.folder = folder
        self.arguments = arguments
        self.journal = Journal(folder / "journal.tsv")
        self.ledger = Ledger(folder / "permits.db")
        self.lives: list[Life] = []

    def output(self, number: int) -> str:
        """What the command said in one of its lives, counted from 0."""
        return (self.folder / f"output-{number}.txt").read_text("utf-8")

    def run(self, *, kill_after: int | None = None, seconds: float = 60.0) -> Life:
        """Give the command; kill it once so many steps have ended. Fails after `seconds`."""
        began = time.monotonic()
        number = len(self.lives)
        with (self.folder / f"output-{number}.txt").open("wb") as file:
            process = subprocess.Popen(
                [str(CORAGO), *self.arguments, "--url", f"sqlite:///{self.ledger.path}"],
                cwd=ROOT,
                env={**os.environ, "CORAGO_PERMITS_LOG": str(self.journal.path)},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
            try:
                self._watch(process, kill_after, began + seconds)
            finally:
                process.kill()
                process.wait()
        self.journal.read()
        copy = self.ledger.copied_to(self.folder / f"after-{number}")
        life = Life(process.pid, process.returncode, time.monotonic() - began, copy)
        self.lives.append(life)
        return life

    def _watch(self, process: subprocess.Popen[bytes], mark: int | None, deadline: float) -> None:
        number = len(self.lives)
        while mark is None or self.journal.ended() < mark:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(GLANCE_SECONDS)
                assert mark is None, f"it ended before step {mark}: {self.output(number)[-2000:]}"
                return
            assert time.monotonic() < deadline, f"too slow: {self.output(number)[-2000:]}"
