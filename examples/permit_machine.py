"""Permits as a machine: where every application stands, and what may be done with it next.

The log of a town hall names 27 activities; they are the events. Two things go on side by side. The
applicant gets a confirmation that is checked, determined and sent: `internal.confirmation` tells
how far that is. Meanwhile the application is assessed, with advice from inside and outside, until
it is decided whether to stop it: those are the states. Either may be first. When both are through,
a document X or a report Y may still follow; after thirteen weeks without one the case is closed.

Of 1,434 applications one did what nobody foresaw: its confirmation was sent and never determined.
That event is refused, with the reason for each edge that might have taken it. It stays in the
history all the same, and the application goes on from where it stood.

    corago lint examples/permit_machine.py
    python examples/permit_machine.py receipt.csv sqlite:///permits.db
    corago show case-10011 --url sqlite:///permits.db
    corago run examples/permit_machine.py:Application --id case-1 --url sqlite:///permits.db

The second command tells the machine a whole log, row by row as time went by. Kill it whenever you
like and give it again: a row that was told before is known by its key.
"""

import asyncio
import csv
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Literal

from corago import AsyncEngine
from corago.machine import Machine, State, after, anyof, group

CONFIRMATION = (  # the activity, where the confirmation must be, and where it then is
    ("T02 Check confirmation of receipt", ("open", "adjusted"), "checked"),
    ("T03 Adjust confirmation of receipt", ("checked", "determined"), "adjusted"),
    ("T04 Determine confirmation of receipt", ("checked",), "determined"),
    ("T05 Print and send confirmation of receipt", ("determined",), "sent"),
)
ADVICE_FROM_INSIDE = (
    "T07-1 Draft intern advice aspect 1",
    "T07-2 Draft intern advice aspect 2",
    "T07-3 Draft intern advice hold for aspect 3",
    "T07-4 Draft internal advice to hold for type 4",
    "T07-5 Draft intern advice aspect 5",
)
ADVICE_FROM_OUTSIDE = (
    "T09-1 Process or receive external advice from party 1",
    "T09-2 Process or receive external advice from party 2",
    "T09-3 Process or receive external advice from party 3",
    "T09-4 Process or receive external advice from party 4",
)


class Application(Machine):
    """An application for a permit, from its receipt until it is closed."""

    class Internal:
        confirmation: Literal["open", "checked", "adjusted", "determined", "sent"] = "open"

    announced, received = State(initial=True), State()
    announced.on("Confirmation of receipt").to(received)

    # whether to stop it: assessed, perhaps with advice and then once more, and decided
    assessed, drafting, asking, advised, decided = State(), State(), State(), State(), State()
    assessable = anyof(received, assessed, drafting, advised)
    assessable.on("T06 Determine necessity of stop advice").to(assessed)
    for activity in ADVICE_FROM_INSIDE:
        anyof(assessed, drafting, asking, advised).on(activity).to(drafting)
    anyof(assessed, drafting).on("T08 Draft and send request for advice").to(asking)
    for activity in ADVICE_FROM_OUTSIDE:
        anyof(asking, advised).on(activity).to(advised)
        drafting.on(activity).when("visits.asking > 0").to(advised)
    assessed.on("T10 Determine necessity to stop indication").to(decided)

    # document X, and report Y: checked, adjusted until they are right, determined and printed
    x_created, x_checked, x_adjusted, x_determined = State(), State(), State(), State()
    anyof(x_created, x_adjusted).on("T12 Check document X request unlicensed").to(x_checked)
    x_checked.on("T13 Adjust document X request unlicensed").to(x_adjusted)
    x_checked.on("T14 Determine document X request unlicensed").to(x_determined)
    y_reported, y_checked, y_adjusted, y_determined = State(), State(), State(), State()
    anyof(y_reported, y_adjusted).on("T17 Check report Y to stop indication").to(y_checked)
    y_checked.on("T18 Adjust report Y to stop indicition").to(y_adjusted)
    y_checked.on("T19 Determine report Y to stop indication").to(y_determined)

    # the end: nothing is closed before its confirmation is sent
    settled, printed, closed, lapsed = State(), State(), State(terminal=True), State(terminal=True)
    anyof(decided, settled).on("T11 Create document X request unlicensed").to(x_created)
    anyof(decided, settled).on("T16 Report reasons to hold request").to(y_reported)
    x_determined.on("T15 Print document X request unlicensed").to(printed)
    y_determined.on("T20 Print report Y to stop indication").to(printed)
    decided.when("internal.confirmation == 'sent'").to(settled)
    printed.when("internal.confirmation == 'sent'").to(closed)
    settled.after("13w").to(closed)
    lifetime = after("365d").to(lapsed)

    # the confirmation, whatever else goes on
    weighing = (received, assessed, drafting, asking, advised, decided, settled, printed)
    writing_x = (x_created, x_checked, x_adjusted, x_determined)
    writing_y = (y_reported, y_checked, y_adjusted, y_determined)
    underway = group(*weighing, *writing_x, *writing_y)
    for activity, before, then in CONFIRMATION:
        edge = underway.on(activity).when(f"internal.confirmation in {[*before]}")
        edge.set({"internal.confirmation": repr(then)}).stay()


async def tell(rows: list[dict[str, str]], url: str) -> None:
    """Tell every row as a signal, each after those before it in its case; and wait for the end."""
    rows.sort(key=lambda row: datetime.fromisoformat(row["time:timestamp"]))
    cases = dict.fromkeys(row["case:concept:name"] for row in rows)
    told: dict[str, asyncio.Task[None]] = {}
    room = asyncio.Semaphore(200)

    async def send(case, row, before):
        async with room:
            if before is not None:
                await before
            data = {"at": row["time:timestamp"], "by": row["org:resource"]}
            key = row["concept:instance"]
            await engine.signal(case, row["concept:name"], data, key=key)

    async with AsyncEngine(url, workflows=[Application]) as engine:
        await engine.start_many(Application, [(case, {}) for case in cases])
        async with asyncio.TaskGroup() as telling:
            for row in rows:
                case = row["case:concept:name"]
                told[case] = telling.create_task(send(case, row, told.get(case)))
        stands = Counter()
        for case in cases:
            while (info := await engine.info(case)).pending:  # noqa: ASYNC110 - nobody tells us
                await asyncio.sleep(0.05)
            stands[info.state] += 1
    for state, count in stands.most_common():
        print(f"{count:6} {state}")


if __name__ == "__main__":
    with Path(sys.argv[1]).open(encoding="utf-8", newline="") as log:
        asyncio.run(tell(list(csv.DictReader(log)), sys.argv[2]))
