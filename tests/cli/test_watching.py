"""A worker that is watched: log lines on stderr, metrics over HTTP."""

from __future__ import annotations

import http.client
import re
import socket
import time
from collections.abc import Callable
from contextlib import closing

import pytest

from corago import Engine
from tests.cli.conftest import DEADLINE, SAMPLES, Call, finished, sample, spawned

pytestmark = pytest.mark.acceptance

CLOSED = 'corago_processes_closed_total{status="completed",workflow="doubler"} 1.0'


def scraped(port: int) -> list[str]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)) as connection:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode().splitlines()


def test_a_worker_logs_what_becomes_of_processes_when_asked_to(
    store: str, started: Callable[..., str]
) -> None:
    started("doubler", {"n": 2})
    with spawned("worker", SAMPLES, "--log-level", "info") as worker:
        with Engine(store, worker=False) as engine:
            engine.get("p").result(timeout=DEADLINE)
        worker.terminate()
        done = finished(worker)
    assert done.status == 0
    assert re.search(r"INFO corago\.process: process p completed after \d+\.\d{3} s", done.err)


def test_a_worker_is_quiet_about_processes_unless_asked(
    store: str, started: Callable[..., str]
) -> None:
    started("doubler", {"n": 2})
    with spawned("worker", SAMPLES) as worker:
        with Engine(store, worker=False) as engine:
            engine.get("p").result(timeout=DEADLINE)
        worker.terminate()
        assert "corago.process" not in finished(worker).err


def test_a_worker_answers_prometheus_when_asked_to(store: str, started: Callable[..., str]) -> None:
    started("doubler", {"n": 2})
    with spawned("worker", SAMPLES, "--metrics-port", "0") as worker:
        with Engine(store, worker=False) as engine:
            engine.get("p").result(timeout=DEADLINE)
        assert worker.stderr is not None
        said = worker.stderr.readline()
        told = re.fullmatch(r"metrics at http://127\.0\.0\.1:(\d+)/metrics\n", said)
        assert told is not None
        end = time.monotonic() + DEADLINE
        while CLOSED not in scraped(int(told[1])):  # the store may tell before the worker does
            assert time.monotonic() < end
        worker.terminate()
        assert finished(worker).status == 0


def test_a_port_that_is_taken_is_told(store: str, call: Call) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = call("worker", sample("doubler"), "--metrics-port", port)
    assert done.status == 2
    assert f"--metrics-port {port}" in done.err
