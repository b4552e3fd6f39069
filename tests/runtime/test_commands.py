"""Skip, set_result, retry of named steps: what an operator may do, and what is refused and why."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from corago import (
    CommandRefusedError,
    Engine,
    InvalidInputError,
    ProcessFailedError,
    ProcessNotFoundError,
    Retry,
    State,
    current,
    parallel,
    step,
    wait_for,
)
from corago.core import events as e
from corago.core import messages as m
from tests.runtime.stage import Stage, kinds, listing, reaches, until

DEADLINE = 10.0


@step("Break")
def breaks() -> State:
    raise OSError("broken")


@step("After")
def after(state: State) -> State:
    return {"after": sorted(state)}


def failed(engine: Engine, *steps: Any, id: str = "p") -> Any:
    handle = engine.start(listing(*steps), id=id)
    with pytest.raises(ProcessFailedError):
        handle.result(timeout=DEADLINE)
    return handle


def test_a_skipped_step_is_passed_over_as_if_it_had_written_nothing() -> None:
    with Engine() as engine:
        handle = failed(engine, breaks, after)
        engine.skip("p", actor="ann", reason="not needed")
        assert handle.result(timeout=DEADLINE) == {"after": []}
        skipped = handle.history().of(e.StepSkipped)[0]
        assert (skipped.path, skipped.actor, skipped.reason) == ("Break", "ann", "not needed")


def test_a_set_result_stands_in_for_the_step() -> None:
    with Engine() as engine:
        handle = failed(engine, breaks, after)
        engine.set_result("p", {"port": 7}, actor="ann")
        assert handle.result(timeout=DEADLINE) == {"port": 7, "after": ["port"]}
        closed = handle.history().of(e.ActivityClosed)
        assert [(each.path, each.actor) for each in closed] == [
            ("Break", None),
            ("Break", "ann"),
            ("After", None),
        ]


@pytest.mark.parametrize("bad", [7, None, [1], "text", {"x": float("nan")}, {"x": object()}])
def test_a_result_that_is_no_dict_of_json_is_refused(bad: Any) -> None:
    with Engine() as engine:
        failed(engine, breaks)
        with pytest.raises(InvalidInputError):
            engine.set_result("p", bad)


def test_a_signal_wait_that_timed_out_can_be_given_its_data_or_skipped() -> None:
    stage = Stage()

    async def story() -> None:
        async with stage.engine() as engine:
            for name in ("a", "b", "c"):
                await engine.start(listing(wait_for("go", timeout=1), after), id=name)
                await reaches(engine, name, "failed")
            await engine.skip("a")
            assert await engine.wait("a", 5) == {"after": []}
            await engine.set_result("b", {"go": 7})
            assert await engine.wait("b", 5) == {"go": 7, "after": ["go"]}
            await engine.retry("c")
            await reaches(engine, "c", "waiting")
            await engine.signal("c", "go", 8)
            assert (await engine.wait("c", 5))["go"] == 8

    stage.run(story())


@pytest.mark.parametrize(
    ("status", "call", "why"),
    [
        ("waiting", "retry", "nothing in it has failed"),
        ("waiting", "skip", "nothing in it has failed"),
        ("waiting", "set_result", "nothing in it has failed"),
        ("completed", "retry", "completed already"),
        ("completed", "skip", "completed already"),
        ("completed", "cancel", "completed already"),
        ("completed", "abort", "completed already"),
        ("aborted", "retry", "aborted already"),
        ("aborted", "abort", "aborted already"),
        ("failed", "cancel", "failed already"),
    ],
)
def test_a_command_that_does_not_fit_is_refused_with_the_reason(
    status: str, call: str, why: str
) -> None:
    with Engine() as engine:
        if status == "failed":
            failed(engine, breaks)
        else:
            engine.start(listing(wait_for("go")), id="p")
        if status == "completed":
            engine.signal("p", "go")
            engine.get("p").result(timeout=DEADLINE)
        if status == "aborted":
            engine.abort("p")
        given: Any = ({},) if call == "set_result" else ()
        with pytest.raises(CommandRefusedError, match=why) as caught:
            getattr(engine, call)("p", *given)
        assert (caught.value.process_id, caught.value.command) == ("p", call)
        assert caught.value.why in str(caught.value)


def test_a_command_for_another_step_names_what_can_be_acted_on() -> None:
    with Engine() as engine:
        failed(engine, breaks, after)
        with pytest.raises(CommandRefusedError, match="'After' has not failed.*'Break'"):
            engine.retry("p", step="After")


def test_with_several_failures_only_a_retry_may_leave_the_step_unnamed() -> None:
    with Engine() as engine:
        handle = failed(engine, parallel("Both", breaks.named("One"), breaks.named("Two")), after)
        with pytest.raises(CommandRefusedError, match="'Both/One', 'Both/Two'"):
            engine.skip("p")
        with pytest.raises(CommandRefusedError, match="name one"):
            engine.set_result("p", {"x": 1})
        engine.skip("p", step="Both/One")
        with pytest.raises(ProcessFailedError, match="Both/Two"):
            handle.result(timeout=DEADLINE)
        engine.set_result("p", {"two": 2}, step="Both/Two")
        assert handle.result(timeout=DEADLINE) == {"two": 2, "after": ["two"]}


@pytest.mark.parametrize("call", ["retry", "skip", "cancel", "abort"])
def test_a_command_to_nobody_says_so(call: str) -> None:
    with Engine() as engine, pytest.raises(ProcessNotFoundError, match="'nobody'"):
        getattr(engine, call)("nobody")


@pytest.mark.parametrize("call", ["retry", "skip", "cancel", "abort"])
@pytest.mark.parametrize("bad", [{"actor": 7}, {"reason": b"x"}])
def test_a_command_by_somebody_without_a_name_is_refused(call: str, bad: dict[str, Any]) -> None:
    with Engine() as engine:
        failed(engine, breaks)
        with pytest.raises(InvalidInputError, match=next(iter(bad))):
            getattr(engine, call)("p", **bad)
        assert engine.get("p").pending() == ()


def test_a_command_that_was_overtaken_is_refused_when_its_turn_comes() -> None:
    stage = Stage()
    calls: list[int] = []

    @step("Flaky")
    def flaky() -> None:
        calls.append(1)
        if len(calls) < 3:
            raise OSError

    async def story() -> None:
        async with stage.engine() as engine:
            handle = await engine.start(listing(flaky, wait_for("go")), id="p")
            await reaches(engine, "p", "failed")
            overtaken = [
                m.Command("retry", {"Flaky": 2}, None, "ben", "too late"),
                m.Command("skip", {"Flaky": 2}, None, "cy", "too late"),
                m.Command("set_result", {"Flaky": 2}, {"x": 1}, "di", "too late"),
            ]
            await engine.retry("p", actor="ann")
            await until(lambda: len(calls) == 2)
            await reaches(engine, "p", "failed")
            for command in overtaken:
                await engine._backend.send("p", command, reopens=True)
            await engine.retry("p", actor="ann")
            await reaches(engine, "p", "waiting")
            refused = (await handle.history()).of(e.CommandRefused)
            assert [each.actor for each in refused] == ["ben", "cy", "di"]
            assert {each.reason for each in refused} == {"too late"}
            assert all("tried again since" in each.why for each in refused)
            assert len(calls) == 3

    stage.run(story())


@pytest.mark.parametrize("verb", ["retry", "skip"])
def test_a_command_for_one_back_off_is_refused_in_the_next(verb: str) -> None:
    stage = Stage()
    calls: list[int] = []

    @step("Flaky", retry=Retry(attempts=9, delay=3000, cap=3000, jitter=0))
    def flaky() -> None:
        calls.append(1)
        raise OSError

    async def story() -> None:
        async with stage.engine() as engine:
            handle = await engine.start(listing(flaky), id="p")
            await reaches(engine, "p", "waiting")
            position = len(await handle.history())
            overtaken = m.Command(verb, {"Flaky": position}, None, "ben", "too late")
            await engine.retry("p")
            await until(lambda: len(calls) == 2)
            await reaches(engine, "p", "waiting")
            await engine._backend.send("p", overtaken)
            await asyncio.sleep(1)
            (refused,) = (await handle.history()).of(e.CommandRefused)
            assert (refused.command, refused.actor) == (verb, "ben")
            assert refused.why == "step 'Flaky' was tried again since the command was given"
            assert len(calls) == 2

    stage.run(story())


@pytest.mark.parametrize(("verb", "given"), [("retry", ()), ("skip", ()), ("set_result", ({},))])
def test_a_failed_process_whose_own_time_is_up_is_not_opened_only_to_time_out(
    verb: str, given: Any
) -> None:
    stage = Stage()

    async def story() -> None:
        async with stage.engine() as engine:
            handle = await engine.start(listing(breaks, wait_for("go")), id="p", timeout=60)
            await reaches(engine, "p", "failed")
            (position,) = (
                d.position
                for d in engine._agenda(  # type: ignore[union-attr]
                    await engine._backend.describe("p")
                ).incidents
            )
            await asyncio.sleep(61)
            with pytest.raises(CommandRefusedError, match="its time was up at 2019-12-20 00:01:00"):
                await getattr(engine, verb)("p", *given)
            late = m.Command(verb, {"Break": position}, {})
            await engine._backend.send("p", late, reopens=True)
            await asyncio.sleep(1)
            assert (await handle.info()).status == "failed"
            assert "start it anew" in (await handle.history()).of(e.CommandRefused)[0].why
            await engine.abort("p")

    stage.run(story())


def test_a_result_that_another_branch_has_written_is_refused_where_it_is_used() -> None:
    with Engine() as engine:

        @step("Write")
        def writes() -> State:
            return {"key": 1}

        handle = failed(engine, parallel("Both", writes, breaks))
        engine.set_result("p", {"key": 2})
        with pytest.raises(ProcessFailedError, match="key") as caught:
            handle.result(timeout=DEADLINE)
        assert caught.value.error.type == "BranchConflictError"
        engine.set_result("p", {"other": 2})
        assert handle.result(timeout=DEADLINE) == {"key": 1, "other": 2}


def test_a_step_done_again_after_its_result_was_refused_has_another_key() -> None:
    keys: list[str] = []

    @step("Write")
    def writes() -> State:
        keys.append(current().idempotency_key)
        return {"key": 1} if len(keys) == 1 else {"mine": 1}

    @step("Other")
    def other() -> State:
        return {"key": 0}

    stage = Stage()

    async def story() -> None:
        async with stage.engine() as engine:
            body = listing(parallel("Both", other, writes))
            handle = await engine.start(body, id="p")
            await reaches(engine, "p", "failed")
            await engine.retry("p")
            await handle.result(timeout=5)
            assert "ProcessReopened" in await kinds(engine, "p")

    stage.run(story())
    assert keys == ["p/1/Both/Write/1", "p/1/Both/Write/2"]
