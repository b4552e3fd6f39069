"""One transition of a machine: which edge leads on, and what it changes. Pure.

Guards and updates see values only; nothing here looks at a clock or remembers anything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from corago.core import events as e
from corago.core.calls import Calls
from corago.core.codec import canonical
from corago.core.expressions import EvaluationError, unfit
from corago.machine.model import PREVIOUS, Ask, Change, Edge, Guard, Model, Node, Ways
from corago.machine.state import Given, MachineState, Open

Values = dict[str, Any]
Patches = dict[str, dict[str, Any]]


PASSED_OVER = Given()
"""The answer at the place of an edge or a hook that a person does without."""


class UnansweredError(Exception):
    """The function behind an edge's guard has to be asked first."""

    def __init__(self, edge: Edge) -> None:
        """Name the edge."""
        super().__init__(edge.place)
        self.edge = edge


class TroubleError(Exception):
    """A guard, an update or the machine's own rules failed, at a place in the document.

    `edge` is the place of the edge that was being taken, if one was.
    """

    def __init__(self, kind: str, where: str, type_: str, message: str) -> None:
        """Say what failed."""
        super().__init__(message)
        self.kind = kind
        self.where = where
        self.type = type_
        self.edge = ""


class Mover:
    """Works out one transition from a state; made anew for each."""

    __slots__ = ("_calls", "_model", "_state", "node", "values")

    def __init__(self, model: Model, state: MachineState, calls: Calls) -> None:
        """Take the machine, where it stands, and the way to the user's functions."""
        self._model = model
        self._state = state
        self._calls = calls
        self.node: Node = model.states[state.at] if state.at else _NOWHERE
        self.values: Values = {"external": state.external, "internal": state.internal}
        if model.reads_visits:
            self.values["visits"] = {name: state.visits.get(name, 0) for name in model.states}
        if state.error is not None:
            self.values["error"] = msgspec.to_builtins(state.error)

    # -- choosing ----------------------------------------------------------------------------

    def chosen(self, ways: Ways) -> Edge | None:
        """The edge that leads on; None if none does.

        Every guard of a rank is evaluated. Raises UnansweredError, and TroubleError for two that
        hold and differ.
        """
        for edges in ways:
            if not edges:
                continue
            if len(edges) == 1 and edges[0].guard is None and not self._state.answers:
                return edges[0]
            true = self._true(edges)
            if not true:
                continue
            first = true[0]
            if len(true) > 1 and not self._model.conflict_first:
                other = next((edge for edge in true if edge.shape != first.shape), None)
                if other is not None:
                    raise TroubleError(
                        "ambiguous",
                        first.place,
                        "AmbiguousTransition",
                        f"two edges lead out of {self.node.name!r} at once: {first.place} "
                        f"({first.label}) and {other.place} ({other.label}); make their guards "
                        'exclude each other, or let the first one win: "conflict": "first"',
                    )
            return first
        return None

    def _true(self, edges: tuple[Edge, ...]) -> list[Edge]:
        """Those whose guards hold; two that say the same, or `if` and `unless` it, ask it once."""
        if self._state.answers:
            return [edge for edge in edges if self.holds(edge)]
        true, known, value = [], None, None
        for edge in edges:
            guard = edge.guard
            if guard is None:
                true.append(edge)
                continue
            if guard.expression is None or guard.expression is not known:
                if self.holds(edge):
                    true.append(edge)
                    value = not guard.negated
                else:
                    value = guard.negated
                known = guard.expression
            elif value is not guard.negated:
                true.append(edge)
        return true

    def holds(self, edge: Edge) -> bool:
        """Whether an edge's guard lets it be taken; one that a person passed over is not."""
        guard, answers = edge.guard, self._state.answers
        given = answers.get(edge.place) if answers else None
        if given is not None:
            if given.error is not None:
                raise TroubleError("guard", edge.place, given.error.type, given.error.message)
            if given.answer is None or guard is None:
                return False
            return given.answer is not guard.negated
        if guard is None:
            return True
        if guard.expression is None:
            raise UnansweredError(edge)
        try:
            value = guard.expression.evaluate(self.values)
        except EvaluationError as error:
            raise TroubleError("guard", edge.place, "EvaluationError", str(error)) from None
        return value is not guard.negated

    def reason(self, edge: Edge) -> str:
        """Why an edge is not taken."""
        guard, given = edge.guard, self._state.answers.get(edge.place)
        if given is not None and given.error is not None:
            return str(given.error)
        if given is not None and given.answer is None:
            return "a person passed over it"
        if guard is None:
            return "another edge was taken"
        if given is not None:
            return f"{guard.text} said {'yes' if given.answer else 'no'}"
        if guard.expression is None:
            return f"{guard.text} was not asked"
        return guard.expression.explain(self.values)

    # -- taking ------------------------------------------------------------------------------

    def taken(self, edge: Edge, trigger: str) -> dict[str, Any]:
        """The fields of the Transitioned that an edge amounts to. Raises TroubleError."""
        try:
            return self._taken(edge, trigger)
        except TroubleError as trouble:
            trouble.edge = edge.place
            raise

    def _taken(self, edge: Edge, trigger: str) -> dict[str, Any]:
        model, state, node = self._model, self._state, self.node
        target = None if edge.to is None else model.states.get(edge.to)
        if target is not None and not (
            node.acts_on_exit or target.acts_on_entry or state.open or state.ran_stuck
        ):
            # by far the commonest case: no hook runs, no work begins or ends
            found: dict[str, Any] = {
                "source": node.name,
                "target": target.name,
                "edge": edge.place,
                "trigger": trigger,
            }
            if edge.change is not None:
                journey = _Journey(model, state, self._calls, self.values, node.name)
                journey.change(edge.change, target.name)
                found |= journey.results()
            return found
        journey = _Journey(self._model, self._state, self._calls, self.values, self.node.name)
        if edge.to is None:
            journey.change(edge.change)
            return journey.fields(self.node.name, edge.place, trigger) | {"stays": True}
        to = self._before() if edge.to == PREVIOUS else edge.to
        if not to:
            raise TroubleError(
                "previous", edge.place, "NoPreviousState", "no state was left before this one"
            )
        target = model.states[to]
        if node.acts_on_exit:
            for change in (*model.on_exit, *node.exit, *model.on_transition):
                journey.change(change, to)
        journey.change(edge.change, to)
        journey.enter(target, (*model.on_enter, *target.enter))
        return journey.fields(to, edge.place, trigger)

    def _before(self) -> str:
        """The state to go back to; the first one, if the machine failed on its way there."""
        model = self._model
        failed_at_start = self.node.name == model.error and not self._state.previous
        return model.initial if failed_at_start else self._state.previous

    def begun(self) -> dict[str, Any]:
        """The fields of the first Transitioned."""
        model = self._model
        target = model.states[model.initial]
        journey = _Journey(model, self._state, self._calls, self.values, "")
        journey.enter(target, (*model.on_enter, *target.enter))
        return journey.fields(model.initial, "initial", "")

    def fallen(self, trouble: TroubleError, trigger: str) -> dict[str, Any]:
        """The fields of the Transitioned to the error state: only its own hooks are run."""
        told = e.Trouble(trouble.kind, trouble.type, str(trouble), trouble.where, self.node.name)
        self.values["error"] = msgspec.to_builtins(told)
        journey = _Journey(self._model, self._state, self._calls, self.values, self.node.name)
        target = self._model.states[self._model.error]
        journey.enter(target, target.enter)
        return journey.fields(target.name, "error", trigger) | {"error": told}


