"""What has come for a process, in the order in which it is to be taken. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from corago.core import messages as m
from corago.core.process import Process


def arrivals(
    process: Process, arrived: Iterable[tuple[datetime, m.Message]], now: datetime
) -> list[m.Message]:
    """Inbox messages with the timers that are due among them.

    A timer stands at its due time; ties go to the message.
    """
    due = [(at, 1, m.TimerDue(name, at)) for name, at in process.timers.items() if at <= now]
    if process.deadline is not None and process.deadline <= now and not process.is_closed:
        due.append((process.deadline, 2, m.TimerDue("", process.deadline)))
    if not due:
        return [message for _, message in arrived]
    merged: list[tuple[datetime, int, m.Message]] = sorted(due, key=lambda each: (each[0], each[1]))
    for at, message in arrived:
        # the search stops at another message: the inbox's own order is law, even if a clock jumped
        index = len(merged)
        while index and merged[index - 1][1] != 0 and merged[index - 1][0] >= at:
            index -= 1
        merged.insert(index, (at, 0, message))
    return [message for _, _, message in merged]
