"""Prometheus metrics of engines. The only module that knows prometheus_client."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from corago.activity import Context
from corago.core import events as e
from corago.errors import RequestError
from corago.observing.labels import attempt_label, outcome_label
from corago.runtime.listening import Listener, Subject

try:
    from prometheus_client import (
        REGISTRY,
        CollectorRegistry,
        Counter,
        Gauge,
        Histogram,
        start_http_server,
    )
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "corago.observing.metrics needs prometheus-client: install corago[prometheus]",
        name=error.name,
    ) from error

STEP_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
PROCESS_SECONDS = (0.05, 0.25, 1, 5, 30, 60, 300, 1800, 3600, 21_600, 86_400, 604_800, 2_592_000)


class Metrics(Listener):
    """Counts and times processes, turns, steps and leases for Prometheus.

    `registry` is prometheus_client's own by default. Engines of one OS process share one `Metrics`.
    Labels are names out of definitions, never ids: `workflow`, `step` (a path without the indexes
    of loops, or an activity's name), `status`, `outcome`, `state`. Raises RequestError for a
    registry that has them.

    Counters speak of what this OS process did: sum them over all workers.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        """Register everything at once, so that a rate is known from the first event on."""
        self._registry = REGISTRY if registry is None else registry
        try:
            self._register()
        except ValueError as error:
            raise RequestError(
                "this registry has corago's metrics already: make one Metrics and hand it to every "
                "engine, or give each a registry of its own"
            ) from error

    def _register(self) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"corago_{name}", text, labels, registry=self._registry)

        def seconds(name: str, text: str, buckets: Sequence[float], *labels: str) -> Histogram:
            return Histogram(
                f"corago_{name}_seconds", text, labels, buckets=buckets, registry=self._registry
            )

        self._started = counter(
            "processes_started_total", "Processes started, children included.", "workflow"
        )
        self._closed = counter(
            "processes_closed_total", "Ends of processes, by how they ended.", "workflow", "status"
        )
        self._suspended = counter(
            "processes_suspended_total", "How often a process came to need a person.", "workflow"
        )
        self._continued = counter(
            "runs_continued_total", "Runs that ended and went on as new ones.", "workflow"
        )
        self._lives = seconds(
            "process_duration", "From start to end.", PROCESS_SECONDS, "workflow", "status"
        )
        self._turns = counter("turns_total", "Turns taken.", "workflow")
        self._turn_seconds = seconds(
            "turn_duration", "How long turns took, their steps included.", STEP_SECONDS, "workflow"
        )
        self._attempts = counter(
            "step_attempts_total",
            "Attempts of steps, by how they ended.",
            "workflow",
            "step",
            "outcome",
        )
        self._step_seconds = seconds(
            "step_duration", "How long attempts ran.", STEP_SECONDS, "workflow", "step"
        )
        self._leases = counter(
            "leases_lost_total", "Processes taken over from workers that vanished.", "workflow"
        )
        self._own_leases = counter(
            "worker_leases_lost_total", "Leases that a worker here could not renew in time."
        )
        slots = Gauge(
            "corago_worker_slots",
            "Processes that workers here drive at the moment, and could drive besides.",
            ["state"],
            registry=self._registry,
        )
        self._busy, self._free = slots.labels("busy"), slots.labels("free")
        self._slots: dict[str, int] = {}
        # looking a child up by its labels costs more than counting in it
        self._by_step: dict[tuple[str, str, str], tuple[Counter, Histogram | None]] = {}

    def serve(self, port: int, address: str = "127.0.0.1") -> tuple[int, Callable[[], None]]:
        """Answer scrapes over HTTP, in a thread of its own; 0 takes any free port.

        Gives the port, and what ends it when called. Raises OSError when the port is taken.
        """
        server, thread = start_http_server(port, address, self._registry)

        def stop() -> None:
            server.shutdown()
            server.server_close()
            thread.join()

        return server.server_port, stop

    def worker_began(self, worker: str, slots: int) -> None:
        """Its slots are free."""
        self._slots[worker] = slots
        self._free.inc(slots)

    def worker_ended(self, worker: str) -> None:
        """Its slots are gone."""
        self._free.dec(self._slots.pop(worker, 0))

    def lease_lost(self, worker: str) -> None:
        """Count it."""
        self._own_leases.inc()

    def process_started(self, process: Subject) -> None:
        """Count it."""
        self._started.labels(process.workflow).inc()

    def recorded(self, process: Subject, events: tuple[e.Event, ...]) -> None:
        """Count what is out of the ordinary, and the children that begin."""
        for event in events:
            if isinstance(event, e.ChildStarted):
                self._started.labels(event.workflow).inc()
            elif isinstance(event, e.ProcessSuspended):
                self._suspended.labels(process.workflow).inc()
            elif isinstance(event, e.ContinuedAsNew):
                self._continued.labels(process.workflow).inc()
            elif isinstance(event, e.LeaseLost):
                self._leases.labels(process.workflow).inc()

    def process_closed(self, process: Subject, event: e.Event) -> None:
        """Count and time it."""
        status = e.CLOSING[type(event)]
        self._closed.labels(process.workflow, status).inc()
        seconds = (event.at - process.started_at).total_seconds()
        self._lives.labels(process.workflow, status).observe(seconds)

    def turn_began(self, process: Subject) -> None:
        """It takes a slot."""
        self._turns.labels(process.workflow).inc()
        self._busy.inc()
        self._free.dec()

    def turn_ended(self, process: Subject, seconds: float) -> None:
        """Its slot is free again."""
        self._turn_seconds.labels(process.workflow).observe(seconds)
        self._busy.dec()
        self._free.inc()

    def attempt_ended(
        self, process: Subject, attempt: Context, result: e.ActivityResult | None, seconds: float
    ) -> None:
        """Count and time it; one that was dropped has no duration worth keeping."""
        key = (process.workflow, attempt_label(attempt), outcome_label(result))
        found = self._by_step.get(key)
        if found is None:
            timed = None if result is None else self._step_seconds.labels(*key[:2])
            found = self._by_step[key] = (self._attempts.labels(*key), timed)
        found[0].inc()
        if found[1] is not None:
            found[1].observe(seconds)
