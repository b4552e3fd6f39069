"""A seed: its world in calm and in rough weather, with the same end, or a reason why not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from corago.testing.simulator import CALM, Fault, Played, Weather, judge
from tests.simulation.on_sqlite import STORES
from tests.simulation.worlds import WORLDS

LIMIT = timedelta(minutes=20)
"""Whatever is open after so much virtual time never ends; days that are leapt over don't count."""

WEATHERS = (
    Weather(),
    replace(CALM, refused=1, lost=3, slow=1, repeated=2, deaf=1),
    Weather(crashes=1, refused=2, lost=2, slow=4, pauses=2, repeated=1, effects=1, facts=1),
    replace(CALM, crashes=3, pauses=1, effects=4, facts=4, stalls=1),
    replace(CALM, slow=2, pauses=2, jumps=2, repeated=3, stalls=1),
)
"""Of all kinds: in the roughest, a worker's death mends what another fault has broken."""


def weather_of(seed: int) -> Weather:
    """The weather of a seed."""
    return WEATHERS[seed // len(WORLDS) % len(WEATHERS)]


def store_of(seed: int) -> str:
    """What a seed is played on, where nothing is said: a file in each third round of all worlds."""
    return ("memory", "memory", "sqlite")[seed // len(WORLDS) % 3]


def play(
    name: str, seed: int, faults: tuple[Fault, ...] = (), *, store: str = "memory"
) -> tuple[Played, Mapping[str, Any] | None]:
    """Play a world once; gives how it went, and what must be the same whatever goes wrong.

    That is None where it need not be: by the world's kind, or since so many workers have vanished
    with something that a person had to act.
    """
    world = WORLDS[name](seed)
    with STORES[store]() as ground:
        simulation = world.simulation(faults, **ground.given)
        world.enter(simulation)
        played = simulation.play(world.story, limit=LIMIT)
        also = (*world.findings(is_calm=not faults), *ground.findings())
        is_free = not world.is_confluent or world.ledger.was_set_aside()
        told = None if is_free else world.told()
        return replace(played, findings=(*played.findings, *also)), told


def trial(
    name: str,
    seed: int,
    faults: tuple[Fault, ...] | None = None,
    *,
    store: str = "memory",
    patience: float = 20.0,
) -> Played:
    """Play a world in calm, and then with these faults, or with those of the seed's weather.

    The calm one is in memory, so that worlds on another store must come to the same end there.
    Gives how it went in the end. Raises SimulationError, with the faults made as few as `patience`
    (in real seconds) allows.
    """
    ends: list[Mapping[str, Any] | None] = []

    def in_calm(none: tuple[Fault, ...]) -> Played:
        played, told = play(name, seed, none)
        ends.append(told)
        return played

    def in_weather(given: tuple[Fault, ...]) -> Played:
        played, told = play(name, seed, given, store=store)
        if played.findings or told is None:
            return played
        return replace(played, findings=tuple(_differences(ends[0] or {}, told)))

    def again(seed: int, faults: tuple[Fault, ...]) -> str:
        return (
            f"trial({name!r}, {seed}, {faults!r}, store={store!r})  # of tests.simulation.playing; "
            f"or\n    make soak ARGS='--world {name} --store {store} --from {seed} --seeds 1'"
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
