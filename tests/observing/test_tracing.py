"""OpenTelemetry spans: made with the real SDK, read back from its exporter in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext, SpanKind, StatusCode

from corago import (
    Engine,
    RequestError,
    Retry,
    State,
    Subject,
    conditional,
    current,
    parallel,
    retrystep,
    step,
    wait_for,
)
from corago.observing import tracing
from corago.observing.tracing import Tracing
from tests.runtime.stage import Stage, listing, reaches

DAWN = datetime(2026, 1, 1, tzinfo=UTC)


class Shop:
    """A provider whose spans can be looked at."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer = self.provider.get_tracer("the program")

    def spans(self, name: str = "") -> list[ReadableSpan]:
        """Finished spans whose name begins so, in the order of their beginnings."""
        found = [each for each in self._exporter.get_finished_spans() if each.name.startswith(name)]
        return sorted(found, key=lambda each: each.start_time or 0)

    def one(self, name: str) -> ReadableSpan:
        (span,) = self.spans(name)
        return span

    def trace_ids(self) -> set[int]:
        return {context(each).trace_id for each in self.spans()}


def context(span: ReadableSpan) -> SpanContext:
    found = span.get_span_context()
    assert found is not None
    return found


def links(span: ReadableSpan) -> list[int]:
    return [each.context.span_id for each in span.links]


@step("Reserve")
async def reserve() -> State:
    await asyncio.sleep(2)
    return {}


@retrystep("Activate", Retry(attempts=2, delay=60, jitter=0))
def activate() -> None:
    if current().attempt == 1:
        raise ConnectionError("vendor is away")


def played(shop: Shop, flow: Any, tell: Callable[[Any], Any] | None = None, **options: Any) -> None:
    """One process of this flow, from start to end."""
    stage = Stage()

    async def story() -> None:
        async with stage.engine(listeners=(Tracing(shop.provider, **options),)) as engine:
            await engine.start(flow, id="p")
            if tell is not None:
                await tell(engine)
            else:
                await engine.wait("p", 1000)

    stage.run(story())


def test_each_turn_and_each_attempt_is_a_finished_span() -> None:
    shop = Shop()
    flow = listing(reserve, activate)
    played(shop, flow)
    assert [each.name for each in shop.spans()] == [
        f"start {flow.name}",
        f"turn {flow.name}",
        "step Reserve",
        "step Activate",
        f"turn {flow.name}",
        "step Activate",
    ]
    first, second = shop.spans("turn")
    assert first.kind is SpanKind.CONSUMER
    assert first.attributes == {
        "corago.process_id": "p",
        "corago.run": 1,
        "corago.workflow": flow.name,
        "corago.version": 1,
        "corago.status": "running",
    }
    assert second.attributes is not None
    assert second.attributes["corago.status"] == "completed"
    last = shop.spans("step")[-1]
    assert last.attributes is not None
    assert {
        key: value for key, value in last.attributes.items() if key not in (first.attributes or {})
    } == {
        "corago.step": "Activate",
        "corago.occurrence": 1,
        "corago.attempt": 2,
        "corago.outcome": "completed",
    }


def test_attempts_are_children_of_their_turn() -> None:
    shop = Shop()
    played(shop, listing(parallel("both", reserve, reserve.named("other")), activate))
    turns = shop.spans("turn")
    parents = [each.parent.span_id for each in shop.spans("step") if each.parent is not None]
    assert parents == [context(turns[0]).span_id] * 3 + [context(turns[1]).span_id]


def test_a_turn_is_linked_to_what_came_before_it_here() -> None:
    shop = Shop()
    played(shop, listing(reserve, activate))
    start, (first, second) = shop.one("start"), shop.spans("turn")
    assert links(first) == [context(start).span_id]
    assert links(second) == [context(first).span_id]


def test_no_span_is_open_while_a_process_is_parked() -> None:
    shop = Shop()

    async def parked(engine: Any) -> None:
        await reaches(engine, "p", "waiting")
        assert [each.name.split()[0] for each in shop.spans()] == ["start", "turn", "step"]
        await engine.signal("p", "go")
        await engine.wait("p", 10)

    played(shop, listing(reserve, wait_for("go")), parked)
    assert len(shop.spans("turn")) == 2


