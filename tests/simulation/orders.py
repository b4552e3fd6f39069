"""Orders as a set of rules, the fates that chance gives them, and a model of what must happen.

A fate travels in the input: how each attempt of an activity ends, and how long it takes. The model
reads a history only, and knows nothing of the rules.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from corago.activity import current
from corago.core import events as e
from corago.decider import (
    ActivityAborted,
    ActivityEnded,
    Answer,
    CancelActivity,
    CancelProcess,
    CompleteProcess,
    Process,
    Retry,
    Rules,
    ScheduleActivity,
    Workflow,
    activity,
)

BANK, ROAD = "bank", "road"
ATTEMPTS = 3


class Company(Protocol):
    """Where the work is done: every attempt is written down, and takes its time."""

    def begin(self) -> None:
        """An attempt begins here."""

    async def work(self, seconds: float) -> None:
        """Let it take its time."""


def trades(company: Company) -> tuple[Any, Any, Any]:
    """What can be done, and is written down: be paid, ship, and give money back."""
    again = Retry(attempts=ATTEMPTS, delay=0.01, jitter=0)

    async def attempt(ends: Sequence[str], seconds: float, value: Any, *, stubborn: bool) -> Any:
        company.begin()
        try:
            await company.work(seconds)
        except asyncio.CancelledError:
            if not stubborn:
                raise
        end = ends[current().attempt - 1]
        if end == "raise":
            raise ConnectionError("not reached")
        return ActivityAborted("refused") if end == "abort" else value

    @activity(name="Pay", queue=BANK, retry=again)
    async def pay(ends: list[str], seconds: float) -> Any:
        return await attempt(ends, seconds, "paid", stubborn=False)

    @activity(name="Ship", retry=again)
    async def ship(parcel: dict[str, Any]) -> Any:
        ends, seconds = parcel["ends"], parcel["seconds"]
        return await attempt(ends, seconds, parcel["price"], stubborn=parcel["stubborn"])

    @activity(name="Refund")
    def refund(number: int) -> int:
        company.begin()
        return number

    return pay, ship, refund


def shop(company: Company) -> type[Workflow]:
    """The workflow of orders."""
    pay, ship, refund = trades(company)
    set_ = Rules()

    @set_.initiated
    def ask_for_money(process: Process) -> Answer:
        return ScheduleActivity(pay, process.input["pay"])

    @set_.completed_activity(pay)
    @set_.signal("extra")
    def ship_what_is_left(process: Process) -> Answer:
        if not _paid(process) or _is_off(process):
            return []
        extras = [each.data for each in process.history.of(e.SignalReceived)]
        begun = {each.id for each in process.unfinished_activities()}
        begun |= {each.id for each in _ended(process)}
        return [
            ScheduleActivity(ship, parcel, id=parcel["name"], queue=parcel["queue"])
            for parcel in (*process.input["parcels"], *extras)
            if parcel["name"] not in begun
        ]

    @set_.interrupted_activity()
    @set_.cancel_requested
    def call_back(process: Process) -> Answer:
        return [CancelActivity(each.id) for each in process.unfinished_activities()]

    class Ordering(Workflow):
        """Payment, any number of parcels at a time, and the money back if one can't be shipped."""

        activities = (pay, ship, refund)
        rules = set_

        def decide(self, process: Process) -> Iterator[Answer]:
            yield super().decide(process)
            if process.unfinished_activities() or process.is_ending:
                return
            if not _is_off(process):
                sums = {each.id: each.value for each in _ended(process) if each.activity == "Ship"}
                yield CompleteProcess({"parcels": sorted(sums), "sum": sum(sums.values())})
            elif _paid(process) and "Refund" not in {each.activity for each in _ended(process)}:
                yield ScheduleActivity(refund, process.input["number"])
            else:
                yield CancelProcess()

    return Ordering


def _ended(process: Process) -> tuple[ActivityEnded, ...]:
    return process.history.of(ActivityEnded)


def _paid(process: Process) -> bool:
    return any(each.activity == "Pay" and each.is_completed for each in _ended(process))


def _is_off(process: Process) -> bool:
    return process.is_cancel_requested or not all(each.is_completed for each in _ended(process))


# -- fates -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Order:
    """One order: what it is started with, what comes later, and whether somebody cancels it."""

    id: str
    input: dict[str, Any]
    extras: tuple[dict[str, Any], ...]
    cancels: bool


