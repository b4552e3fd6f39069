"""What the body of a machine's class is written with: states, edges, groups, hooks, events.

These only take down what is written; `compiling` makes a document of it, and finds the faults.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

from corago.core.retry import Retry
from corago.machine.parts import (
    Activity,
    Child,
    Draft,
    Duration,
    Effects,
    Event,
    Function,
    Guard,
    Previous,
    Updates,
    Value,
    activity,
)


class _Chain:
    """What may be said of an edge; each word once, but for effects."""

    def __init__(self, draft: Draft) -> None:
        """Take what is to be written on."""
        self.draft = draft

    def when(self, guard: Guard) -> Self:
        """Take the edge only where this holds: an expression, or a function that is asked."""
        return self._say("if", guard)

    def unless(self, guard: Guard) -> Self:
        """Take the edge only where this does not hold."""
        return self._say("unless", guard)

    def set(self, values: Updates) -> Self:
        """Change the stores: by `internal.x` or `external.x` an expression or a function.

        All read the stores as they were before. A function alone returns such a dict of values.
        """
        return self._say("set", values)

    def effect(
        self,
        function: Function | str,
        /,
        *,
        retry: Retry | int | None = None,
        timeout: Duration | None = None,
        queue: str | None = None,
        at_most_once: bool = False,
        args: Mapping[str, Value] | None = None,
        **more: Value,
    ) -> Self:
        """Begin work once the transition is kept, and do not wait for it.

        Arguments are expressions, by keyword (or in `args`, where a name is one of the options).
        Options as in `State.run`.
        """
        made = activity(
            function,
            retry=retry,
            timeout=timeout,
            queue=queue,
            at_most_once=at_most_once,
            args=args,
            **more,
        )
        return self._say("effect", made)

    def described(self, text: str) -> Self:
        """Say what it is for; drawings and lists show it."""
        return self._say("description", text)

    def _say(self, word: str, value: Any) -> Self:
        self.draft.said.append((word, value))
        return self


class Edge(_Chain):
    """An edge that was begun; it is no edge before `to` or `stay` ends it."""

    def to(self, target: State | Previous) -> None:
        """End the edge: this is where it leads; `previous()` is where the machine came from."""
        self._say("to", target).draft.ends = True

    def stay(self) -> None:
        """End the edge: the machine stays, timers and work go on, no hook runs."""
        self.draft.ends = True


class Timeout(_Chain):
    """What `after` makes: for `State.on`, and for a machine's `idle` and `lifetime`."""

    def to(self, target: State | Previous) -> Timeout:
        """Where it leads; without, an idle machine has an error, and a lifetime ends it."""
        self._say("to", target).draft.ends = True
        return self


class Hook(_Chain):
    """What is done on the way: made by `hook`, for `on_enter`, `on_exit` and `on_transition`."""


class _Ways:
    """What edges can lead away from: a state, a group, any of several states."""

    def on(self, event: str | type[Event] | Timeout) -> Edge:
        """An edge for an event, by its class or its name; or for `after(…)`."""
        if isinstance(event, Timeout):
            draft = event.draft
            return self._begin("after", Draft(f"on({draft.label})", [*draft.said]))
        shown = event.__name__ if isinstance(event, type) else repr(event)
        return self._begin("on", Draft(f"on({shown})", [("event", event)]))

    def when(self, guard: Guard | None = None) -> Edge:
        """An edge without an event, taken as soon as the guard holds; without guard, at once."""
        said = [] if guard is None else [("if", guard)]
        shown = guard if isinstance(guard, str) else getattr(guard, "__name__", "")
        return self._begin("when", Draft(f"when({shown!r})" if guard else "when()", said))

    def after(self, delay: Duration) -> Edge:
        """An edge for a time after entering; it is asked once, and only while the machine is here.

        See `Duration` for how to write one.
        """
        return self._begin("after", Draft(f"after({delay!r})", [("delay", delay)]))

    def failed(self, error: str | type[BaseException] | None = None) -> Edge:
        """An edge for failed work: for this error, by its class or its name, or for any."""
        said = [] if error is None else [("error", error)]
        shown = error.__name__ if isinstance(error, type) else "" if error is None else repr(error)
        return self._begin("failed", Draft(f"failed({shown})", said))

    def _begin(self, where: str, draft: Draft) -> Edge:
        raise NotImplementedError