class _Journey:
    """The changes of one transition, hook after hook."""

    def __init__(
        self, model: Model, state: MachineState, calls: Calls, values: Values, at: str
    ) -> None:
        self._model = model
        self._state = state
        self._calls = calls
        self._values = dict(values)
        self._at = at
        self._is_leaving = False
        self._count = state.effects
        self._visits = state.visits
        self._effects: list[e.Effect] = []
        self._patches: Patches = {}

    def change(self, change: Change | None, to: str | None = None) -> None:
        """Assign, then ask for effects; all assignments of one change see the stores before it."""
        if change is None or self._state.answers.get(change.place) == PASSED_OVER:
            return
        if change.sets or change.call:
            found = self._told(change, to) if change.call else self._assigned(change, to)
            for store, mine in found.items():
                self._patches[store] = self._patches.get(store, {}) | mine
                self._values[store] = {**self._values[store], **mine}
            if self._model.validate is not None:
                self._validate(change, to)
        for ask in change.effects:
            self._count += 1
            path = f"{self._at or self._model.initial}/{ask.activity}#{self._count}"
            self._effects.append(self._asked(ask, change.place, path, "effect"))

    def enter(self, target: Node, changes: tuple[Change, ...]) -> None:
        """Enter a state: count the visit, run the hooks, begin its work."""
        self._is_leaving = True
        self._at = target.name
        if not (target.acts_on_entry or self._model.reads_visits):
            return
        visit = self._visits.get(target.name, 0) + 1
        if self._model.reads_visits:
            self._values["visits"] = {**self._values.get("visits", {}), target.name: visit}
        for change in changes:
            self.change(change, target.name)
        if not target.is_terminal:
            place = f"states/{target.name}"
            if target.run is not None:
                path = f"{target.name}/{target.run.activity}"
                self._effects.append(self._asked(target.run, f"{place}/run", path, "run", visit))
            number = "" if visit == 1 else f"#{visit}"
            for child, ask in target.children.items():
                path, at = f"{target.name}/{child}{number}", f"{place}/children/{child}"
                self._effects.append(self._asked(ask, at, path, "child"))

    def fields(self, target: str, edge: str, trigger: str) -> dict[str, Any]:
        """What is recorded."""
        found: dict[str, Any] = {
            "source": self._state.at,
            "target": target,
            "edge": edge,
            "trigger": trigger,
        }
        found |= self.results()
        state = self._state
        if self._is_leaving and (state.open or state.ran_stuck):
            stuck = [path for path, each in state.open.items() if each.stuck and _is_run(each)]
            stuck += [state.at] if state.ran_stuck else []
            if stuck:
                found["resolved"] = tuple(stuck)
        return found

    def results(self) -> dict[str, Any]:
        """The patches of the stores, and the effects."""
        if self._effects:
            return {**self._patches, "effects": tuple(self._effects)}
        return self._patches

    def _told(self, change: Change, to: str | None) -> Patches:
        """What a function says that the fields become."""
        found: Patches = {}
        told = self._ask(f"{change.call}=", change.place, to)
        if told is None:
            return found
        if not isinstance(told, dict):
            raise _unfit(change, f"{change.call}() gave {told!r} and not a dict of fields")
        for target, value in told.items():
            store, _, name = str(target).partition(".")
            if name not in self._model.types.get(store, {}):
                raise _unfit(change, f"{change.call}() set {target!r}, which is no field")
            found.setdefault(store, {})[name] = self._fit(change, store, name, value)
        return found

    def _assigned(self, change: Change, to: str | None) -> Patches:
        """What expressions, and functions for one field, say that the fields become."""
        found: Patches = {}
        for each in change.sets:
            store, name = each.store, each.name
            if each.expression is None:
                value = self._ask(f"{each.call}=", change.place, to)
            else:
                try:
                    value = each.expression.evaluate(self._values)
                except EvaluationError as error:
                    raise TroubleError(
                        "update", change.place, "EvaluationError", str(error)
                    ) from None
            if each.expression is None or type(value) is not self._model.exact[store][name]:
                self._fit(change, store, name, value)
            found.setdefault(store, {})[name] = value
        return found

    def _fit(self, change: Change, store: str, name: str, value: Any) -> Any:
        fault = unfit(value, self._model.types[store][name])
        if fault is not None:
            raise _unfit(change, f"{store}.{name} {fault}")
        return value

    def _ask(self, name: str, place: str, to: str | None) -> Any:
        values = arguments(self._values, self._state.at, to)
        answer = self._calls.ask(name, values)
        if answer.error is not None:
            raise TroubleError("update", place, answer.error.type, answer.error.message)
        return answer.value

    def _validate(self, change: Change, to: str | None) -> None:
        guard: Guard | None = self._model.validate
        if guard is None:
            return
        if guard.expression is None:
            says = bool(self._ask(f"{guard.call}?", change.place, to))
            why = f"{guard.text} said no"
        else:
            try:
                says = guard.expression.evaluate(self._values) is True
                why = "" if says else guard.expression.explain(self._values)
            except EvaluationError as error:
                says, why = False, str(error)
        if not says:
            raise TroubleError(
                "validate", change.place, "InvalidStores", f"the stores are not valid: {why}"
            )

    def _asked(self, ask: Ask, place: str, path: str, kind: str, occurrence: int = 1) -> e.Effect:
        given: dict[str, Any] = {}
        for name, expression in ask.args:
            try:
                given[name] = expression.evaluate(self._values)
            except EvaluationError as error:
                raise TroubleError(
                    "arguments", place, "EvaluationError", f"argument {name!r}: {error}"
                ) from None
        return e.Effect(path, ask.activity, kind, given, occurrence, **ask.policy)


def arguments(values: Values, state: str, to: str | None) -> dict[str, Any]:
    """What a user's function is given to choose its parameters from."""
    return {**_ABSENT, **values, "state": state, "to": to}


def digest(model: Model, state: MachineState) -> str:
    """A machine's whole situation in short: it comes back only if the machine goes round."""
    visits = state.visits if model.reads_visits else None
    previous = state.previous if model.reads_previous else None
    whole = (state.at, state.internal, state.external, previous, visits)
    return hashlib.sha256(canonical(whole)).hexdigest()[:32]


def _is_run(each: Open) -> bool:
    return each.effect.kind == "run"


def _unfit(change: Change, text: str) -> TroubleError:
    return TroubleError("update", change.place, "UnfitValue", text)


_ABSENT: Mapping[str, Any] = {"event": None, "result": None, "error": None, "visits": {}}
_NOWHERE = Node(
    "", {}, (), (), (), (), None, {}, 0, (), (), is_terminal=False, group="", moves_on=False
)
