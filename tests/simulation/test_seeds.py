"""Fresh worlds at every run, and those that have once found something.

`CORAGO_SEED=N` plays the worlds of the seeds from N on again.
"""

from __future__ import annotations

import os
import random

import pytest

from corago.testing.simulator import Weather
from tests.simulation.playing import play, store_of, trial
from tests.simulation.regressions import REGRESSIONS, Regression
from tests.simulation.worlds import WORLDS, world_of

COUNT = 200
RUN = os.environ.get("PYTEST_XDIST_TESTRUNUID") or random.SystemRandom().random()
"""The same in all OS processes of a run, which must agree on their tests."""
BASE = int(os.environ.get("CORAGO_SEED") or random.Random(RUN).randrange(10**9))


@pytest.mark.parametrize("seed", range(BASE, BASE + COUNT))
def test_a_world_in_rough_weather_keeps_every_promise(seed: int) -> None:
    trial(world_of(seed), seed, store=store_of(seed))


@pytest.mark.parametrize("found", REGRESSIONS, ids=str)
def test_what_was_once_found_is_found_no_more(found: Regression) -> None:
    trial(found.world, found.seed, found.faults, store=found.store)


@pytest.mark.parametrize("name", WORLDS)
def test_the_same_seed_gives_the_same_run_byte_for_byte(name: str) -> None:
    faults = Weather().faults(BASE)
    assert play(name, BASE, faults) == play(name, BASE, faults)
