"""From a world that went wrong to a few faults, and users' own workflows in worlds of all kinds."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from corago import State, child, current, done, init, sleep, step, workflow
from corago.testing import Fault, SimulationError, Weather, simulate
from corago.testing.simulator import CALM, CLIENT, EVERYBODY, Played, judge
from tests.testing import worlds

# -- from many faults to few ---------------------------------------------------------------------


class Watchmaker:
    """A clock that moves on by a second whenever it is read."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> Any:
        raise NotImplementedError

    def monotonic(self) -> float:
        self.seconds += 1
        return self.seconds


def test_of_many_faults_those_are_left_that_it_takes() -> None:
    faults = Weather().faults(8)
    guilty = {faults[3], faults[17]}
    plays: list[int] = []

    def play(given: tuple[Fault, ...]) -> Played:
        plays.append(len(given))
        found = ("it broke",) if guilty <= set(given) else ()
        return Played(found, ("0.000000 nothing",), given)

    with pytest.raises(SimulationError) as caught:
        judge(8, play, faults)
    assert set(caught.value.faults) == guilty
    assert caught.value.seed == 8
    assert caught.value.findings == ("it broke",)
    assert len(plays) < 50


def test_what_needs_no_fault_is_told_without_any() -> None:
    with pytest.raises(SimulationError, match="it takes none of 28 faults") as caught:
        judge(8, lambda given: Played(("it broke",), (), given), Weather().faults(8))
    assert caught.value.faults == ()


def test_faults_that_did_not_happen_are_left_out_at_once() -> None:
    faults, plays = Weather().faults(8), list[int]()

    def play(given: tuple[Fault, ...]) -> Played:
        plays.append(len(given))
        return Played(("it broke",) if faults[5] in given else (), (), given[5:6])

    with pytest.raises(SimulationError):
        judge(8, play, faults)
    assert plays == [28, 0, 1]


def test_shrinking_ends_when_patience_does() -> None:
    faults, plays = Weather().faults(8), list[int]()

    def play(given: tuple[Fault, ...]) -> Played:
        plays.append(len(given))
        return Played(("it broke",) if len(given) > 4 else (), (), given)

    with pytest.raises(SimulationError, match="there may be fewer"):
        judge(8, play, faults, patience=5, clock=Watchmaker())
    assert len(plays) < 9


# -- users' own workflows ------------------------------------------------------------------------

EFFECTS: list[str] = []


@step("Count")
def count() -> State:
    EFFECTS.append(current().idempotency_key)
    return {"count": len(EFFECTS)}


@workflow("A bad count")
def counting() -> Any:
    return init >> count >> done


@workflow("A good count")
def counting_keys() -> Any:
    @step("Count")
    def count_once() -> State:
        EFFECTS.append(current().idempotency_key)
        return {"count": len(set(EFFECTS))}

    return init >> count_once >> done


CRASHES = [Fault("crash at call", 1, number) for number in range(8, 14)]
NOISE = [
    Fault("repeated", CLIENT, 1, 1.0),
    Fault("deaf", CLIENT, 0.01, 1.0),
    Fault("slow", 2, 3, 0.5),
]


