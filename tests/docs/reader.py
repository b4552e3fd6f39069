"""A reader who does what a page says, word by word, in a folder of its own."""

from __future__ import annotations

import importlib
import io
import os
import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from types import ModuleType

import pytest

from corago.cli import main
from corago.clock import SystemClock
from tests.docs.pages import Block, Command, agrees, commands

DEADLINE = 60.0
"""Seconds that a command may take, or that a page's output may need to come true."""

GLANCE = 0.2
SETTINGS = {"COLUMNS": "100", "NO_COLOR": "1", "USER": "ann", "LOGNAME": "ann"}
LOOKING = frozenset({"list", "show", "history", "explain", "graph"})
"""Commands that change nothing: while a worker is at work, a reader repeats them."""

_SHELL = re.compile(r"[|<>;&`]|\$\(")


class Reader:
    """What stays between the blocks of a page: a folder, a namespace, settings, workers."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch
        self._module = ModuleType("page")
        self._printed = ""
        self._jobs: dict[int, subprocess.Popen[bytes]] = {}
        self._folder = folder
        self._known = frozenset(sys.modules)
        patch.chdir(folder)
        patch.syspath_prepend(folder)
        patch.setitem(sys.modules, "page", self._module)
        patch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        for name, value in SETTINGS.items():
            patch.setenv(name, value)
        for name in ("CORAGO_URL", "CORAGO_SECRET_KEY", "CORAGO_CODEC", "CORAGO_DEBUG"):
            patch.delenv(name, raising=False)

    def read(self, block: Block) -> None:
        """Do what a block says."""
        if block.file is not None:
            Path(block.file).write_text(block.text, "utf-8")
            self._forget()
        elif block.kind == "python":
            self._printed = self._executed(block)
        elif block.kind == "output":
            assert agrees(block.text, self._printed), _unlike(
                block.place, block.text, self._printed
            )
        elif block.kind == "console":
            for command in commands(block):
                self._type(command)

    def leave(self) -> None:
        """Stop what still runs."""
        for job in self._jobs.values():
            job.kill()
            job.wait(DEADLINE)
        self._forget()

    def _forget(self) -> None:
        """Let nobody find a module of the folder as it was before."""
        for name in set(sys.modules) - self._known:
            if str(getattr(sys.modules[name], "__file__", "")).startswith(str(self._folder)):
                del sys.modules[name]
        importlib.invalidate_caches()

    # -- Python ------------------------------------------------------------------------------

    def _executed(self, block: Block) -> str:
        lines = "\n" * block.line + block.text  # so that a traceback names the page's own line
        code = compile(lines, str(block.page), "exec", dont_inherit=True)
        with _heard() as said:
            exec(code, self._module.__dict__)  # noqa: S102 - a page's own code is what is tested
        return said.getvalue()

    # -- commands ----------------------------------------------------------------------------

    def _type(self, command: Command) -> None:
        words = shlex.split(command.line)
        if words[0] in _BUILTINS:
            _BUILTINS[words[0]](self, words[1:])
        elif command.line.endswith("&"):
            line = f"exec {command.line.removesuffix('&')}"
            number = max(self._jobs, default=0) + 1
            self._jobs[number] = subprocess.Popen(["bash", "-c", line])
        else:
            self._look(command, words)

    def _look(self, command: Command, words: list[str]) -> None:
        clock, pause = SystemClock(), threading.Event()
        end = clock.monotonic() + DEADLINE
        while True:
            status, printed = self._run(command, words)
            is_told = not command.wanted or agrees(command.wanted, printed)
            if is_told and status == command.status:
                return
            may_change = words[0] == "corago" and words[1] in LOOKING and self._works()
            if not may_change or clock.monotonic() > end:
                break
            pause.wait(GLANCE)
        assert status == command.status, f"{command.place}\nexit status {status}:\n{printed}"
        assert is_told, _unlike(command.place, command.wanted, printed)

    def _run(self, command: Command, words: list[str]) -> tuple[int, str]:
        if words[0] == "corago" and not _SHELL.search(command.line.replace("'", "")):
            with _heard() as said:
                status = main(words[1:])
            return status, said.getvalue()
        done = subprocess.run(
            ["bash", "-c", command.line],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=DEADLINE,
        )
        return done.returncode, done.stdout

    def _works(self) -> bool:
        return any(job.poll() is None for job in self._jobs.values())

    # -- the shell's own words ---------------------------------------------------------------

    def _export(self, words: list[str]) -> None:
        for word in words:
            name, _, value = word.partition("=")
            self._patch.setenv(name, value)

    def _unset(self, words: list[str]) -> None:
        for word in words:
            self._patch.delenv(word)

    def _cd(self, words: list[str]) -> None:
        self._patch.chdir(words[0])
        self._patch.syspath_prepend(Path.cwd())

    def _kill(self, words: list[str]) -> None:
        """`kill %1` and `kill -9 %1`; waits until it has gone, as the next prompt tells."""
        job = self._jobs.pop(int(words[-1].removeprefix("%")))
        if words[0] == "-9":
            job.kill()
        else:
            job.terminate()
        job.wait(DEADLINE)


_BUILTINS: dict[str, Callable[[Reader, list[str]], None]] = {
    "export": Reader._export,
    "unset": Reader._unset,
    "cd": Reader._cd,
    "kill": Reader._kill,
}


@contextmanager
def reading(folder: Path) -> Iterator[Reader]:
    """A reader in an empty folder, who leaves nothing behind."""
    with pytest.MonkeyPatch.context() as patch:
        reader = Reader(folder, patch)
        try:
            yield reader
        finally:
            reader.leave()


@contextmanager
def _heard() -> Iterator[io.StringIO]:
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        yield said


def _unlike(place: str, wanted: str, printed: str) -> str:
    return f"{place}\nthe page says:\n{wanted}\nand it printed:\n{printed}"
