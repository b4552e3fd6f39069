"""Stored histories against today's code: what fits, what does not, and where and why."""

from __future__ import annotations

import itertools
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from corago import (
    Engine,
    Retry,
    State,
    begin,
    conditional,
    current,
    done,
    init,
    parallel,
    retrystep,
    sleep,
    step,
    wait_for,
    workflow,
)
from corago.cli.options import COMMON
from corago.cli.output import Output
from corago.core import events as e
from corago.core.history import History
from corago.machine import define
from corago.testing import (
    ReplayError,
    VirtualClock,
    crash_at,
    crash_everywhere,
    expect,
    load_history,
    replay,
    save_histories,
    save_history,
)

DAYS = timedelta(days=3)


@step("Create")
def create(size: int = 2) -> State:
    return {"size": size}


def is_large(size: int) -> bool:
    return size > 1


@step("Check")
def check(size: int) -> State:
    return {"checked": size}


@retrystep("Configure", retry=Retry(attempts=3, delay=3600))
def configure() -> State:
    if current().attempt < 2:
        raise ConnectionError("the switch is busy")
    return {"configured": True}


@step("Tell")
def tell() -> State:
    return {"told": True}


guarded, nap, wait = conditional(is_large)(check), sleep(3600), wait_for("yes", timeout=DAYS)
both = parallel("Both", configure, begin >> tell)


def port(*elements: Any) -> Any:
    """A form of one workflow, which is always named alike."""

    def create_port() -> Any:
        found: Any = init
        for each in elements:
            found = found >> each
        return found >> done

    return workflow("A port")(create_port)


ORIGINAL = port(create, guarded, nap, wait, both)


@pytest.fixture(scope="module")
def history() -> History:
    """What the original form recorded, from its start to its end."""
    with Engine(clock=VirtualClock()) as engine:
        handle = engine.start(ORIGINAL)
        expect(handle).waits_for_signal("yes")
        engine.signal(handle.id, "yes", 1)
        handle.result(timeout=20)
        return handle.history()


def test_a_history_fits_the_code_that_made_it(history: History) -> None:
    replayed = replay(history, ORIGINAL)
    assert replayed.status == "completed"
    assert replayed.state == history.of(e.ProcessCompleted)[0].result
    assert replayed.wants == ()


@step("Check")
def needy(size: int, color: str) -> State:
    return {"checked": f"{size} {color}"}


def is_huge(size: int) -> bool:
    return size > 1000


def is_broken(size: int) -> bool:
    raise RuntimeError("no")


@step("Pay", at_most_once=True)
def pay() -> State:
    return {"paid": True}


def test_a_wait_for_another_signal_is_told_where_it_would_have_ended(engine: Engine) -> None:
    def waits(signal: str) -> Any:
        return port(wait_for(signal, timeout=DAYS).named("Wait"))

    handle = engine.start(waits("no"))
    engine.signal(handle.id, "yes", 1)
    expect(handle).failed_at("Wait")
    replay(handle.history(), waits("no"))
    with pytest.raises(ReplayError, match="TimerFired 'Wait@1'\nThere, today's code wants to rec"):
        replay(handle.history(), waits("yes"))


def test_what_was_suspended_under_another_name_is_told() -> None:
    history = crash_at("Pay").run(port(pay)).history
    assert replay(history, port(pay)).status == "suspended"
    with pytest.raises(ReplayError, match="ProcessSuspended 'Pay'.*\n.* wants 'Buy' to run"):
        replay(history, port(pay.named("Buy")))


STRICT: dict[str, tuple[Any, str, str]] = {
    "a step is added in front": (
        port(tell, create, guarded, nap, wait, both),
        "ActivityClosed 'Create'",
        "today's code wants 'Tell' to run",
    ),
    "a step is added behind": (
        port(create, guarded, nap, wait, both, tell),
        "ProcessCompleted",
        "today's code wants 'Tell' to run",
    ),
    "a step is renamed": (
        port(create.named("Make"), guarded, nap, wait, both),
        "ActivityClosed 'Create'",
        "today's code wants 'Make' to run",
    ),
    "a step is gone": (
        port(guarded, nap, wait, both),
        "ActivityClosed 'Create'",
        "today's code wants to record PredicateAnswered 'Check'",
    ),
    "a guarded step is renamed": (
        port(create, conditional(is_large)(check.named("Look")), nap, wait, both),
        "PredicateAnswered 'Check'",
        "today's code wants to record PredicateAnswered 'Look'",
    ),
    "a predicate is gone": (
        port(create, check, nap, wait, both),
        "PredicateAnswered 'Check'",
        "today's code wants 'Check' to run",
    ),
    "a predicate is added": (
        port(conditional(is_large)(create), guarded, nap, wait, both),
        "ActivityClosed 'Create'",
        "today's code wants to record PredicateAnswered 'Create'",
    ),
    "a predicate says something else": (
        port(create, conditional(is_huge)(check), nap, wait, both),
        "PredicateAnswered 'Check'",
        "today's predicate 'Check?0' says no",
    ),
    "a predicate is broken": (
        port(create, conditional(is_broken)(check), nap, wait, both),
        "PredicateAnswered 'Check'",
        "today's predicate 'Check?0' says RuntimeError",
    ),
    "a step needs more": (
        port(create, conditional(is_large)(needy), nap, wait, both),
        "ActivityClosed 'Check'",
        "today's step can't take the State that it took then: step 'Check' needs the argument",
    ),
    "a sleep is gone": (
        port(create, guarded, wait, both),
        "TimerStarted 'Sleep@1'",
        "today's code wants to record TimerStarted 'Wait for yes@1'",
    ),
    "a sleep and a wait change places": (
        port(create, guarded, wait, nap, both),
        "TimerStarted 'Sleep@1'",
        "today's code wants to record TimerStarted 'Wait for yes@1'",
    ),
    "a wait has no timeout any more": (
        port(create, guarded, nap, wait_for("yes"), both),
        "TimerStarted 'Wait for yes@1'",
        "today's code wants 'Wait for yes' to wait for the signal 'yes'",
    ),
    "a branch is gone": (
        port(create, guarded, nap, wait, parallel("Both", configure)),
        "ActivityClosed 'Both/Tell'",
        "today's code wants 'Both/Configure' to run",
    ),
}


