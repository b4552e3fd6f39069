"""A seed: its world in calm and in rough weather, with the same end, or a reason why not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from corago.testing.simulator import Fault, Played, Simulation, Weather, judge
from tests.simulation.worlds import WORLDS

LEASE = timedelta(seconds=6)
LIMIT = timedelta(minutes=20)
"""Whatever is open after so much virtual time never ends; days that are leapt over don't count."""

WEATHERS = (
    Weather(),
    Weather(crashes=0, refused=1, lost=3, slow=1, full=0, pauses=0, jumps=0, repeated=2, deaf=1),
    Weather(crashes=1, refused=2, lost=2, slow=4, full=1, pauses=2, jumps=1, repeated=1, deaf=2),
    Weather(crashes=5, refused=0, lost=0, slow=0, full=0, pauses=1, jumps=0, repeated=0, deaf=0),
    Weather(crashes=0, refused=0, lost=0, slow=2, full=0, pauses=3, jumps=2, repeated=3, deaf=0),
)
"""Of all kinds: in the roughest, a worker's death mends what another fault has broken."""


def weather_of(seed: int) -> Weather:
    """The weather of a seed."""
    return WEATHERS[seed // len(WORLDS) % len(WEATHERS)]


def play(name: str, seed: int, faults: tuple[Fault, ...] = ()) -> tuple[Played, Mapping[str, Any]]:
    """Play a world once; gives how it went, and what must be the same whatever goes wrong."""
    world = WORLDS[name](seed)
    simulation = Simulation(
        seed,
        world.workflows,
        faults=faults,
        workers=world.workers,
        queues=world.queues,
        lease=LEASE,
    )
    world.enter(simulation)
    played = simulation.play(world.story, limit=LIMIT)
    findings = (*played.findings, *world.findings(is_calm=not faults))
    return replace(played, findings=findings), world.told()


def trial(
    name: str,
    seed: int,
    faults: tuple[Fault, ...] | None = None,
    *,
    patience: float = 20.0,
) -> Played:
    """Play a world in calm, and then with these faults, or with those of the seed's weather.

    Gives how it went in the end. Raises SimulationError, with the faults made as few as `patience`
    (in real seconds) allows.
    """
    ends: list[Mapping[str, Any]] = []

    def in_calm(none: tuple[Fault, ...]) -> Played:
        played, told = play(name, seed, none)
        ends.append(told)
        return played

    def in_weather(given: tuple[Fault, ...]) -> Played:
        played, told = play(name, seed, given)
        if played.findings or not WORLDS[name].is_confluent:
            return played
        return replace(played, findings=tuple(_differences(ends[0], told)))

    def again(seed: int, faults: tuple[Fault, ...]) -> str:
        return (
            f"trial({name!r}, {seed}, {faults!r})  # of tests.simulation.playing; or\n"
            f"    make soak ARGS='--world {name} --from {seed} --seeds 1'"
        )

    calm = judge(seed, in_calm, (), patience=patience, again=again)
    given = weather_of(seed).faults(seed) if faults is None else faults
    if not given:
        return calm
    return judge(seed, in_weather, given, patience=patience, again=again)


def _differences(calm: Mapping[str, Any], wild: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted({*calm, *wild}):
        if calm.get(name) != wild.get(name):
            yield f"{name} came to {wild.get(name)}, and in calm to {calm.get(name)}"
