"""Checks of timers: due at their instants, in their order, with their data."""

from __future__ import annotations

from datetime import timedelta

from corago.core import events as e
from corago.ports.capability import Capability as Can
from corago.testing.backend_suite import deciding as say
from corago.testing.backend_suite.harness import BackendChecks, Bench, check, ids


class TimerChecks(BackendChecks):
    """Timers, as decisions and as what makes a process due."""

    @check()
    async def test_a_timer_makes_its_process_due(self, bench: Bench) -> None:
        """[B37] [B26] At its instant, which the history tells."""
        await bench.begin(say.timer("t", 60))
        (started,) = await bench.events(e.TimerStarted)
        assert started.due == bench.clock.now() + timedelta(seconds=60)
        polled = await bench.poll()
        assert (ids(polled), polled.next_due) == ([], started.due)
        bench.clock.advance(60)
        await bench.turn(say.complete())
        (fired,) = await bench.events(e.TimerFired)
        assert (fired.timer, fired.at) == ("t", started.due)

    @check()
    async def test_timers_fire_in_the_order_of_their_instants(self, bench: Bench) -> None:
        """[B37] [B28] Also when they are found late, all at once."""
        await bench.begin(*(say.timer(f"t{n}", n) for n in (3, 1, 5, 2, 4)))
        bench.clock.advance(3600)
        await bench.turn()
        fired = [each.timer for each in await bench.events(e.TimerFired)]
        assert fired == ["t1", "t2", "t3", "t4", "t5"]

    @check()
    async def test_a_process_is_due_for_each_of_its_timers(self, bench: Bench) -> None:
        """[B37]."""
        await bench.begin(say.timer("t", 10), say.timer("u", 5), say.timer("v", 5.001))
        for seconds, timers in ((5, ["u"]), (0.001, ["v"]), (4.999, ["t"])):
            bench.clock.advance(seconds)
            before = len(await bench.events(e.TimerFired))
            await bench.turn()
            fired = [each.timer for each in await bench.events(e.TimerFired)]
            assert fired[before:] == timers

    @check(Can.TIMER_DATA)
    async def test_a_timer_says_its_data_when_it_fires(self, bench: Bench) -> None:
        """[B72] Whatever it is, and over a restart."""
        await bench.begin(say.timer("t", 5, {"n": [1, None, "é"]}), say.timer("u", 5, "text"))
        await bench.restart()
        bench.clock.advance(5)
        await bench.turn()
        said = {each.timer: each.data for each in await bench.events(e.TimerFired)}
        assert said == {"t": {"n": [1, None, "é"]}, "u": "text"}
        started = {each.timer: each.data for each in await bench.events(e.TimerStarted)}
        assert started == said

    @check()
    async def test_a_canceled_timer_does_not_fire(self, bench: Bench) -> None:
        """[B37] Nor is its process due for it."""
        await bench.begin(say.timer("t", 5), say.timer("u", 60))
        await bench.signal()
        await bench.turn(say.cancel_timer("t"))
        bench.clock.advance(5)
        assert ids(await bench.poll()) == []
        bench.clock.advance(55)
        await bench.turn()
        assert [each.timer for each in await bench.events(e.TimerFired)] == ["u"]

    @check()
    async def test_a_signal_before_a_timer_goes_before_it(self, bench: Bench) -> None:
        """[B15] By the instants at which they came, though both are found at once."""
        await bench.begin(say.timer("t", 5))
        bench.clock.advance(4)
        await bench.signal("before")
        bench.clock.advance(2)
        await bench.signal("after")
        await bench.turn()
        assert (await bench.kinds())[-3:] == ["SignalReceived", "TimerFired", "SignalReceived"]
        assert [each.name for each in await bench.events(e.SignalReceived)] == ["before", "after"]

    @check()
    async def test_a_timer_of_no_time_is_due_at_once(self, bench: Bench) -> None:
        """[B37]."""
        await bench.begin(say.timer("t", 0))
        await bench.turn(say.complete())
        assert "TimerFired" in await bench.kinds()

    @check()
    async def test_a_timer_may_be_far_away(self, bench: Bench) -> None:
        """[B37] A year, and no moment too early."""
        await bench.begin(say.timer("t", 365 * 86400))
        bench.clock.advance(timedelta(days=364, hours=23))
        assert ids(await bench.poll()) == []
        bench.clock.advance(timedelta(hours=1))
        await bench.turn()
        assert len(await bench.events(e.TimerFired)) == 1
