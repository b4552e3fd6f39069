"""The turn's code in a world where workers die at any await and between any two store calls."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.simulation.worlds import Plan, check, play

SEEDS = range(200)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_world_of_dying_workers_ends_as_a_world_where_nobody_dies(seed: int) -> None:
    calm, quiet = play(seed, Plan())
    assert len(quiet.starts) == len(set(quiet.starts)), "nobody died, so nothing runs twice"
    wild, ledger = play(seed, Plan(deaths=4, failure_rate=0.05))
    assert check(quiet, calm) == []
    assert check(ledger, wild) == []
    assert wild == calm


@pytest.mark.parametrize("seed", range(1000, 1060))
def test_steps_of_queues_end_alike_whoever_dies(seed: int) -> None:
    plan = Plan(workers=3, queued=0.6, processes=2, nests=seed % 2 == 0)
    calm, quiet = play(seed, plan)
    assert len(quiet.starts) == len(set(quiet.starts)), "nobody died, so nothing runs twice"
    wild, ledger = play(seed, replace(plan, deaths=5, failure_rate=0.05))
    assert check(quiet, calm) == []
    assert check(ledger, wild) == []
    assert wild == calm


@pytest.mark.parametrize("seed", range(2000, 2060))
def test_lists_within_lists_and_children_end_alike_whoever_dies(seed: int) -> None:
    calm, quiet = play(seed, Plan(nests=True, processes=1))
    assert len(quiet.starts) == len(set(quiet.starts)), "nobody died, so nothing runs twice"
    wild, ledger = play(seed, Plan(nests=True, processes=1, deaths=4, failure_rate=0.05))
    assert check(quiet, calm) == []
    assert check(ledger, wild) == []
    assert wild == calm


@pytest.mark.parametrize("seed", range(3000, 3050))
def test_what_is_canceled_takes_back_what_was_done_whoever_dies(seed: int) -> None:
    plan = Plan(nests=True, processes=1, cancels=True, deaths=4, failure_rate=0.05)
    states, ledger = play(seed, plan)
    assert check(ledger, states) == []


@pytest.mark.parametrize("seed", range(4000, 4030))
def test_a_cancel_of_what_is_in_queues_takes_back_what_was_done_whoever_dies(seed: int) -> None:
    plan = Plan(workers=3, queued=0.6, processes=2, nests=True, cancels=True)
    states, ledger = play(seed, replace(plan, deaths=5, failure_rate=0.05))
    assert check(ledger, states) == []


def test_the_same_seed_gives_the_same_run_event_for_event() -> None:
    def histories() -> list[list[object]]:
        states, ledger = play(11, Plan(deaths=4, failure_rate=0.05))
        return [list(ledger.history(process_id)) for process_id in states]

    assert histories() == histories()