@pytest.mark.parametrize("change", STRICT)
def test_a_change_of_course_is_told_where_it_begins(history: History, change: str) -> None:
    today, recorded, wanted = STRICT[change]
    with pytest.raises(ReplayError) as caught:
        replay(history, today)
    _, was, there, *around = str(caught.value).splitlines()
    position = caught.value.position
    assert was.startswith(f"At position {position} was recorded: {recorded}")
    assert there.startswith(f"There, {wanted}")
    assert around[-1].startswith(f"-> {position:>3}  {recorded}")


LENIENT: dict[str, Any] = {
    "policies of a step": port(
        step("Create", at_most_once=True, timeout=5)(create.asked.function),
        guarded,
        nap,
        wait,
        both,
    ),
    "how long a sleep is": port(create, guarded, sleep(1), wait, both),
    "how long a wait is": port(create, guarded, nap, wait_for("yes", timeout=1), both),
    "the order of branches": port(
        create, guarded, nap, wait, parallel("Both", begin >> tell, configure)
    ),
    "the code of a step": port(step("Create")(lambda: {"size": 100}), guarded, nap, wait, both),
}


@pytest.mark.parametrize("change", LENIENT)
def test_what_may_change_at_any_time_is_no_difference(history: History, change: str) -> None:
    assert replay(history, LENIENT[change]).status == "completed"


def test_without_asking_only_the_course_counts(history: History) -> None:
    for change in ("a predicate says something else", "a step needs more"):
        replay(history, STRICT[change][0], asks=False)


def test_a_history_that_goes_on_tells_what_is_wanted_next(history: History) -> None:
    def wants(length: int) -> tuple[str, ...]:
        return replay(History(history[:length]), ORIGINAL).wants

    assert wants(1) == ("'Create' to run",)
    assert wants(2) == (
        "to record PredicateAnswered 'Check' error=NotRecorded: the history holds no answer",
    )
    assert wants(5) == ("the timer 'Sleep@1'",)
    names = [type(event).__name__ for event in history]
    waiting = names.index("SignalReceived")
    assert "'Wait for yes' to wait for the signal 'yes'" in wants(waiting)


def test_an_operators_commands_fit(engine: Engine) -> None:
    @step("Fragile")
    def fragile(state: State) -> State:
        raise ConnectionError("gone")

    form = port(parallel("Both", fragile, begin >> fragile.named("Other")), fragile)
    handle = engine.start(form)
    expect(handle).failed_at("Both/Fragile")
    engine.retry(handle.id)
    expect(handle).attempts("Both/Fragile", 2).failed_at("Both/Fragile")
    engine.skip(handle.id, step="Both/Other")
    engine.set_result(handle.id, {"x": 1}, step="Both/Fragile")
    expect(handle).failed_at("Fragile")
    engine.retry(handle.id)
    expect(handle).attempts("Fragile", 2)
    engine.abort(handle.id)
    assert replay(handle.history(), form).status == "aborted"
    with pytest.raises(ReplayError, match="StepSkipped|ActivityClosed 'Both/Other'"):
        replay(handle.history(), port(parallel("Both", fragile), fragile))


@pytest.mark.parametrize("role", ["if", "set"])
def test_a_function_that_wants_to_exit_fits_as_any_that_fails(engine: Engine, role: str) -> None:
    def leaves() -> bool:
        raise SystemExit(3)

    edge = {"event": "go", role: {"call": "leaves"}, "to": "b"}
    document = {"name": "m", "initial": "a", "states": {"a": {"on": [edge]}, "b": {}}}
    form = define(document, {"leaves": leaves})
    handle = engine.start(form)
    engine.signal(handle.id, "go")
    expect(handle).suspended_at("states/a/on/0")
    assert replay(handle.history(), form).status == "suspended"


def test_a_cancel_and_a_timeout_fit(engine: Engine) -> None:
    form = port(sleep(60), wait_for("yes"))
    canceled, late = engine.start(form), engine.start(form, timeout=3600)
    expect(late).timed_out()
    engine.cancel(canceled.id)
    expect(canceled).canceled()
    for handle in (canceled, late):
        replay(handle.history(), form)


