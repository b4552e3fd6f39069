"""The worker command, in OS processes of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from corago import Engine
from tests.cli.conftest import DEADLINE, SAMPLES, Call, finished, sample, spawned

pytestmark = pytest.mark.acceptance


def reached(path: Path, process: subprocess.Popen[str]) -> None:
    """Wait until a step has touched its file."""
    end = time.monotonic() + DEADLINE
    while not path.exists():
        assert process.poll() is None, "the worker has ended"
        assert time.monotonic() < end, f"{path} was not touched"


def test_a_worker_runs_what_its_file_holds_and_stops_when_told(
    store: str, started: Callable[..., str]
) -> None:
    started("doubler", {"n": 2})
    with spawned("worker", SAMPLES) as worker:
        assert worker.stderr is not None
        said = worker.stderr.readline()
        assert "doubler (version 1)" in said
        assert "waiter (version 1)" in said
        with Engine(store, worker=False) as engine:
            assert engine.get("p").result(timeout=DEADLINE) == {"n": 4}
        worker.terminate()
        done = finished(worker)
    assert done.status == 0
    assert "stopping" in done.err
    assert done.err.splitlines()[-1] == "stopped: nothing of it is held any more"


def test_it_tells_programs_what_it_runs(store: str) -> None:
    with spawned("worker", sample("doubler"), "--json") as worker:
        assert worker.stdout is not None
        told = json.loads(worker.stdout.readline())
        assert told["pid"] == worker.pid
        assert [each["name"] for each in told["workflows"]] == ["doubler"]
        worker.send_signal(signal.SIGINT)
        assert finished(worker).status == 0


@pytest.fixture
def gated(started: Callable[..., str], tmp_path: Path) -> Path:
    """The gate at which a process will stand, in the middle of a step."""
    started("gated", {"gate": str(tmp_path / "gate")})
    return tmp_path / "gate"


def test_the_first_signal_lets_running_steps_end_and_records_them(call: Call, gated: Path) -> None:
    with spawned("worker", sample("gated")) as worker:
        reached(gated.with_name("gate.reached"), worker)
        worker.terminate()
        assert worker.stderr is not None
        while "stopping" not in worker.stderr.readline():
            assert worker.poll() is None
        gated.touch()
        assert finished(worker).status == 0
    assert call("show", "p", "--json").json["status"] == "completed"


def test_the_second_signal_leaves_at_once_and_another_worker_recovers(
    call: Call, gated: Path
) -> None:
    with spawned("worker", sample("gated")) as worker:
        reached(gated.with_name("gate.reached"), worker)
        worker.terminate()
        assert worker.stderr is not None
        while "stopping" not in worker.stderr.readline():
            assert worker.poll() is None
        worker.terminate()
        assert finished(worker).status == 128 + signal.SIGTERM
    gated.touch()
    given = json.dumps({"gate": str(gated)})
    done = call("run", sample("gated"), "--id", "p", "--input", given, "--wait", "--timeout", "60")
    assert done.status == 0, done.err
    kinds = [each["type"] for each in call("history", "p", "--json").json]
    assert "LeaseLost" in kinds


def test_a_grace_of_nothing_does_not_wait_for_steps(call: Call, gated: Path) -> None:
    with spawned("worker", sample("gated"), "--grace", "0.1s") as worker:
        reached(gated.with_name("gate.reached"), worker)
        worker.terminate()
        assert finished(worker).status == 0
    assert call("show", "p", "--json").json["status"] != "completed"


RENDERING = """
import time
from pathlib import Path
from corago import State, done, init, step, workflow

@step("Render", queue="gpu")
def render() -> State:
    return {"rendered": True}

@workflow("Renders in a queue")
def rendering():
    return init >> render >> done

@step("Wait", queue="gpu")
def wait(gate: str) -> State:
    Path(gate + ".reached").touch()
    while not Path(gate).exists():
        time.sleep(0.01)
    return {"rendered": True}

@workflow("Waits in a queue")
def waiting():
    return init >> wait >> done
"""


@pytest.fixture
def rendering(tmp_path: Path) -> Path:
    """A file with a workflow whose step has a queue."""
    file = tmp_path / "rendering.py"
    file.write_text(RENDERING, "utf-8")
    return file


def test_a_worker_runs_steps_of_the_queues_that_it_is_told_to_serve(
    call: Call, store: str, rendering: Path
) -> None:
    assert call("run", f"{rendering}:rendering", "--id", "p").status == 0
    with spawned("worker", rendering) as driver, Engine(store, worker=False) as engine:
        assert driver.stderr is not None
        driver.stderr.readline()
        end = time.monotonic() + DEADLINE
        while engine.info("p").status != "waiting":
            assert time.monotonic() < end, "the process was not put into the queue"
        assert "`corago worker FILE --queue gpu` starts one" in call("explain", "p").out
        with spawned("worker", rendering, "--queue", "print", "--queue", "gpu") as worker:
            assert worker.stderr is not None
            assert "; it serves the queues 'print', 'gpu'; " in worker.stderr.readline()
            assert engine.get("p").result(timeout=DEADLINE) == {"rendered": True}


def test_what_a_killed_worker_ran_is_run_by_the_next_one_at_once(
    call: Call, store: str, rendering: Path, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    given = json.dumps({"gate": str(gate)})
    flow = f"{rendering}:waiting"
    assert call("run", flow, "--id", "p", "--input", given).status == 0
    with spawned("worker", rendering, "--queue", "gpu") as worker:
        reached(tmp_path / "gate.reached", worker)
        worker.kill()
        worker.wait(DEADLINE)
    gate.touch()
    begun = time.monotonic()
    with spawned("worker", rendering, "--queue", "gpu"), Engine(store, worker=False) as engine:
        assert engine.get("p").result(timeout=DEADLINE)["rendered"] is True
        assert time.monotonic() - begun < 15, "longer than a lease"
        kinds = [type(event).__name__ for event in engine.get("p").history()]
    assert kinds == ["ProcessStarted", "ActivityScheduled", "ActivityClosed", "ProcessCompleted"]


def test_it_tells_programs_which_queues_it_serves(store: str, rendering: Path) -> None:
    with spawned("worker", rendering, "--queue", "gpu", "--json") as worker:
        assert worker.stdout is not None
        assert json.loads(worker.stdout.readline())["queues"] == ["gpu"]


def test_a_queue_without_a_name_is_a_wrong_call(call: Call, store: str, rendering: Path) -> None:
    done = call("worker", rendering, "--queue", " ")
    assert done.status == 2
    assert "a queue needs a name that is not empty" in done.err


def test_a_step_of_a_queue_in_memory_is_waited_for_in_vain(call: Call, rendering: Path) -> None:
    done = call("run", f"{rendering}:rendering", "--wait")
    assert done.status == 1
    assert "waits for a worker of queue 'gpu'" in done.err
    assert "nobody can reach a process in memory" in done.err
