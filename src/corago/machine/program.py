"""A machine as a program: what its document makes of the facts, and what it wants next.

Needs the document only, never the code: functions are reached through `calls`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from corago.core import decisions as d
from corago.core import events as e
from corago.core.calls import Calls
from corago.core.program import Agenda, Difference, Foretold, Program
from corago.machine import changing, deciding, evolving, inputs, wanting
from corago.machine.foretelling import foretold
from corago.machine.model import Model
from corago.machine.state import MachineState

_MARGIN = 50
"""So many facts may come between the transitions that one message causes."""


class MachineProgram:
    """The three functions of a machine. `document` is what the definitions table keeps."""

    state_type = MachineState
    takes_any_signal: bool = False
    batch: bool = False

    def __init__(self, document: Mapping[str, Any]) -> None:
        """Compile the document once."""
        self.document = document
        self.model = Model(document)
        self.name = self.model.name
        self.needs: frozenset[str] | None = self.model.functions
        asked = 2 + sum(1 for _ in self.model.edges())
        self.decide_limit = _MARGIN + asked * (self.model.limit + 2)

    # -- the edge of the house ---------------------------------------------------------------

    def check_input(self, given: Any) -> dict[str, Any]:
        """The first values of the external store; None is {}. Raises InvalidInputError."""
        return inputs.check_input(self.model, given)

    def opening(self, given: Any) -> dict[str, Any]:
        """The external store as it begins."""
        return self.model.beginning("external") | (given if isinstance(given, dict) else {})

    def check_signal(self, name: str, data: Any) -> Any:
        """The data of an event that some edge takes. Raises InvalidInputError."""
        return inputs.check_signal(self.model, name, data)

    def check_changes(self, changes: dict[str, Any]) -> dict[str, Any]:
        """Changes of the external store. Raises InvalidInputError."""
        return inputs.check_changes(self.model, changes)

    def discreet(self, values: Any) -> Any:
        """The same: a machine's document names no secrets."""
        return values

    def view(self, state: MachineState) -> str:
        """The current state's name."""
        return state.at

    def internal(self, state: MachineState) -> dict[str, Any]:
        """The internal store."""
        return state.internal

    def foretold(self, state: MachineState, events: Sequence[e.Event], agenda: Agenda) -> Foretold:
        """The states on the way, and the edges that are not taken."""
        return foretold(self.model, state, events, agenda)

    def held(self, state: MachineState) -> Iterator[Any]:
        """Both stores, what the open work was given, and what it came to."""
        yield state.external
        yield state.internal
        yield from (each.effect.input for each in state.open.values())
        yield from (each.result for each in state.children.values())
        yield state.result

    # -- facts -------------------------------------------------------------------------------

    def initial(self, started: e.ProcessStarted) -> MachineState:
        """Nowhere yet, with both stores as they begin."""
        external = self.opening(started.input) | started.external
        return MachineState(
            internal=self.model.beginning("internal"),
            external=external,
            began=started.at,
            stirred=started.at,
        )

    def evolve(self, state: MachineState, event: e.Event) -> MachineState:
        """Apply one fact."""
        return evolving.evolve(self.model, state, event)

    # -- another document --------------------------------------------------------------------

    def differences(
        self, state: MachineState, before: Program[Any], renames: Mapping[str, str]
    ) -> tuple[Difference, ...]:
        """Why a process in this state of the machine `before` can't simply go on by this one."""
        if not isinstance(before, MachineProgram):
            return (Difference("", "it was no machine before"),)
        return changing.differences(state, before.model, self.model, renames)

    def adopt(
        self, state: MachineState, before: Program[Any], event: e.DefinitionChanged
    ) -> MachineState:
        """The state in which a process of the machine `before` goes on by this one."""
        if not isinstance(before, MachineProgram):
            raise ValueError("it was no machine before")  # noqa: TRY004 - the port says which
        return changing.adopted(state, before.model, self.model, event.renames)

    # -- wishes ------------------------------------------------------------------------------

    def decide(self, state: MachineState, calls: Calls) -> tuple[d.Decision, ...]:
        """One transition or refusal, or everything that should be open now, or the end."""
        if state.stopping:
            return tuple(wanting.stopping(state)) or (d.CancelProcess(),)
        node = self.model.states[state.at] if state.at else None
        if state.halted is None:
            fact = deciding.following(self.model, state, node, calls)
            if fact is not None:
                return (d.RecordFact(fact),)
            if node is not None and not (
                state.open or state.children or state.leaving or node.is_terminal
            ):
                return wanting.waits(self.model, state, node)
        wishes = [*wanting.work(state)]
        if node is not None and node.is_terminal:
            if not wishes:
                stores = {"internal": state.internal, "external": state.external}
                return (d.CompleteProcess({"state": state.at, **stores}),)
            return (*wishes, *wanting.leaving(state))
        wishes += wanting.leaving(state)
        if state.halted is not None:
            stuck = state.halted
            wishes.append(
                d.Incident(
                    stuck.path, stuck.position, stuck.error, suspended=True, takes_result=False
                )
            )
        if node is not None:
            wishes += wanting.waits(self.model, state, node)
        return tuple(wishes)