def orders(chance: random.Random, count: int, longest: float) -> list[Order]:
    """So many orders by chance; no attempt takes longer than so many seconds."""
    return [_order(chance, number, longest) for number in range(count)]


def _order(chance: random.Random, number: int, longest: float) -> Order:
    parcels = [_parcel(chance, f"parcel {n}", longest) for n in range(chance.randint(1, 4))]
    extras = [_parcel(chance, f"extra {n}", longest) for n in range(chance.choice((0, 1, 1, 2)))]
    pay = {"ends": _ends(chance, 0.05), "seconds": _seconds(chance, longest)}
    given = {"number": number, "pay": pay, "parcels": parcels}
    return Order(f"order-{number}", given, tuple(extras), cancels=chance.random() < 0.15)


def _parcel(chance: random.Random, name: str, longest: float) -> dict[str, Any]:
    return {
        "name": name,
        "price": chance.randint(1, 99),
        "ends": _ends(chance, 0.1),
        "seconds": _seconds(chance, longest),
        "stubborn": chance.random() < 0.2,
        "queue": ROAD if chance.random() < 0.5 else None,
    }


def _seconds(chance: random.Random, longest: float) -> float:
    """Many take equally long, so that they may end at one instant."""
    return chance.choice((0.0, 0.0, 0.5, 1.0)) * longest


def _ends(chance: random.Random, share: float) -> list[str]:
    """How the attempts end, the last one after some that are tried again."""
    fails = chance.random() < share
    tried = chance.choice((0, 0, 0, 0, 1, 2))
    if fails and chance.random() < 0.5:
        return ["raise"] * ATTEMPTS
    return ["raise"] * tried + ["abort" if fails else "ok"] * (ATTEMPTS - tried)


# -- the model -------------------------------------------------------------------------------------


@dataclass
class Work:
    """An activity as a history tells of it."""

    name: str
    attempt: int = 1
    asked_to_stop: bool = False
    end: e.ActivityResult | None = None