def test_turns_in_different_workers_share_a_trace_though_nothing_was_stored() -> None:
    stage, shops = Stage(), [Shop(), Shop()]
    flow = listing(reserve, wait_for("go"), reserve)
    stage.workflows = (flow,)

    async def story() -> None:
        for shop, meet in zip(shops, ("waiting", "completed"), strict=True):
            async with stage.engine(listeners=(Tracing(shop.provider),)) as engine:
                if meet == "waiting":
                    await engine.start(flow, id="p")
                else:
                    await engine.signal("p", "go")
                await reaches(engine, "p", meet)

    stage.run(story())
    assert shops[0].trace_ids() == shops[1].trace_ids()
    assert len(shops[0].trace_ids()) == 1
    parents = {each.parent.span_id for shop in shops for each in shop.spans("turn") if each.parent}
    assert len(parents) == 1


def test_another_process_is_another_trace_even_under_an_old_id() -> None:
    shop = Shop()
    played(shop, listing(reserve))
    first = shop.trace_ids()
    stage = Stage()

    async def story() -> None:
        async with stage.engine(listeners=(Tracing(shop.provider),)) as engine:
            await asyncio.sleep(1)  # a later start, in another store
            handle = await engine.start(listing(reserve), id="p")
            await handle.result(timeout=10)

    stage.run(story())
    assert len(shop.trace_ids() - first) == 1


def test_the_caller_of_a_start_and_the_start_are_linked_both_ways() -> None:
    shop = Shop()
    with Engine(listeners=[Tracing(shop.provider)]) as engine:
        with shop.tracer.start_as_current_span("web request") as caller:
            engine.start(listing(activate_at_once), id="p").result(timeout=10)
        engine.start(listing(activate_at_once), id="q").result(timeout=10)
    of_caller, other = shop.spans("start")
    assert links(of_caller) == [caller.get_span_context().span_id]
    assert links(shop.one("web request")) == [context(of_caller).span_id]
    assert context(of_caller).trace_id != caller.get_span_context().trace_id
    assert links(other) == []


@step("At once")
def activate_at_once() -> None:
    """Nothing."""


def test_inside_a_step_the_current_span_is_that_of_its_attempt() -> None:
    shop = Shop()

    @step("Sync")
    def sync() -> None:
        with shop.tracer.start_as_current_span("inner sync"):
            pass

    @step("Async")
    async def other() -> None:
        with shop.tracer.start_as_current_span("inner async"):
            await asyncio.sleep(1)

    with Engine(listeners=[Tracing(shop.provider)]) as engine:
        engine.start(listing(parallel("both", sync, other)), id="p").result(timeout=10)
    for kind in ("sync", "async"):
        inner, outer = shop.one(f"inner {kind}"), shop.one(f"step both/{kind.title()}")
        assert inner.parent is not None
        assert inner.parent.span_id == context(outer).span_id
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_inside_a_predicate_the_current_span_is_that_of_the_turn() -> None:
    shop = Shop()

    def is_wanted() -> bool:
        with shop.tracer.start_as_current_span("inner"):
            return True

    played(shop, listing(conditional(is_wanted)(reserve)))
    inner = shop.one("inner")
    assert inner.parent is not None
    assert inner.parent.span_id == context(shop.one("turn")).span_id


def test_what_a_step_does_to_another_process_is_not_told_of_its_own_turn() -> None:
    stage, shop = Stage(), Shop()

    async def story() -> None:
        async with stage.engine(listeners=(Tracing(shop.provider),)) as engine:

            @step("Harsh")
            async def harsh() -> None:
                await engine.abort("q")
                await asyncio.sleep(100)

            await engine.start(listing(wait_for("go")), id="q")
            await engine.start(listing(harsh), id="p")
            await reaches(engine, "q", "aborted")
            await engine.abort("p")

    stage.run(story())
    spans = {str((each.attributes or {})["corago.process_id"]): each for each in shop.spans("turn")}
    assert (spans["p"].attributes or {})["corago.status"] == "created"


def test_an_attempt_that_was_asked_to_stop_and_did_is_no_error() -> None:
    shop = Shop()

    async def canceled(engine: Any) -> None:
        await reaches(engine, "p", "running")
        await engine.cancel("p")
        await reaches(engine, "p", "canceled")

    played(shop, listing(reserve), canceled)
    span = shop.one("step")
    assert (span.attributes or {})["corago.outcome"] == "canceled"
    assert span.status.status_code is StatusCode.UNSET


def test_a_process_started_by_a_step_is_linked_to_the_attempt() -> None:
    stage, shop = Stage(), Shop()
    inner = listing(reserve)

    async def story() -> None:
        async with stage.engine(listeners=(Tracing(shop.provider),)) as engine:

            @step("Order")
            async def order() -> None:
                await engine.start(inner, id="q")

            handle = await engine.start(listing(order), id="p")
            await handle.result(timeout=10)
            await engine.wait("q", 10)

    stage.run(story())
    started = next(each for each in shop.spans("start") if each.name.endswith(inner.name))
    assert links(started) == [context(shop.one("step Order")).span_id]
    turn = next(each for each in shop.spans("turn") if each.name.endswith(inner.name))
    assert turn.status.status_code is StatusCode.UNSET