def test_work_of_a_queue_that_was_called_off_before_it_began_fits(engine: Engine) -> None:
    def work() -> None:
        raise AssertionError

    states = {
        "a": {"run": {"activity": "work", "queue": "q"}, "when": [{"to": "b"}]},
        "b": {"after": [{"delay": "1h", "to": "c"}]},
        "c": {"terminal": True},
    }
    form = define({"name": "m", "initial": "a", "states": states}, {"work": work})
    handle = engine.start(form)
    expect(handle).completed()
    (never,) = handle.history().of(e.ActivityClosed)
    assert isinstance(never.result, e.ActivityCanceled)
    replay(handle.history(), form)


def test_every_history_of_a_crash_fits() -> None:
    for run in crash_everywhere(ORIGINAL, signals={"yes": 1}):
        replay(run.history, ORIGINAL)


def test_a_history_with_an_end_left_out_does_not_fit(history: History) -> None:
    """A replay can fail: without one of its steps' ends, no history fits."""
    for end in history.of(e.ActivityClosed):
        kept = (event for event in history if event.position != end.position)
        with pytest.raises(ReplayError):
            replay(_renumbered(kept), ORIGINAL)


def _renumbered(events: Any) -> History:
    return History(
        msgspec.structs.replace(event, position=position)
        for event, position in zip(events, itertools.count(1), strict=False)
    )


def test_a_process_that_went_over_is_judged_by_today_or_by_each_form_in_turn(
    tmp_path: Path, clock: VirtualClock
) -> None:
    url, old, new = f"sqlite:///{tmp_path}/work.db", port(create, wait), port(create, wait, tell)
    with Engine(url, workflows=[old], clock=clock) as engine:
        expect(engine.start(old, id="port")).waits_for_signal("yes")
    with Engine(url, workflows=[new], clock=clock) as engine:
        engine.signal("port", "yes", 1)
        expect(engine.get("port")).completed_with(told=True)
        history = engine.history("port")
    assert history.of(e.DefinitionChanged)
    assert replay(history, new) == replay(history, new, before=[old])
    changed = port(create.named("Make"), wait, tell)
    assert replay(history, changed, before=[old]).status == "completed"
    with pytest.raises(ReplayError, match="ActivityClosed 'Create'"):
        replay(history, changed)
    with pytest.raises(ReplayError, match="today's code can't take it over: 'Wait for yes' is not"):
        replay(history, port(create, tell), before=[old])


# -- files -----------------------------------------------------------------------------------------


def test_histories_are_kept_one_to_a_file_and_replayed_from_there(
    engine: Engine, tmp_path: Path
) -> None:
    ids, form = ["port/7", "port 8", "ünïcode"], port(create, wait_for("yes"))
    for id_ in ids:
        engine.start(form, id=id_)
        engine.signal(id_, "yes", 1)
        engine.get(id_).result(timeout=20)
    engine.start(form, id="open")
    paths = save_histories(engine, tmp_path / "new", workflow="create_port", status="completed")
    assert {path.parent for path in paths} == {tmp_path / "new" / "create_port"}
    started = [event for path in paths for event in load_history(path).of(e.ProcessStarted)]
    assert {event.process_id for event in started} == set(ids)
    for path in paths:
        assert replay(path, form).status == "completed"
        assert replay(str(path), form).status == "completed"


def test_a_kept_history_is_what_was_recorded_but_for_tracebacks(
    engine: Engine, tmp_path: Path
) -> None:
    @step("Fragile")
    def fragile() -> State:
        raise ConnectionError("gone")

    handle = engine.start(port(create, configure, fragile))
    expect(handle).failed_at("Fragile")
    history = handle.history()
    text = save_history(history, tmp_path / "a.jsonl").read_text("utf-8")
    assert "Traceback" not in text
    assert text.count("ConnectionError") == 3
    kept = load_history(tmp_path / "a.jsonl")
    assert [type(event) for event in kept] == [type(event) for event in history]
    assert kept.of(e.ActivityClosed)[0] == history.of(e.ActivityClosed)[0]


def test_what_the_command_line_prints_can_be_replayed(
    history: History, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Output(COMMON).document(list(history))
    (tmp_path / "printed.json").write_text(capsys.readouterr().out, "utf-8")
    assert list(load_history(tmp_path / "printed.json")) == list(history)
    replay(tmp_path / "printed.json", ORIGINAL)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "its first event is not ProcessStarted"),
        ("[]", "its first event is not ProcessStarted"),
        ("[1", "holds no history"),
        ("hello", "holds no history"),
        ('{"type":"Novelty"}', "unknown to this corago"),
        (
            json.dumps({"type": "ProcessCanceled", "position": 2, "at": "2026-01-01T00:00:00Z"}),
            "position 2 stands where 1 should",
        ),
    ],
)
def test_a_file_without_a_history_is_named(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(text, "utf-8")
    with pytest.raises(ValueError, match=message) as caught:
        load_history(path)
    assert str(path) in str(caught.value)