class State(_Ways):
    """A state of a machine: an attribute of its class, whose name is the state's."""

    def __init__(
        self,
        *,
        initial: bool = False,
        terminal: bool = False,
        error: bool = False,
        forever: bool = False,
        name: str | None = None,
        description: str | None = None,
    ) -> None:
        """Take what it is.

        Args:
            initial: whether a process begins here; exactly one state does.
            terminal: whether a process completes here; one without a way out is terminal anyway.
            error: whether errors lead here; one state may.
            forever: whether a process may rest here for good, which lint asks about otherwise.
            name: the state's name where an attribute can't have it, as for "in-review".
            description: one line for people.
        """
        self.is_initial = initial
        self.is_terminal = terminal
        self.is_error = error
        self.is_forever = forever
        self.name = name
        self.description = description
        self.edges: list[tuple[str, Draft]] = []
        self.hooks: list[tuple[Literal["enter", "exit"], Draft]] = []
        self.runs: list[Activity] = []
        self.parts: list[tuple[Mapping[str, Child], str | int]] = []

    def run(
        self,
        function: Function | str,
        /,
        *,
        retry: Retry | int | None = None,
        timeout: Duration | None = None,
        queue: str | None = None,
        at_most_once: bool = False,
        result: Any = None,
        args: Mapping[str, Value] | None = None,
        **more: Value,
    ) -> None:
        """Do this while the machine is here: begun on entering, cancelled on leaving.

        Arguments are expressions, by keyword (or in `args`, where a name is one of the options).

        Args:
            function: the activity; a text names one that the machine is handed otherwise.
            retry: when to try again; a number is how many attempts there are.
            timeout: how long one attempt may take.
            queue: which workers run it; None: the one that has the process.
            at_most_once: whether it may not run again when nobody knows if it ran.
            result: the type of `result` in `done` edges; None: anything.
            args: arguments, as by keyword.
            more: arguments by keyword.
        """
        made = activity(
            function,
            retry=retry,
            timeout=timeout,
            queue=queue,
            at_most_once=at_most_once,
            args=args,
            **more,
        )
        options = made.options if result is None else {**made.options, "result": result}
        self.runs.append(Activity(made.function, made.args, options))

    def children(self, *, join: Literal["all", "any"] | int = "all", **children: Child) -> None:
        """Start these processes on entering; `done` when all, any or so many have completed."""
        self.parts.append((children, join))

    def done(self) -> Edge:
        """An edge for the end of what this state runs; `result` is what came of it."""
        return self._begin("done", Draft("done()"))

    def enter(self, *, set: Updates | None = None, effect: Effects = ()) -> None:  # noqa: A002 - the document's word
        """What is done on entering: changes of the stores, then work."""
        self.hooks.append(("enter", _hook("enter(…)", set, effect)))

    def exit(self, *, set: Updates | None = None, effect: Effects = ()) -> None:  # noqa: A002 - as above
        """What is done on leaving: changes of the stores, then work."""
        self.hooks.append(("exit", _hook("exit(…)", set, effect)))

    def _begin(self, where: str, draft: Draft) -> Edge:
        self.edges.append((where, draft))
        return Edge(draft)

    def __str__(self) -> str:
        return self.name or "a state without a name"

    def __repr__(self) -> str:
        return f"<state {self.name}>" if self.name else "<state>"


class Group(_Ways):
    """States that share edges, named by its attribute: made by `group`.

    An edge of the state itself goes before one of the group; delays count from entering the group.
    """

    def __init__(self, members: tuple[State, ...], description: str | None) -> None:
        """Take the members."""
        self.members = members
        self.description = description
        self.edges: list[tuple[str, Draft]] = []

    def _begin(self, where: str, draft: Draft) -> Edge:
        self.edges.append((where, draft))
        return Edge(draft)


class Anyof(_Ways):
    """Several states, for edges that each of them has of its own: made by `anyof`."""

    def __init__(self, members: tuple[State, ...]) -> None:
        """Take the states."""
        self.members = members

    def done(self) -> Edge:
        """As `State.done`."""
        return self._begin("done", Draft("done()"))

    def _begin(self, where: str, draft: Draft) -> Edge:
        for each in self.members:
            each.edges.append((where, draft))
        return Edge(draft)


# -- words -----------------------------------------------------------------------------------------


def after(delay: Duration) -> Timeout:
    """Time that has passed: for `State.on`, and for `idle` and `lifetime` of a machine.

    As in `idle = after("30d").to(failed)`; see `Duration` for how to write a delay.
    """
    return Timeout(Draft(f"after({delay!r})", [("delay", delay)]))


def group(*members: State, description: str | None = None) -> Group:
    """States that share edges; the attribute that it is bound to is its name."""
    return Group(members, description)


def anyof(*states: State) -> Anyof:
    """Several states: what is written of it is written of each."""
    return Anyof(states)


def hook(*, set: Updates | None = None, effect: Effects = ()) -> Hook:  # noqa: A002 - the document's word
    """What every transition does: for `on_enter`, `on_exit` and `on_transition` of a machine."""
    return Hook(_hook("hook(…)", set, effect))


def _hook(label: str, updates: Updates | None, effect: Effects) -> Draft:
    several = effect if isinstance(effect, Sequence) and not isinstance(effect, str) else [effect]
    said: list[tuple[str, Any]] = [] if updates is None else [("set", updates)]
    return Draft(label, [*said, *(("effect", each) for each in several)], ends=True)