def test_a_step_that_may_not_run_twice_is_found_with_the_one_fault_that_it_takes() -> None:
    def run(workflow: Any, faults: list[Fault]) -> Any:
        return simulate(
            workflow, processes=1, workers=1, faults=faults, seeds=[3], prepare=EFFECTS.clear
        )

    def fails(each: Fault) -> bool:
        try:
            run(counting, [each])
        except SimulationError:
            return True
        return False

    guilty = [each for each in CRASHES if fails(each)]
    assert guilty, "a worker died between the step and its record"
    with pytest.raises(SimulationError) as caught:
        run(counting, [*NOISE, guilty[0]])
    assert caught.value.faults == (guilty[0],)
    text = str(caught.value)
    assert text.startswith(
        "the world of seed 3 went wrong:\n"
        "  * p1 came to 'count': 2, and to 'count': 1 in the calm world\n"
        "it takes 1 of 4 faults ("
    )
    assert f"\n    {guilty[0]!r}  # worker 1 dies as it calls append, and the store never " in text
    assert (
        "\nthe code of a step or activity ran more than once for the same attempt:\n"
        "    attempt 1 of activity 'Count' of process 'p1' began 2 times under its key "
        "'p1/1/Count/1': on worker 1, where its code completed, and on worker 2, where its code "
        "completed\nthe last "
    ) in text
    assert "worker 1 dies" in text
    assert "result={'count': 2}" in text
    line = text.splitlines()[-1].strip()
    assert line.startswith(f"simulate(..., seeds=[3], faults=[{guilty[0]!r}])")

    def again(_: Any, *, seeds: list[int], faults: list[Fault]) -> None:
        simulate(
            counting, processes=1, workers=1, faults=faults, seeds=seeds, prepare=EFFECTS.clear
        )

    with pytest.raises(SimulationError) as caught_again:
        eval(line, {"simulate": again, "Fault": Fault})  # noqa: S307 - what the text tells to run
    assert caught_again.value.findings == caught.value.findings
    assert [each.ends["p1"].status for each in run(counting_keys, guilty)] == ["completed"]


# -- what users get wrong: a few bugs, and how many seeds see them --------------------------------

OUTSIDE: dict[str, str] = {}
KEPT: dict[str, int] = {}


@step("Look")
async def look() -> State:
    await asyncio.sleep(0.5)
    return {}


@step("Look back")
async def look_back() -> State:
    await asyncio.sleep(0.5)
    return {}


@step("Box")
async def box() -> State:
    await asyncio.sleep(1)
    OUTSIDE[current().process_id] = "packed"
    return {}


@step("Ship")
async def ship() -> State:
    await asyncio.sleep(1)
    OUTSIDE[current().process_id] = "shipped"
    return {}


@step("Ask")
async def ask() -> State:
    await asyncio.sleep(0.1)
    KEPT[current().process_id] = 5
    return {}


@step("Use")
async def use() -> State:
    await asyncio.sleep(0.1)
    return {"used": KEPT.get(current().process_id)}


@workflow("Counts among others")
def doubled() -> Any:
    return init >> look >> count >> look_back >> done


@workflow("A late writer wins")
def overtaken() -> Any:
    return init >> look >> box >> ship >> done


@workflow("A step relies on another's memory")
def forgetful() -> Any:
    return init >> ask >> use >> done


BUGS: dict[str, tuple[Any, int, dict[str, Any]]] = {
    "an effect is had twice": (
        doubled,
        3,
        {"prepare": EFFECTS.clear, "compare": lambda _: len(EFFECTS)},
    ),
    "an effect comes too late": (
        overtaken,
        1,
        {"prepare": OUTSIDE.clear, "compare": lambda _: dict(OUTSIDE)},
    ),
    "a step relies on memory": (forgetful, 3, {"prepare": KEPT.clear, "forget": KEPT.clear}),
}


@pytest.mark.parametrize("name", BUGS)
def test_what_users_get_wrong_is_seen_by_many_of_the_default_seeds(name: str) -> None:
    """In seeds 0 to 59 it was 32, 13 and 39; without aim 4, none and none."""
    workflow, least, given = BUGS[name]
    found = 0
    for seed in range(10):
        try:
            simulate(workflow, seeds=[seed], patience=0, **given)
        except SimulationError:
            found += 1
    assert found >= least


def test_nothing_is_forgotten_while_some_code_runs() -> None:
    forgotten: list[int] = []

    async def works() -> State:
        key, number = current().idempotency_key, int(current().process_id[1:])
        KEPT[key] = number
        await asyncio.sleep(1 + 3 * (number % 2))
        return {current().path: KEPT.get(key)}

    @workflow("Working")
    def working() -> Any:
        return init >> step("Work")(works) >> step("Go on")(works) >> done

    def forget() -> None:
        forgotten.append(len(KEPT))
        KEPT.clear()

    deaths = [Fault("crash at effect", EVERYBODY, 1), Fault("crash at effect", EVERYBODY, 6)]
    seeds = range(6)
    simulate(working, seeds=seeds, processes=6, faults=deaths, prepare=KEPT.clear, forget=forget)
    assert any(forgotten)


