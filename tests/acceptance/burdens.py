"""Work of all three doors for OS processes that are killed, stopped and starved.

Every step notes its begin and its end, and with what key, in the file that CORAGO_BURDENS_LOG
names. Its lines have left the OS process before the step goes on, so that whatever becomes of it,
they tell what it did. A step that finds a file `hold NAME` beside that file stands still, in its
thread, until `go PID` is there.
"""

import asyncio
import os
import threading
from datetime import timedelta
from pathlib import Path

from corago import (
    State,
    begin,
    child,
    current,
    done,
    foreach,
    init,
    parallel,
    sleep,
    step,
    wait_for,
    workflow,
)
from corago.decider import Activity, CompleteProcess, ScheduleActivity, StartTimer, Workflow
from corago.machine import Machine
from corago.machine import State as Place

LOG = Path(os.environ["CORAGO_BURDENS_LOG"])
QUEUE = "yard"
MOMENT = 0.01


def note(what):
    me = current()
    line = f"{me.process_id}\t{me.idempotency_key}\t{me.attempt}\t{os.getpid()}\t{what}\n"
    file = os.open(LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)


def labour():
    note("begin")
    take_time()
    note("end")


def take_time():
    patience, name = threading.Event(), current().path.rpartition("/")[2]
    patience.wait(MOMENT)
    if LOG.with_name(f"hold {name}").exists():
        while not LOG.with_name(f"go {os.getpid()}").exists():
            patience.wait(MOMENT)


async def labour_softly():
    note("begin")
    await asyncio.sleep(MOMENT)
    note("end")


# -- a list: side by side, one by one, another process, a wait, and a way back ---------------------


@step("Release")
def release(yard: str) -> None:
    labour()


@step("Reserve", undo=release)
def reserve(number: int) -> State:
    labour()
    return {"yard": f"yard {number}"}


@step("Weigh")
async def weigh() -> State:
    await labour_softly()
    return {"weight": 7}


@step("Label")
def label() -> State:
    labour()
    return {"label": f"by {os.getpid()}"}


@step("Seal")
async def seal() -> State:
    await labour_softly()
    return {"seal": current().idempotency_key}


@step("Load")
async def load(item: int) -> State:
    await labour_softly()
    return {"loaded": item * item}


@step("Drive")
def drive(number: int) -> State:
    labour()
    return {"miles": number}


@step("Bill")
async def bill(number: int) -> State:
    await labour_softly()
    if number % 5 == 4:
        raise ValueError("nobody pays for this one")  # and everything is taken back
    return {"billed": current().idempotency_key}


@workflow("A leg of the way")
def leg():
    return init >> drive >> done


@workflow("A load", undo_on_failure=True)
def freight():
    prepare = parallel("Prepare", begin >> weigh >> label, seal)
    return (
        init
        >> reserve
        >> prepare
        >> foreach("Each", "items", load)
        >> child(leg, into="way")
        >> sleep(timedelta(milliseconds=50))
        >> wait_for("go")
        >> bill
        >> done
    )


# -- a list whose every outcome needs much room ----------------------------------------------------


@step("Fill")
async def fill() -> State:
    await labour_softly()
    return {"text": current().idempotency_key * 2000}


@workflow("Bulk")
def bulk():
    return init >> fill >> fill >> fill >> fill >> done


# -- a machine: deadlines, and work that a state waits for -----------------------------------------


def remind(number: int) -> None:
    labour()


def stamp(number: int) -> dict[str, str]:
    labour()
    return {"by": current().idempotency_key}


class Paper(Machine, name="paper"):
    class External:
        number: int

    class Internal:
        by: str = ""

    asked = Place(initial=True)
    reminded = Place()
    stamping = Place()
    granted = Place(terminal=True)

    asked.on("go").to(stamping)
    asked.after("PT0.3S").effect(remind, number="external.number").to(reminded)
    reminded.on("go").to(stamping)
    reminded.after("PT0.3S").to(stamping)
    stamping.run(stamp, number="external.number")
    stamping.done().set({"internal.by": "result.by"}).to(granted)


# -- a decider: activities in a queue, with heartbeats, and a timer --------------------------------


class Haul(Activity):
    queue = QUEUE
    heartbeat_timeout = 60
    retry = 3

    def execute(self):
        note("begin")
        for part in range(self.last_details or 0, 4):
            take_time()
            self.heartbeat(part + 1)
        note("end")
        return self.input


class Sweep(Activity):
    def execute(self) -> None:
        labour()


class Depot(Workflow):
    activities = [Haul, Sweep]

    def initiate(self, process):
        hauls = [ScheduleActivity(Haul, number, id=f"haul {number}") for number in range(3)]
        return [*hauls, StartTimer(0.2, "sweep")]

    def respond_to_completed_activity(self, process, event):
        if process.unfinished_activities() or process.untriggered_timers():
            return None
        if len(process.completed_activities()) < 4:
            return None
        return CompleteProcess(len(process.completed_activities()))

    def respond_to_timer(self, process, event):
        return Sweep
