"""How an activity is run: its queue, limits and retries; its author says so, or a decision."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import timedelta
from typing import Any, TypedDict

from corago.arguments import options
from corago.arguments.signatures import shortened
from corago.core.events import Limits
from corago.core.retry import Retry
from corago.errors import InvalidOptionError

Span = float | timedelta
"""Seconds, or a timedelta."""


class Options(TypedDict, total=False):
    """What may be said of how an activity is run; None and what is left out say nothing."""

    queue: str | None
    category: str | None
    schedule_to_start: Span | None
    start_to_close: Span | None
    schedule_to_close: Span | None
    heartbeat_timeout: Span | None
    retry: Retry | int | None
    at_most_once: bool | None


@dataclass(frozen=True, slots=True)
class Policies:
    """How an activity is run; spans are in seconds. See `Activity` for what each means."""

    queue: str | None = None
    schedule_to_start: float | None = None
    start_to_close: float | None = None
    schedule_to_close: float | None = None
    heartbeat_timeout: float | None = None
    retry: Retry | None = None
    at_most_once: bool | None = None

    def under(self, said: Policies) -> Policies:
        """These, where the others say nothing."""
        if said == NOTHING_SAID:
            return self
        told = {each.name: getattr(said, each.name) for each in fields(said)}
        return replace(self, **{name: value for name, value in told.items() if value is not None})

    @property
    def limits(self) -> Limits | None:
        """The limits as events keep them."""
        spans = (self.schedule_to_start, self.schedule_to_close, self.heartbeat_timeout)
        return None if spans == (None, None, None) else Limits(*spans)

    @property
    def retry_arguments(self) -> dict[str, Any] | None:
        """The retry policy as events and definitions keep it.

        All of it, and always the same way: a default that changes must not change old ones.
        """
        given = self.retry
        if given is None:
            return None
        told = {name: float(getattr(given, name)) for name in ("delay", "factor", "cap", "jitter")}
        return {"attempts": given.attempts, **told, "give_up": list(given.give_up)}

    def document(self) -> dict[str, Any]:
        """What differs from saying nothing, as a definition keeps it."""
        told = {each.name: getattr(self, each.name) for each in fields(self)}
        told["retry"] = self.retry_arguments
        return {name: value for name, value in told.items() if value not in (None, False)}


NOTHING_SAID = Policies()

_SPANS = ("schedule_to_start", "start_to_close", "schedule_to_close", "heartbeat_timeout")


def policies(what: str, said: Options) -> Policies:
    """Options, checked; `what` names whose they are. Raises InvalidOptionError."""
    if all(value is None for value in said.values()):
        return NOTHING_SAID
    told: dict[str, Any] = {
        name: options.seconds(said[name], f"{what}: {name}")  # type: ignore[literal-required]
        for name in _SPANS
        if said.get(name) is not None
    }
    if said.get("at_most_once") is not None:
        told["at_most_once"] = options.flag(said["at_most_once"], f"{what}: at_most_once")
    told["queue"] = _queue(what, said.get("queue"), said.get("category"))
    told["retry"] = _retry(what, said.get("retry"))
    return Policies(**told)


def _queue(what: str, queue: Any, category: Any) -> str | None:
    if None not in (queue, category) and queue != category:
        raise InvalidOptionError(
            f"{what}: category is another word for queue, and they differ ({category!r}, "
            f"{queue!r}): say one of them"
        )
    given = category if queue is None else queue
    return None if given is None else options.name(given, f"{what}: queue")


def _retry(what: str, given: Any) -> Retry | None:
    if isinstance(given, int) and not isinstance(given, bool):
        return Retry(attempts=options.count(given, f"{what}: retry"))
    if given is None or isinstance(given, Retry):
        return given
    raise InvalidOptionError(
        f"{what}: retry takes a policy such as Retry(attempts=5), or how many attempts there are, "
        f"not {shortened(given)}"
    )
