"""What corago ships for other people's tests.

A clock that jumps, crashes on purpose, simulated worlds in which all goes wrong that may,
expectations that read well, stored histories against today's code, tests that are made from a
machine; for those who write stores and backends, conformance suites. The pytest plugin in `plugin`
brings the fixtures `engine`, `clock`, `crash_at` and `crash_everywhere`.

Nothing in corago imports this room. Names are loaded when they are asked for, since pytest loads
the plugin into every test run.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from corago.testing.assertions import Expectation, expect
    from corago.testing.backend_suite import BackendSuite
    from corago.testing.clock import VirtualClock
    from corago.testing.crashing import Crash, Run, crash_at, crash_everywhere
    from corago.testing.effects import Effect
    from corago.testing.histories import load_history, save_histories, save_history
    from corago.testing.machines import machine_test
    from corago.testing.paths import Path, Stimulus, Walk, transition_paths
    from corago.testing.plugin import stored_histories
    from corago.testing.replaying import Replayed, ReplayError, replay
    from corago.testing.simulator import Fault, SimulationError, Weather
    from corago.testing.simulator.simulating import Simulated, simulate

__all__ = [
    "BackendSuite",
    "Crash",
    "Effect",
    "Expectation",
    "Fault",
    "Path",
    "ReplayError",
    "Replayed",
    "Run",
    "Simulated",
    "SimulationError",
    "Stimulus",
    "VirtualClock",
    "Walk",
    "Weather",
    "crash_at",
    "crash_everywhere",
    "expect",
    "load_history",
    "machine_test",
    "replay",
    "save_histories",
    "save_history",
    "simulate",
    "stored_histories",
    "transition_paths",
]

_ROOMS = {
    "BackendSuite": "backend_suite",
    "Crash": "crashing",
    "Effect": "effects",
    "Expectation": "assertions",
    "Fault": "simulator",
    "Path": "paths",
    "ReplayError": "replaying",
    "Replayed": "replaying",
    "Run": "crashing",
    "Simulated": "simulator.simulating",
    "SimulationError": "simulator",
    "Stimulus": "paths",
    "VirtualClock": "clock",
    "Walk": "paths",
    "Weather": "simulator",
    "crash_at": "crashing",
    "crash_everywhere": "crashing",
    "expect": "assertions",
    "load_history": "histories",
    "machine_test": "machines",
    "replay": "replaying",
    "save_histories": "histories",
    "save_history": "histories",
    "simulate": "simulator.simulating",
    "stored_histories": "plugin",
    "transition_paths": "paths",
}

_pytest = sys.modules.get("pytest")
if _pytest is not None:  # under pytest, a failed assertion of a suite then shows its values
    _pytest.register_assert_rewrite("corago.testing.store_suite", "corago.testing.backend_suite")


def __getattr__(name: str) -> Any:
    """Load what is asked for."""
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)