def test_errors_are_recorded_on_the_attempt_and_on_the_turn_that_fails_by_them() -> None:
    shop = Shop()

    @step("Broken")
    def broken() -> None:
        raise ValueError("no such port")

    async def failing(engine: Any) -> None:
        await reaches(engine, "p", "failed")

    played(shop, listing(broken), failing)
    for span in (shop.one("step"), shop.one("turn")):
        assert span.status.status_code is StatusCode.ERROR
        assert span.status.description == "ValueError: no such port"
        (event,) = span.events
        assert event.name == "exception"
        assert event.attributes is not None
        assert event.attributes["exception.type"] == "ValueError"
        assert event.attributes["exception.message"] == "no such port"
        assert "raise ValueError" in str(event.attributes["exception.stacktrace"])
    attributes = shop.one("turn").attributes
    assert attributes is not None
    assert attributes["corago.status"] == "failed"


def test_a_timeout_of_the_process_is_an_error_of_its_turn() -> None:
    stage, shop = Stage(), Shop()

    async def story() -> None:
        async with stage.engine(listeners=(Tracing(shop.provider),)) as engine:
            await engine.start(listing(wait_for("go")), id="p", timeout=60)
            await reaches(engine, "p", "timed_out", 100)

    stage.run(story())
    first, last = shop.spans("turn")
    assert first.status.status_code is StatusCode.UNSET
    assert (last.status.status_code, last.status.description) == (
        StatusCode.ERROR,
        "the process ran into its timeout",
    )


def test_a_dropped_attempt_ends_its_span_without_an_error() -> None:
    stage, shop = Stage(), Shop()

    async def story() -> None:
        async with stage.engine(listeners=(Tracing(shop.provider),)) as engine:
            await engine.start(listing(reserve), id="p", timeout=1)
            await reaches(engine, "p", "timed_out")

    stage.run(story())
    span = shop.one("step")
    assert span.attributes is not None
    assert span.attributes["corago.outcome"] == "dropped"
    assert span.status.status_code is StatusCode.UNSET


def test_asking_makes_no_spans() -> None:
    shop = Shop()

    async def asked(engine: Any) -> None:
        await reaches(engine, "p", "waiting")
        before = len(shop.spans())
        assert (await engine.preview("p", signal=("go", None))).status == "completed"
        await engine.explain("p")
        await engine.info("p")
        await engine.history("p")
        assert len(shop.spans()) == before

    played(shop, listing(wait_for("go")), asked)


def test_a_share_of_processes_is_traced_and_every_worker_makes_the_same_choice() -> None:
    def traced(share: float) -> set[str]:
        stage, shop = Stage(), Shop()

        async def story() -> None:
            async with stage.engine(listeners=(Tracing(shop.provider, share=share),)) as engine:
                flow = listing(reserve)
                for number in range(40):
                    await engine.start(flow, id=f"p{number}")
                for number in range(40):
                    await engine.wait(f"p{number}", 10)

        stage.run(story())
        found = {str((each.attributes or {})["corago.process_id"]) for each in shop.spans()}
        assert len(shop.spans()) == 3 * len(found)  # all of it, or nothing
        return found

    half, more = traced(0.5), traced(0.8)
    assert traced(0.0) == set()
    assert len(traced(1.0)) == 40
    assert 0 < len(half) < len(more) < 40
    assert half == traced(0.5)
    assert half < more


def test_a_share_that_is_none_is_refused() -> None:
    with pytest.raises(RequestError, match="a number from 0 to 1"):
        Tracing(share=1.5)


def test_only_so_many_processes_are_remembered_and_the_latest_ones() -> None:
    listener = Tracing(Shop().provider, share=0)
    for number in range(tracing.REMEMBERED + 2):
        listener.process_started(Subject(str(number), 1, "w", 1, DAWN, "created"))
    assert len(listener._latest) == tracing.REMEMBERED
    assert next(iter(listener._latest)) == ("2", 1)


def test_nothing_is_kept_of_attempts_that_have_ended() -> None:
    listener = Tracing(Shop().provider)
    with Engine(listeners=[listener]) as engine:
        engine.start(listing(activate_at_once), id="p").result(timeout=10)
    assert listener._attempts == {}
