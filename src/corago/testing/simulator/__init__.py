"""A whole world in one seed: workers, a client, one store and the clock on one virtual loop.

The engine's code is the production code. Only clock, ids, latency and faults are made here: a
node dies at any await, or before, within and after any store call; nothing of it runs any more,
not even its `finally` blocks, just as after a SIGKILL. Calls of the store are refused, slow or
lose their answers, disks are full, nodes stand still or go deaf, calendars jump, clients call
twice. The same seed gives the same run, byte for byte.
"""

from corago.testing.simulator.clients import Client
from corago.testing.simulator.clock import BEGINNING, SimulatedClock
from corago.testing.simulator.disk import SimulatedStore
from corago.testing.simulator.faults import CALM, CLIENT, EVERYBODY, ROUGH, Fault, Kind, Weather
from corago.testing.simulator.loop import StandstillError, VirtualLoop
from corago.testing.simulator.nodes import Node
from corago.testing.simulator.shrinking import Played, SimulationError, judge
from corago.testing.simulator.simulation import Simulation
from corago.testing.simulator.watching import Watch

__all__ = [
    "BEGINNING",
    "CALM",
    "CLIENT",
    "EVERYBODY",
    "ROUGH",
    "Client",
    "Fault",
    "Kind",
    "Node",
    "Played",
    "SimulatedClock",
    "SimulatedStore",
    "Simulation",
    "SimulationError",
    "StandstillError",
    "VirtualLoop",
    "Watch",
    "Weather",
    "judge",
]
