"""Worlds without end: plays seeds for as long as it is told, and tells of all that goes wrong.

`make soak`, or `python -m tests.simulation.soak --seeds 10000 --from 0 --jobs 2`. A seed is that of
the tests: `--world NAME --store STORE --from SEED --seeds 1` plays one again.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import count, islice, takewhile

from corago.clock import SystemClock
from corago.testing.simulator import SimulationError
from tests.simulation.on_sqlite import STORES
from tests.simulation.playing import store_of, trial
from tests.simulation.worlds import WORLDS, world_of

SECONDS = 60.0
CLOCK = SystemClock()
AT_ONCE = 8
"""So many seeds a job are handed out at once."""


def say(text: str) -> None:
    """Say it at once, also into a file."""
    print(text, flush=True)  # noqa: T201 - a command prints


@dataclass(frozen=True)
class Trial:
    """How one seed went: the faults that happened by kind, and the text of what went wrong."""

    world: str
    store: str
    seed: int
    seconds: float
    faults: tuple[str, ...] = ()
    failure: str = ""


@dataclass
class Account:
    """What has been seen so far."""

    began: float
    told: float
    seeds: int = 0
    failures: int = 0
    places: Counter[str] = field(default_factory=Counter)
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    faults: Counter[str] = field(default_factory=Counter)

    def take(self, trial: Trial) -> None:
        """Count one seed, and tell of it if it went wrong."""
        self.seeds += 1
        for place in (trial.world, f"on {trial.store}"):
            self.places[place] += 1
            self.seconds[place] += trial.seconds
        self.faults.update(trial.faults)
        if trial.failure:
            self.failures += 1
            say(f"\n{trial.world} on {trial.store}, seed {trial.seed}:\n{trial.failure}\n")

    def tell(self) -> None:
        """Say how far it is."""
        self.told = CLOCK.monotonic()
        seconds = max(self.told - self.began, 0.001)
        each = (f"{name} {n} ({self.seconds[name] / n:.2f} s)" for name, n in self.places.items())
        kinds = (f"{kind} {n}" for kind, n in sorted(self.faults.items()))
        say(
            f"{CLOCK.now():%H:%M:%S} {self.seeds} seeds in {seconds:.0f} s, "
            f"{self.seeds / seconds:.1f} a second, {self.failures} failed\n"
            f"    worlds: {', '.join(each)}\n"
            f"    faults that happened: {', '.join(kinds)}"
        )


def attempt(world: str | None, store: str | None, patience: float, seed: int) -> Trial:
    """Play one seed."""
    name, on = world or world_of(seed), store or store_of(seed)
    kinds: tuple[str, ...] = ()
    failure, began = "", CLOCK.monotonic()
    try:
        played = trial(name, seed, store=on, patience=patience)
        kinds = tuple(fault.kind for fault in played.happened)
    except SimulationError as error:
        failure = str(error)
    except Exception as error:  # noqa: BLE001 - a broken world ends no soak
        failure = repr(error)
    return Trial(name, on, seed, CLOCK.monotonic() - began, kinds, failure)


def trials(play: Callable[[int], Trial], seeds: Iterable[int], jobs: int) -> Iterator[Trial]:
    """Play seeds, as many at a time as there are jobs; in their order."""
    if jobs == 1:
        yield from map(play, seeds)
        return
    with ProcessPoolExecutor(jobs) as pool:
        left = iter(seeds)
        while batch := list(islice(left, AT_ONCE * jobs)):
            yield from pool.map(play, batch)


def main(arguments: Sequence[str]) -> int:
    """Soak; gives the exit status."""
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--seconds", type=float, help=f"for how long (default: {SECONDS:g})")
    parser.add_argument("--seeds", type=int, help="how many seeds, however long that takes")
    parser.add_argument("--from", type=int, dest="first", help="the first seed (default: any)")
    parser.add_argument("--jobs", type=int, default=1, help="OS processes at a time")
    parser.add_argument("--world", choices=[*WORLDS], help="play this world only")
    parser.add_argument("--store", choices=[*STORES], help="play on this store only")
    parser.add_argument("--patience", type=float, default=20.0, help="seconds for each shrinking")
    told = parser.parse_args(arguments)
    first = random.SystemRandom().randrange(10**9) if told.first is None else told.first
    began = CLOCK.monotonic()
    end = told.seconds if told.seconds or told.seeds else SECONDS
    seeds = count(first) if told.seeds is None else iter(range(first, first + told.seeds))
    if end:
        seeds = takewhile(lambda _: CLOCK.monotonic() < began + end, seeds)
    say(f"from seed {first} on")
    account = Account(began, began)
    play = partial(attempt, told.world, told.store, told.patience)
    for each in trials(play, seeds, told.jobs):
        account.take(each)
        if CLOCK.monotonic() > account.told + 60:
            account.tell()
    account.tell()
    return 1 if account.failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
