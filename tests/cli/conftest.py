"""The command line in the test's own OS process, and what tests set up with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from corago.cli import main

SAMPLES = Path(__file__).parent / "samples.py"
DEADLINE = 60.0


@dataclass(frozen=True)
class Called:
    """What a command line gave."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on stdout."""
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        """The one error as JSON, the last line on stderr."""
        return json.loads(self.err.splitlines()[-1])


Call = Callable[..., Called]


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No store named from outside, and modules found as before."""
    monkeypatch.delenv("CORAGO_URL", raising=False)
    monkeypatch.delenv("CORAGO_DEBUG", raising=False)
    before = list(sys.path)
    yield
    sys.path[:] = before


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Call the command line here."""

    def called(*arguments: object) -> Called:
        capsys.readouterr()
        status = main([str(each) for each in arguments])
        captured = capsys.readouterr()
        return Called(status, captured.out, captured.err)

    return called


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A store of the test's own."""
    return f"sqlite:///{tmp_path / 'work.db'}"


@pytest.fixture
def store(url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The same, named by the environment."""
    monkeypatch.setenv("CORAGO_URL", url)
    return url


def sample(name: str) -> str:
    """FILE:WORKFLOW of a sample."""
    return f"{SAMPLES}:{name}"


@pytest.fixture
def started(call: Call, store: str) -> Callable[..., str]:
    """Start a process that no worker runs yet; gives its id."""

    def start(workflow: str, given: Any = None, id: str = "p", **options: str) -> str:
        more = [text for name, value in options.items() for text in (f"--{name}", value)]
        done = call("run", sample(workflow), "--input", json.dumps(given), "--id", id, *more)
        assert done.status == 0, done.err
        return done.out.strip()

    return start


@pytest.fixture
def failed(call: Call, store: str) -> str:
    """The id of a process that has failed."""
    done = call("run", sample("doubler"), "--input", '{"n": 9}', "--id", "p", "--wait")
    assert done.status == 1, done.err
    return "p"


def spawn(*arguments: object, **environment: str) -> subprocess.Popen[str]:
    """The command line in an OS process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "corago.cli", *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


@contextmanager
def spawned(*arguments: object, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """The same, ended with the block."""
    with spawn(*arguments, **environment) as process:
        try:
            yield process
        finally:
            process.kill()


def finished(process: subprocess.Popen[str]) -> Called:
    """What it gave in the end."""
    out, err = process.communicate(timeout=DEADLINE)
    return Called(process.returncode, out, err)
