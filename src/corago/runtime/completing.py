"""Ending activities from outside, by their tasks' tokens. Checked here, decided by the kernel."""

from __future__ import annotations

from typing import Any

from corago.arguments.signatures import shortened
from corago.core import events as e
from corago.core.tasks import ActivityTask
from corago.errors import InvalidInputError, UnknownTaskError
from corago.runtime import checks
from corago.runtime.attempt import failed
from corago.runtime.errand import ending
from corago.runtime.inquiry import Inquiry
from corago.secrecy import discretion, using


class Completing(Inquiry):
    """The part of an engine that brings what activities have come to, for whoever has the token.

    That is `current().token` in the activity, which hands it to whoever will know the end.
    """

    def _kept(self, value: Any, what: str) -> Any:
        raise NotImplementedError

    async def complete_activity(self, token: str, result: Any = None) -> None:
        """Say that an activity of a queue has done its work, with this result (JSON).

        A step's result is a dict, or None. Raises UnknownTaskError when it is late: the activity
        has ended, timed out, or is another attempt now; and InvalidInputError.
        """
        task = await self._task(token)
        given = {} if result is None and not task.attempt.activity else result
        if not task.attempt.activity:
            checks.step_result(given)
        value = self._kept(given, "result")
        checks.size(value, self._settings.state_limit, "result")
        await self._end(task, token, e.ActivityCompleted(value))

    async def fail_activity(self, token: str, error: BaseException | str) -> None:
        """Say that an activity of a queue has failed, so that it is retried or closed.

        A text stands for an `Exception` of that text. Raises UnknownTaskError, InvalidInputError.
        """
        task = await self._task(token)
        if isinstance(error, str):
            error = Exception(checks.good_text(error, "error"))
        if not isinstance(error, BaseException):
            raise InvalidInputError(f"an error is an exception or a text, not {shortened(error)}")
        with using(self._settings.vault):
            end = failed(error, discretion(task.attempt.input))
        await self._end(task, token, end)

    async def cancel_activity(self, token: str, details: Any = None) -> None:
        """Say that an activity of a queue has stopped, as it was asked to, or by itself.

        `details` are any JSON value. Raises UnknownTaskError, InvalidInputError.
        """
        task = await self._task(token)
        value = None if details is None else self._kept(details, "details")
        await self._end(task, token, e.ActivityCanceled(value))

    async def heartbeat_activity(self, token: str, details: Any = None) -> bool:
        """Say that an activity of a queue is alive; gives whether it is asked to stop.

        `details`, if given, are any JSON value, which the next attempt can read as its
        `last_details`. Raises UnknownTaskError, InvalidInputError.
        """
        task = await self._task(token)
        value = None if details is None else self._kept(details, "details")
        says = details is not None
        beat = self._backend.heartbeat_activity_task
        while (answer := await beat(task, value, says=says)) is None:
            task = await self._moved(task, token)
        return answer

    async def _task(self, token: str) -> ActivityTask:
        self._check()
        token = checks.good_name(token, "a token")
        task = await self._backend.find_activity_task(token)
        if task is None:
            raise UnknownTaskError(token)
        return task

    async def _end(self, task: ActivityTask, token: str, result: e.ActivityResult) -> None:
        complete = self._backend.complete_activity_task
        while not await complete(task, ending(task, result)):
            task = await self._moved(task, token)

    async def _moved(self, task: ActivityTask, token: str) -> ActivityTask:
        """The task again, if its worker has let go of it just now; else it is late."""
        again = await self._backend.find_activity_task(token)
        if again is None or again.owner == task.owner:
            raise UnknownTaskError(token)
        return again