@dataclass
class Model:
    """Follows a history event by event, and says what should not have been."""

    order: Order
    wanted: dict[str, dict[str, Any]] = field(default_factory=dict)
    works: dict[str, Work] = field(default_factory=dict)
    extras: Counter[str] = field(default_factory=Counter)
    is_off: bool = False
    end: e.Event | None = None
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.wanted = {parcel["name"]: parcel for parcel in self.order.input["parcels"]}

    def say(self, fault: str) -> None:
        """Something is wrong."""
        self.faults.append(f"{self.order.id}: {fault}")

    @property
    def is_paid(self) -> bool:
        """Whether the money has come."""
        return isinstance(self.works.get("Pay", Work("")).end, e.ActivityCompleted)

    @property
    def open(self) -> list[str]:
        """What has not ended."""
        return [path for path, work in self.works.items() if work.end is None]

    def follow(self, history: Iterable[e.Event]) -> None:
        """Look at all of it, commit by commit."""
        position = 0
        for _, commit in itertools.groupby(history, key=lambda event: event.at):
            for event in commit:
                position += 1
                if event.position != position:
                    self.say(f"position {event.position} stands where {position} should")
                if isinstance(event, e.CommandRefused):
                    continue  # a cancel that was sent again, since its answer was lost
                if self.end is not None:
                    self.say(f"{type(event).__name__} after the end")
                self._take(event)
            if position > 1:
                self._after_commit()

    def _take(self, event: e.Event) -> None:
        match event:
            case e.ActivityScheduled(attempt=1):
                self._scheduled(event)
            case e.ActivityRetried() | e.ActivityClosed():
                self._attempted(event)
            case e.ActivityCancelRequested(path=path):
                if not self.is_off or path not in self.open or self.works[path].asked_to_stop:
                    self.say(f"{path} was asked to stop for no reason")
                self.works[path].asked_to_stop = True
            case e.SignalReceived(data=parcel):
                self.wanted[parcel["name"]] = parcel
                self.extras[parcel["name"]] += 1
            case e.CancelRequested():
                self.is_off = True
            case e.ProcessCompleted() | e.ProcessCanceled():
                self._ended(event)
            case e.ProcessStarted() if event.input != self.order.input:
                self.say(f"it began with {event.input}")
            case e.ProcessStarted() | e.LeaseLost() | e.ActivityStarted() | e.ActivityScheduled():
                pass
            case _:
                self.say(f"nobody expects {type(event).__name__}")

    def _scheduled(self, event: e.ActivityScheduled) -> None:
        path, name = event.path, event.activity
        if path in self.works:
            self.say(f"{path} was scheduled twice")
        if event.occurrence != len(self.works) + 1:
            self.say(f"{path} is number {event.occurrence} after {len(self.works)} others")
        match name:
            case "Pay":
                is_right = not self.works
            case "Ship":
                is_right = self.is_paid and not self.is_off
                is_right = is_right and self.wanted.get(path) == event.input
            case _:
                is_right = name == "Refund" and self.is_paid and self.is_off and not self.open
        if not is_right:
            self.say(f"{name} was scheduled as {path!r} with {event.input}, and should not have")
        self.works[path] = Work(name)

    def _attempted(self, event: e.ActivityRetried | e.ActivityClosed) -> None:
        path, work = event.path, self.works.get(event.path)
        if work is None or work.end is not None or event.attempt != work.attempt:
            self.say(f"attempt {event.attempt} of {path} ended: {work}")
            return
        given = self.order.input["pay"] if work.name == "Pay" else self.wanted.get(path, {})
        fate = given.get("ends", ["ok"])[event.attempt - 1]
        if isinstance(event, e.ActivityRetried):
            if fate != "raise" or event.attempt == ATTEMPTS or work.asked_to_stop:
                self.say(f"attempt {event.attempt} of {path} was to be the last, by {fate!r}")
            work.attempt += 1
            return
        work.end = event.result
        self.is_off = self.is_off or not isinstance(event.result, e.ActivityCompleted)
        if isinstance(event.result, e.ActivityCanceled):
            if not work.asked_to_stop:
                self.say(f"{path} was canceled for no reason")
        elif type(event.result) is not _RESULTS[fate]:
            self.say(f"{path} ended with {event.result}, and not by {fate!r}")
        elif fate == "raise" and event.attempt < ATTEMPTS and not work.asked_to_stop:
            self.say(f"{path} was not tried again")

    def _after_commit(self) -> None:
        """What must hold whenever something was written: everything has been answered."""
        if not self.works:
            self.say("nobody asked for money")
        if self.is_paid and not self.is_off and (left := self.wanted.keys() - self.works.keys()):
            self.say(f"{left} wait for nothing")
        working = [path for path in self.open if path != "Refund"]
        if self.is_off and not all(self.works[path].asked_to_stop for path in working):
            self.say(f"{working} go on for nothing")
        if not self.open and self.end is None:
            self.say("nothing is open, and it has not ended")

    def _ended(self, event: e.Event) -> None:
        self.end = event
        if self.open:
            self.say(f"it ended before {self.open}")
        if isinstance(event, e.ProcessCanceled):
            if not self.is_off or self.is_paid != ("Refund" in self.works):
                self.say(f"it was canceled: {self.works}")
            return
        prices = {name: parcel["price"] for name, parcel in self.wanted.items()}
        right = {"parcels": sorted(prices), "sum": sum(prices.values())}
        if self.is_off or event.result != right:  # type: ignore[attr-defined]  # it has completed
            self.say(f"it completed with {event}, and not {right}")

    def compare(self, accepted: Iterable[str], begun: Collection[str]) -> None:
        """Whether what was accepted has come, and what has ended was done."""
        if self.end is None:
            self.say("it has not ended")
        sent = {parcel["name"] for parcel in self.order.extras}
        if set(accepted) - self.extras.keys() or self.extras.keys() - sent:
            self.say(f"{self.extras} came of {sorted(accepted)}")
        if self.extras and max(self.extras.values()) > 1:
            self.say(f"{self.extras} came")
        for path, work in self.works.items():
            if path not in begun and not isinstance(work.end, e.ActivityCanceled):
                self.say(f"{path} has ended, and never ran")
        if stray := {*begun} - self.works.keys():
            self.say(f"{stray} ran, and nobody wanted them")


_RESULTS = {"ok": e.ActivityCompleted, "raise": e.ActivityFailed, "abort": e.ActivityAborted}
"""How an attempt ends by its fate."""


def wrong(
    order: Order, history: Iterable[e.Event], accepted: Iterable[str], begun: Collection[str]
) -> Iterator[str]:
    """What is wrong with a finished order.

    `accepted` names the extra parcels that the engine took, `begun` the activities that have run.
    """
    model = Model(order)
    model.follow(history)
    model.compare(accepted, begun)
    yield from model.faults
