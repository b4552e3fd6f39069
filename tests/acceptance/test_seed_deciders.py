"""The two samples of the seed (pyworkflow's README) run as they stand.

Only their import lines are others, and what they take for granted is supplied: a function that
looks at the history, here until an activity has closed.
"""

from __future__ import annotations

import contextlib
import importlib.util
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from corago import Engine, events
from corago.testing import VirtualClock, crash_everywhere

pytestmark = pytest.mark.acceptance

ACTIVITY = """\
class FooActivity(Activity):

	@classmethod
	def execute(cls, task, worker):
		worker.heartbeat()

		if task.input < 10:
			return task.input * 2 # short for ActivityCompleted(result=task.input * 2)
		elif task.input:
			return ActivityAborted(reason='input out of bounds')
		else:
			raise Exception('no input') # short for ActivityFailed(exception=Exception('no input'))
"""

WORKFLOW = """\
class BarWorkflow(Workflow):

	@classmethod
	def decide(cls, process):
		if foo_bar(process.history):
			return FooActivity # shorthand for ScheduleActivityDecision(FooActivity)
		else:
			return CompleteProcessDecision()
"""

IMPORTS = """\
from company import foo_bar
from corago.decider import Activity, ActivityAborted, CompleteProcessDecision, Workflow
"""

COMPANY = """\
import threading
from pathlib import Path

from corago import events

HERE = Path(__file__).parent


def foo_bar(history):
    is_done = any(isinstance(event, events.ActivityClosed) for event in history)
    if is_done and (HERE / "hold").exists():
        (HERE / "held").touch()
        threading.Event().wait()  # until the OS process is killed
    return not is_done
"""

DRIVER = """\
import sys

from corago import Engine
from story import BarWorkflow, FooActivity

with Engine(sys.argv[1], workflows=[BarWorkflow], activities=[FooActivity]) as engine:
    engine.start(BarWorkflow, 7, id="bar").result(timeout=30)
"""

DEADLINE_SECONDS = 60.0
GLANCE_SECONDS = 0.02


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the samples, what they take for granted, and a program that runs them."""
    (tmp_path / "company.py").write_text(COMPANY)
    (tmp_path / "story.py").write_text(f"{IMPORTS}\n\n{ACTIVITY}\n\n{WORKFLOW}")
    (tmp_path / "driver.py").write_text(DRIVER)
    return tmp_path


@pytest.fixture
def story(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "company", raising=False)
    spec = importlib.util.spec_from_file_location("story", folder / "story.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(params=["memory://", "sqlite:///{folder}/story.db"], ids=["memory", "sqlite"])
def engine(request: pytest.FixtureRequest, folder: Path, story: Any) -> Iterator[Engine]:
    url = request.param.format(folder=folder)
    foo, bar = story.FooActivity, story.BarWorkflow
    with Engine(url, workflows=[bar], activities=[foo], clock=VirtualClock()) as engine:
        yield engine


def ends_of(history: Any) -> list[Any]:
    return [event.result for event in history.of(events.ActivityClosed)]


def test_an_input_below_ten_is_doubled(engine: Engine, story: Any) -> None:
    process = engine.start(story.BarWorkflow, 7)
    assert process.result(timeout=20) is None
    assert ends_of(process.history()) == [events.ActivityCompleted(14)]


def test_an_input_out_of_bounds_aborts_the_activity_and_not_the_process(
    engine: Engine, story: Any
) -> None:
    process = engine.start(story.BarWorkflow, 10)
    process.result(timeout=20)
    (end,) = ends_of(process.history())
    assert isinstance(end, events.ActivityAborted)
    assert end.reason == "input out of bounds"


def test_what_the_activity_raises_fails_it_and_not_the_process(engine: Engine, story: Any) -> None:
    process = engine.start(story.BarWorkflow, "seven")
    process.result(timeout=20)
    (end,) = ends_of(process.history())
    assert isinstance(end, events.ActivityFailed)
    assert end.error.type == "TypeError"


def test_a_crash_at_any_moment_changes_nothing(story: Any) -> None:
    bar: Any = type("BarWorkflow", (story.BarWorkflow,), {"activities": [story.FooActivity]})
    for run in crash_everywhere(bar, 7):
        assert ends_of(run.history) == [events.ActivityCompleted(14)]


def test_a_worker_that_restarts_finds_the_activity_by_its_name(folder: Path) -> None:
    """It is killed when the activity has run, and nobody knows yet."""
    url = f"sqlite:///{folder / 'story.db'}"
    (folder / "hold").touch()
    first = subprocess.Popen([sys.executable, "driver.py", url], cwd=folder)
    try:
        wait_for(folder / "held", first)
    finally:
        first.kill()
    assert first.wait(DEADLINE_SECONDS) == -signal.SIGKILL
    with Engine(url, worker=False) as client:
        assert not ends_of(client.history("bar"))
        assert [event.activity for event in client.history("bar").of(events.ActivityScheduled)] == [
            "FooActivity"
        ]
    (folder / "hold").unlink()
    second = subprocess.run(
        [sys.executable, "driver.py", url], cwd=folder, check=False, timeout=DEADLINE_SECONDS
    )
    assert second.returncode == 0
    with Engine(url, worker=False) as client:
        assert client.get("bar").info().status == "completed"
        assert ends_of(client.history("bar")) == [events.ActivityCompleted(14)]


def wait_for(path: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not path.exists():
        assert time.monotonic() < deadline
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GLANCE_SECONDS)
            raise AssertionError("the first worker ended before it could be killed")
