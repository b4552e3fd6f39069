"""Bugs of what lists and machines mean: joins, undos, guards, deadlines, changes of a list."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

_MOVING = "steps/moving.py"
_PROGRAM = "steps/program.py"
_CHANGING = "steps/changing.py"
_UNDO = "tests/unit/steps/test_undo.py"
_TROUBLE = "tests/unit/machine/test_semantics_trouble.py"
_TIME = "tests/unit/machine/test_semantics_time.py"
_WORK = "tests/unit/machine/test_semantics_work.py"

DOORS = (
    # -- lists -------------------------------------------------------------------------------------
    Mutant(
        "parallel branches are joined when the first one is at its end",
        _MOVING,
        'elif node.kind != "lens" and all(each.at is None for each in frame.branches):',
        'elif node.kind != "lens" and any(each.at is None for each in frame.branches):',
        ("tests/unit/steps/test_program.py",),
    ),
    Mutant(
        "a predicate is asked again after its answer was recorded",
        _MOVING,
        "_replace(frame, asked=frame.asked + 1)",
        "_replace(frame, asked=frame.asked)",
        ("tests/unit/steps/test_program.py",),
    ),
    Mutant(
        "what was done first is taken back first",
        _PROGRAM,
        "last: Undo = state.undo[-1]",
        "last: Undo = state.undo[0]",
        (_UNDO,),
    ),
    Mutant(
        "steps within branches and loops are not taken back",
        _MOVING,
        "        if node.undo is not None:\n            self._remember",
        "        if node.undo is not None and not route:\n            self._remember",
        (_UNDO,),
    ),
    Mutant(
        "an undo sees the State as it is and not as it was after its step",
        _MOVING,
        "view = {**self._view(route), **written}",
        "view = {**written, **self._view(route)}",
        (_UNDO,),
    ),
    Mutant(
        "steps are taken back while others still run",
        _PROGRAM,
        "return tuple(wishes) or self._back(state)",
        "return self._back(state)",
        (_UNDO,),
    ),
    Mutant(
        "the newest of several signals is taken first",
        _MOVING,
        "found = next((each for each in self.state.signals if each.name == signal), None)",
        "found = next((each for each in self.state.signals[::-1] if each.name == signal), None)",
        ("tests/unit/steps/test_program.py", "tests/runtime/test_signals.py"),
    ),
    Mutant(
        "a signal that is kept until it is wanted is forgotten when another one comes",
        _MOVING,
        "self.state = _replace(self.state, signals=(*self.state.signals, arrived))",
        "self.state = _replace(self.state, signals=(arrived,))",
        ("tests/runtime/test_signals.py",),
    ),
    Mutant(
        "the late end of a former child is taken for the one that was started anew",
        _MOVING,
        "        if event.child != frame.child_id:  # that of a former occurrence\n"
        "            return\n",
        "",
        ("tests/unit/steps/test_child_processes.py", "tests/unit/steps/test_child_ends.py"),
    ),
    Mutant(
        "a loop begins one item more than its limit allows",
        _MOVING,
        'free = max(0, node.element["limit"] - len(running.difference(waiting)))',
        'free = max(0, node.element["limit"] + 1 - len(running.difference(waiting)))',
        ("tests/unit/steps/test_loops.py",),
    ),
    Mutant(
        "results of a loop stand in the order in which its items ended",
        _MOVING,
        "results = (*frame.items.results[:index], done, *frame.items.results[index + 1 :])",
        "results = (*(each for each in frame.items.results if each is not None), done, "
        "*(each for each in frame.items.results if each is None))[: len(frame.items.results)]",
        ("tests/unit/steps/test_loops.py",),
    ),
    Mutant(
        "a step whose result could not be taken is done again under the same key",
        _MOVING,
        "return self.stick(path, refused, occurrence=event.occurrence + 1)",
        "return self.stick(path, refused)",
        ("tests/unit/core/test_kernel_losses.py",),
    ),
    Mutant(
        "a change of the list makes a process do again what it has done",
        _CHANGING,
        "            if path in self.behind:\n",
        "            if path in self.behind and path not in known:\n",
        ("tests/properties/test_changing.py",),
    ),
    Mutant(
        "a change of the list makes a process skip a step without a word",
        _CHANGING,
        "        self._list(self.passed, new[:at])\n",
        "",
        ("tests/properties/test_changing.py",),
    ),
    Mutant(
        "a change of the list forgets what has to be taken back",
        _CHANGING,
        "moved = _replace(state, frame=carried, undo=undo)",
        "moved = _replace(state, frame=carried, undo=undo[:0])",
        (_UNDO,),
    ),
    # -- machines ----------------------------------------------------------------------------------
    Mutant(
        "of two edges that hold and differ, the first one is taken without a word",
        "machine/moving.py",
        "if len(true) > 1 and not self._model.conflict_first:",
        "if len(true) > 1 and self._model.conflict_first:",
        (_TROUBLE,),
    ),
    Mutant(
        "guards after one that holds are not asked",
        "machine/moving.py",
        "                if self.holds(edge):\n                    true.append(edge)\n"
        "                    value = not guard.negated\n",
        "                if self.holds(edge):\n                    return [*true, edge]\n",
        (_TROUBLE,),
    ),
    Mutant(
        "a deadline begins anew with whatever happens within its state",
        "machine/wanting.py",
        'yield f"{timed.timer}@{state.visits[node.name]}", timed, state.entered',
        'yield f"{timed.timer}@{state.visits[node.name]}", timed, state.stirred',
        (_TIME,),
    ),
    Mutant(
        "the deadline of a former visit ends the present one",
        "machine/wanting.py",
        'yield f"{timed.timer}@{state.visits[node.name]}", timed, state.entered',
        'yield f"{timed.timer}@1", timed, state.entered',
        (_TIME,),
    ),
    Mutant(
        "the deadline of a group begins anew with each of its states",
        "machine/evolving.py",
        "    keeps_group = node.group == state.group\n",
        "    keeps_group = False\n",
        (_TIME,),
    ),
    Mutant(
        "a terminal state is left by an event",
        "machine/deciding.py",
        "    if node.is_terminal:\n        return _out_of_reach(state, node) or _set_aside(state)",
        "    if node.is_terminal and not state.causes:\n        return _set_aside(state)",
        ("tests/unit/machine/test_semantics.py",),
    ),
    Mutant(
        "a machine that goes round without changing anything is not stopped",
        "machine/deciding.py",
        "if len(state.trail) > 1 and state.trail[-1] in state.trail[:-1]:",
        "if len(state.trail) > model.limit and state.trail[-1] in state.trail[:-1]:",
        (_TROUBLE,),
    ),
    Mutant(
        "one transition more may follow from a message than the limit says",
        "machine/deciding.py",
        "if edge is not None and state.steps >= model.limit:",
        "if edge is not None and state.steps > model.limit:",
        (_TROUBLE,),
    ),
    Mutant(
        "a state that waits for some of its children goes on after the first",
        "machine/evolving.py",
        "    if done >= needed:\n",
        "    if done >= min(needed, 1):\n",
        (_WORK,),
    ),
    Mutant(
        "work that begins anew is stopped with the work of the visit before",
        "machine/evolving.py",
        'changes["leaving"] = _without(leaving, effect.path)',
        "pass",
        (_WORK,),
    ),
    Mutant(
        "work of a state that was left runs on",
        "machine/evolving.py",
        "            leaving = {**leaving, path: each.effect}\n",
        "            pass\n",
        (_WORK,),
    ),
    Mutant(
        "an effect gets the path of the one before it",
        "machine/moving.py",
        "            self._count += 1\n",
        "",
        (_WORK,),
    ),
)
