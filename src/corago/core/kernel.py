"""The only state transition function of the system: snapshot and messages in, one Commit out.

Pure given its arguments. Committing, previewing, replaying and simulating are this one call.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from corago.core import messages as m
from corago.core.advancing import Advance
from corago.core.batches import BatchAdvance
from corago.core.calls import Calls
from corago.core.commit import Commit
from corago.core.program import BatchProgram, Program, Snapshot


def advance(
    program: Program[Any],
    snapshot: Snapshot,
    messages: Sequence[m.Message],
    now: datetime,
    calls: Calls,
) -> Commit:
    """Take the messages in order, deciding until quiet after each; without messages, just decide.

    A fold: advance(a + b) equals advance(a) and then advance(b), unless the program is one that
    answers to all of them at once. After a closing fact the rest stays unconsumed, until a command
    opens the process again. Raises MissingFunctionError when a user function is needed that is not
    here, and NotReadError when the history is.
    """
    run = (
        BatchAdvance(cast("BatchProgram[Any]", program), snapshot, now, calls)
        if program.batch
        else Advance(program, snapshot, now, calls)
    )
    consumed = 0
    while consumed < len(messages):
        message, process = messages[consumed], run.process
        if (process.is_closed or process.poison is not None) and run.cannot_take(message):
            freeing = run.free(messages[consumed:])
            if not freeing:
                break
            consumed += freeing
        else:
            run.receive(message)
            consumed += 1
        run.taken()
    return run.commit(consumed)