def test_workers_serve_the_queues_of_children_too() -> None:
    @workflow("A parent")
    def parent() -> Any:
        return init >> child(worlds.walk, input={"number": 1}) >> done

    signals = {"go": {"by": "ann"}}
    (ran,) = simulate(parent, signals=signals, processes=1, weather=CALM, seeds=[1])
    assert ran.ends["p1"].status == "completed"


def test_months_of_sleep_cost_nothing() -> None:
    @workflow("A long sleep")
    def long() -> Any:
        return init >> sleep(timedelta(days=300)) >> done

    (ran,) = simulate(long, processes=1, weather=CALM, seeds=[1])
    assert ran.ends["p1"].status == "completed"
    assert len(ran.trace) < 60


def test_a_process_without_an_end_is_told_before_anything_goes_wrong() -> None:
    with pytest.raises(AssertionError, match=r"p1 does not even end .* waits for signal name"):
        simulate(worlds.greeting, {}, seeds=[1])


def test_what_may_run_only_once_waits_for_an_operator() -> None:
    @workflow("Once")
    def only() -> Any:
        @step("Pay", at_most_once=True)
        async def pay() -> State:
            await asyncio.sleep(5)
            return {"paid": True}

        return init >> pay >> done

    crash = [Fault("pause", EVERYBODY, 1.0, 40.0), Fault("crash at await", 1, 40)]
    with pytest.raises(SimulationError, match="p1 is suspended.*`retries` lets an operator"):
        simulate(only, processes=1, workers=1, faults=crash, seeds=[1])
    (ran,) = simulate(only, processes=1, workers=1, faults=crash, seeds=[1], retries=1)
    assert str(ran) == "seed 1: p1 completed; 2 faults happened"


def test_what_is_compared_is_looked_at_right_after_each_world() -> None:
    taken: list[int] = []

    @step("Take")
    def take() -> State:
        taken.append(1)
        return {}

    @workflow("Taking")
    def taking() -> Any:
        return init >> take >> done

    counted: list[int] = []

    def count(_: Any) -> int:
        counted.append(len(taken))
        return 0

    simulate(taking, processes=1, seeds=[1], weather=CALM, prepare=taken.clear, compare=count)
    assert counted == [1, 1]


@pytest.mark.parametrize("given", [{"seeds": []}, {"processes": 0}, {"workers": 0}])
def test_what_proves_nothing_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="at least one"):
        simulate(worlds.walk, **given)


@pytest.mark.parametrize(
    ("kind", "at", "seconds"),
    [("slow", "soon", 2), ("slow", 5, float("nan")), ("slow", 1.5, 2), ("pause", 10**12, 1)],
)
def test_a_fault_that_can_never_come_is_refused(kind: Any, at: Any, seconds: float) -> None:
    with pytest.raises(ValueError, match="at|seconds"):
        Fault(kind, 1, at, seconds)


@pytest.mark.parametrize("count", [-1, 10**7, 1.5])
def test_a_weather_that_there_can_not_be_is_refused(count: Any) -> None:
    with pytest.raises(ValueError, match="crashes is a number from 0 to 1,000"):
        Weather(crashes=count)


def test_a_sound_workflow_is_not_to_blame_where_too_many_workers_die_with_one_step() -> None:
    """The process waits for a person, as it should; how many are too many, is the engine's word."""

    @step("Work")
    async def work() -> State:
        return {"worked": True}

    @workflow("Works")
    def works() -> Any:
        return init >> work >> done

    deaths = [Fault("crash at effect", EVERYBODY, number) for number in range(1, 6)]
    (found,) = simulate(works, processes=1, workers=1, faults=deaths, seeds=[2])
    assert {*found.happened} == {*deaths}
    assert found.ends["p1"].status == "suspended"
