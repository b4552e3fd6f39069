"""Prometheus metrics, read back from a registry as a scrape would see them."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import urllib.request
from datetime import UTC, datetime
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from corago import Engine, RequestError, Retry, State, Subject, current, retrystep, step, wait_for
from corago.activity import Context
from corago.core import events as e
from corago.observing.labels import attempt_label, outcome_label, step_label
from corago.observing.metrics import Metrics
from tests.runtime.stage import Stage, listing, reaches, until

DAWN = datetime(2026, 1, 1, tzinfo=UTC)
P = Subject("p", 1, "create_port", 2, DAWN, "running")


@step("Reserve")
async def reserve() -> State:
    await asyncio.sleep(2)
    return {}


@retrystep("Activate", Retry(attempts=2, delay=60, jitter=0))
async def activate() -> None:
    if current().attempt == 1:
        raise ConnectionError("vendor is away")


def scraped(registry: CollectorRegistry) -> dict[str, float]:
    """Every sample by its name and labels, but for buckets and times of making."""
    lines = generate_latest(registry).decode().splitlines()
    samples = [line.rpartition(" ") for line in lines if not line.startswith("#")]
    return {
        name: float(value)
        for name, _, value in samples
        if "_bucket" not in name and "_created" not in name
    }


def test_processes_turns_and_steps_are_counted_and_timed() -> None:
    stage, registry = Stage(), CollectorRegistry()
    flow = listing(reserve, activate)

    async def story() -> None:
        async with stage.engine(listeners=(Metrics(registry),), concurrency=5) as engine:
            handle = await engine.start(flow, id="p")
            await until(lambda: scraped(registry)['corago_worker_slots{state="busy"}'] == 1)
            assert scraped(registry)['corago_worker_slots{state="free"}'] == 4
            await handle.result(timeout=100)

    stage.run(story())
    found = scraped(registry)
    name = f'workflow="{flow.name}"'
    assert found[f"corago_processes_started_total{{{name}}}"] == 1
    assert found[f'corago_processes_closed_total{{status="completed",{name}}}'] == 1
    assert found[f'corago_process_duration_seconds_count{{status="completed",{name}}}'] == 1
    lived = found[f'corago_process_duration_seconds_sum{{status="completed",{name}}}']
    assert lived == pytest.approx(62, abs=1)
    assert found[f"corago_turns_total{{{name}}}"] == 2
    assert found[f"corago_turn_duration_seconds_count{{{name}}}"] == 2
    assert found[f"corago_turn_duration_seconds_sum{{{name}}}"] == pytest.approx(2, abs=0.1)
    attempts = "corago_step_attempts_total"
    assert found[f'{attempts}{{outcome="completed",step="Reserve",{name}}}'] == 1
    assert found[f'{attempts}{{outcome="failed",step="Activate",{name}}}'] == 1
    assert found[f'{attempts}{{outcome="completed",step="Activate",{name}}}'] == 1
    assert found[f'corago_step_duration_seconds_sum{{step="Reserve",{name}}}'] == 2
    assert found[f'corago_step_duration_seconds_count{{step="Activate",{name}}}'] == 2
    assert found['corago_worker_slots{state="busy"}'] == 0
    assert found['corago_worker_slots{state="free"}'] == 0


def test_no_label_holds_an_id() -> None:
    stage, registry = Stage(), CollectorRegistry()

    async def story() -> None:
        async with stage.engine(listeners=(Metrics(registry),)) as engine:
            await engine.start(listing(wait_for("go")), id="a-very-special-id")
            await reaches(engine, "a-very-special-id", "waiting")
            await engine.abort("a-very-special-id")

    stage.run(story())
    text = generate_latest(registry).decode()
    assert "special" not in text
    labels = {label for found in re.findall(r"\{(.*?)\}", text) for label in found.split(",")}
    kinds = {label.partition("=")[0] for label in labels if label}
    assert kinds <= {"workflow", "status", "step", "outcome", "state", "le"}


def test_what_is_out_of_the_ordinary_is_counted() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    lost = e.LeaseLost(position=2, at=DAWN, owner="worker-1")
    poison = e.ProcessSuspended(position=3, at=DAWN, error=e.Failure("PoisonProcess", ""))
    child = e.ChildStarted(position=4, at=DAWN, path="c", child="p/c", workflow="open")
    renewed = e.ContinuedAsNew(position=5, at=DAWN, following=2)
    metrics.recorded(P, (lost, poison, child, renewed))
    metrics.lease_lost("worker-1")
    found = scraped(registry)
    assert found['corago_leases_lost_total{workflow="create_port"}'] == 1
    assert found['corago_processes_suspended_total{workflow="create_port"}'] == 1
    assert found['corago_processes_started_total{workflow="open"}'] == 1
    assert found['corago_runs_continued_total{workflow="create_port"}'] == 1
    assert found["corago_worker_leases_lost_total"] == 1


def test_a_dropped_attempt_is_counted_and_not_timed() -> None:
    registry = CollectorRegistry()
    attempt = Context(process_id="p", run=1, path="each[3]/Reserve", workflow="create_port")
    Metrics(registry).attempt_ended(P, attempt, None, 5.0)
    names = 'step="each/Reserve",workflow="create_port"'
    found = scraped(registry)
    assert found[f'corago_step_attempts_total{{outcome="dropped",{names}}}'] == 1
    assert f"corago_step_duration_seconds_count{{{names}}}" not in found


@pytest.mark.parametrize(
    ("path", "label"),
    [
        ("Reserve", "Reserve"),
        ("each[3]/Reserve", "each/Reserve"),
        ("outer[0]/inner[12]/a#2", "outer/inner/a#2"),
        ("keep [x] and [1]st/b", "keep [x] and [1]st/b"),
    ],
)
def test_a_steps_label_knows_no_indexes(path: str, label: str) -> None:
    assert step_label(path) == label


def test_an_activitys_label_is_its_name_and_not_its_id() -> None:
    known: dict[str, Any] = {"process_id": "p", "run": 1, "workflow": "order"}
    assert attempt_label(Context(**known, path="Ship#7", activity="Ship@2")) == "Ship@2"
    assert attempt_label(Context(**known, path="keep[3]/b")) == "keep/b"


def test_every_end_of_an_attempt_has_a_word() -> None:
    ends: list[e.ActivityResult | None] = [
        e.ActivityCompleted({}),
        e.ActivityFailed(e.Failure("E", "")),
        e.ActivityAborted(),
        e.ActivityTimedOut(),
        e.ActivityCanceled(),
        None,
    ]
    words = ["completed", "failed", "aborted", "timed_out", "canceled", "dropped"]
    assert [outcome_label(end) for end in ends] == words


def test_a_second_set_in_one_registry_is_refused_with_advice() -> None:
    registry = CollectorRegistry()
    Metrics(registry)
    with pytest.raises(RequestError, match="make one Metrics and hand it to every engine"):
        Metrics(registry)


def test_metrics_are_served_to_scrapers_until_told_to_stop() -> None:
    metrics = Metrics(CollectorRegistry())
    with Engine(listeners=[metrics]) as engine:
        engine.start(listing(activate), id="p")
        port, stop = metrics.serve(0)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            assert b"corago_processes_started_total" in answer.read()
        stop()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10)


@pytest.mark.parametrize(
    ("module", "vendor", "extra"),
    [
        ("metrics", "prometheus_client", "corago[prometheus]"),
        ("tracing", "opentelemetry", "corago[otel]"),
    ],
)
def test_a_missing_vendor_is_told_with_the_extra_that_brings_it(
    module: str, vendor: str, extra: str
) -> None:
    code = f"import sys; sys.modules[{vendor!r}] = None; import corago.observing.{module}"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert said.returncode == 1
    assert f"install {extra}" in said.stderr
