"""The body of a machine's class as a document: states get names, faults get places."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from corago.arguments.signatures import name_of, shortened
from corago.core.retry import Retry
from corago.machine import fields
from corago.machine.authoring import Group, Hook, State, Timeout
from corago.machine.faults import Fault, ends_of, pointer
from corago.machine.parts import (
    Activity,
    Child,
    Draft,
    Event,
    Function,
    Previous,
    previous,
)

_STORES = ("external", "internal")
_LIVES = ("idle", "lifetime")
_HOOKS = ("on_enter", "on_exit", "on_transition")
_MARKS = {"terminal": "is_terminal", "forever": "is_forever", "description": "description"}
_ONE_STATE = {"initial": "is_initial", "error": "is_error"}


class FaultInClass(Fault, frozen=True):
    """A fault of a machine's class: `label` is what the author wrote, such as `new.on('open')`."""

    label: str = ""

    def __str__(self) -> str:
        said = f"{self.text}; {self.fix}" if self.fix else self.text
        place = f" ({ends_of(self.pointer)})" if self.pointer else ""
        return f"{self.label}{place}: {said}"


@dataclass
class Compiled:
    """What comes of a class: its document as given, its code by name, and where things stand."""

    given: dict[str, Any]
    functions: dict[str, Function] = field(default_factory=dict)
    children: list[Any] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def labelled(self, fault: Fault) -> Fault:
        """The same fault, with what the author wrote there."""
        label = self.label_at(fault.pointer)
        if not label or isinstance(fault, FaultInClass):
            return fault
        return FaultInClass(fault.pointer, fault.text, fault.fix, label)

    def label_at(self, place: str) -> str:
        """What the author wrote at this pointer, or around it; empty for a bare document."""
        while place and place not in self.labels:
            place = place.rpartition("/")[0]
        return self.labels.get(place, "")


def compile_class(
    cls: type,
    options: Mapping[str, Any],
    functions: Mapping[str, Function],
    names: Mapping[str, Any],
    taken: frozenset[str],
) -> Compiled:
    """The document of a class; `names` are those that annotations may use.

    `options` go into the document as they are, `functions` are code that the class only names;
    `taken` are the attributes of every machine, which no state may have.
    """
    compiler = _Compiler(cls, options, names)
    compiler.made.functions.update(functions)
    compiler.read(taken)
    return compiler.made


class _Compiler:
    """Goes through a class from top to bottom, once."""

    def __init__(self, cls: type, options: Mapping[str, Any], names: Mapping[str, Any]) -> None:
        self._body = {key: value for key, value in vars(cls).items() if not _is_pythons(key)}
        self._names = {**names, **vars(cls)}
        self._states: dict[State, str] = {}
        self._events: dict[type[Event], str] = {}
        self.made = Compiled({key: each for key, each in options.items() if each is not None})
        self.made.labels = {
            **{f"/{key}": key for key in (*_LIVES, *_HOOKS, "validate")},
            **{f"/{key}": key.capitalize() for key in _STORES},
            **{pointer(key): f"{cls.__name__}, {key}" for key in options},
        }

    def read(self, taken: frozenset[str]) -> None:
        given, body = self.made.given, self._body
        for key in sorted(taken & body.keys()):
            self._fault(key, "every machine has this attribute, with another meaning", _rename(key))
        self._name_states()
        for store in _STORES:
            if store.capitalize() in body:
                told = self._record(body[store.capitalize()], store.capitalize(), store)
                given |= {store: told} if told else {}
        for each in body.values():
            if isinstance(each, type) and issubclass(each, Event):
                self._event(each)
        given["states"] = {name: self._state(each, name) for each, name in self._states.items()}
        groups = [(key, each) for key, each in body.items() if isinstance(each, Group)]
        if groups:
            given["groups"] = {key: self._group(each, key) for key, each in groups}
        self._life(given)
        if self._events:
            given["events"] = {
                name: self._record(event, event.__name__, "events", name)
                for event, name in self._events.items()
            }

    # -- names -------------------------------------------------------------------------------------

    def _name_states(self) -> None:
        for key, each in self._body.items():
            if not isinstance(each, State):
                continue
            name = each.name or key
            if each in self._states:
                self._fault(key, f"this is the state {self._states[each]!r} again", "name it once")
            elif name in self._states.values():
                self._fault(key, f"two states are called {name!r}", "give one another name")
            else:
                each.name = name
                self._states[each] = name
                self.made.labels[pointer("states", name)] = key
        for word, mark in _ONE_STATE.items():
            marked = [name for each, name in self._states.items() if getattr(each, mark)]
            if marked:
                self.made.given[word] = marked[0]
            for name in marked[1:]:
                text = f"{marked[0]!r} is the {word} state, and there is one"
                self._fault(name, text, f"leave `{word}=True` to one of them", "states", name)
        if self._states and "initial" not in self.made.given:
            first = next(iter(self._states.values()))
            text = "no state is the first"
            self._fault("the class", text, f"write `{first} = State(initial=True)`", "initial")

    def _event(self, event: type[Event]) -> str:
        name = event.__event__
        if event not in self._events:
            if name in self._events.values():
                text = f"two events are called {name!r}"
                self._fault(event.__name__, text, "give one another name", "events", name)
            self._events[event] = name
        return name

    def _record(self, given: Any, label: str, *place: str) -> dict[str, Any]:
        at = pointer(*place)
        self.made.labels[at] = label
        if not fields.is_record(given):
            text = f"it is {shortened(given)}"
            self._fault(label, text, "write a class whose annotations are the fields", *place)
            return {}

        def say(where: tuple[str, ...], text: str) -> None:
            parts = [each for each in where if each != "properties"]
            shown = ".".join((label, *parts)).replace(".items", "[]")
            self._fault(shown, text, "", *place, *where)

        return fields.fields_of(given, self._names, say)

    # -- states and groups -------------------------------------------------------------------------

    def _state(self, state: State, name: str) -> dict[str, Any]:
        at, label = ("states", name), self.made.labels[pointer("states", name)]
        told = {word: getattr(state, attribute) for word, attribute in _MARKS.items()}
        body: dict[str, Any] = {word: value for word, value in told.items() if value}
        body |= self._edges(state.edges, at, label)
        for n, run in enumerate(state.runs):
            if n:
                text = "a state runs one activity"
                self._fault(f"{label}.run", text, "give each a state of its own", *at, "run")
            else:
                self.made.labels[pointer(*at, "run")] = f"{label}.run({_shown(run.function)})"
                body["run"] = self._activity(run, *at, "run")
        for n, (children, join) in enumerate(state.parts):
            self.made.labels[pointer(*at, "children")] = f"{label}.children(…)"
            if n:
                text = "the children of a state are written once"
                self._fault(f"{label}.children", text, "name all in one call", *at, "children")
            else:
                body["children"] = {
                    key: self._child(each, *at, "children", key) for key, each in children.items()
                }
                body |= {} if join == "all" else {"join": join}
        for word, draft in state.hooks:
            several = body.setdefault(word, [])
            several.append(self._said(draft, label, *at, word, str(len(several))))
        return body

    def _group(self, group: Group, name: str) -> dict[str, Any]:
        self.made.labels[pointer("groups", name)] = name
        members = [self._target(each, name, "groups", name, "members") for each in group.members]
        told = {} if group.description is None else {"description": group.description}
        return {"members": members, **told, **self._edges(group.edges, ("groups", name), name)}

    def _edges(
        self, edges: list[tuple[str, Draft]], at: tuple[str, ...], label: str
    ) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {}
        for word, draft in edges:
            several = found.setdefault(word, [])
            place = (*at, word, str(len(several)))
            several.append(self._said(draft, label, *place))
            if not draft.ends:
                shown = f"{label}.{draft.label}"
                self._fault(shown, "it does not end", "add .to(state), or .stay()", *place)
        return found

    def _life(self, given: dict[str, Any]) -> None:
        """The attributes of the whole machine: idle and lifetime, hooks, validate."""
        for key, each in self._body.items():
            if isinstance(each, Timeout):
                given[key] = self._said(each.draft, key, key)
                self._must_be(key, _LIVES, "a time-out of the whole machine")
            elif isinstance(each, Hook):
                given[key] = [self._said(each.draft, key, key, "0")]
                self._must_be(key, _HOOKS, "a hook of the whole machine")
            elif key == "validate":
                given[key] = self._call(each, key, key)
            elif key in (*_LIVES, *_HOOKS):
                written = "after(…)" if key in _LIVES else "hook(…)"
                self._fault(key, f"it is {shortened(each)}", f"write `{key} = {written}`", key)

    def _must_be(self, key: str, known: tuple[str, ...], what: str) -> None:
        if key not in known:
            del self.made.given[key]
            self._fault(key, f"{what} is called {' or '.join(known)}", "rename it, or remove it")

    # -- what is said of edges ---------------------------------------------------------------------

    def _said(self, draft: Draft, label: str, *place: str) -> dict[str, Any]:
        label = label if label == place[0] else f"{label}.{draft.label}"
        self.made.labels[pointer(*place)] = label
        found: dict[str, Any] = {}
        for word, value in draft.said:
            told = self._word(word, value, label, *place)
            if word == "effect":
                found.setdefault(word, []).append(told)
            elif word == "set" and isinstance(told, dict) and isinstance(found.get(word), dict):
                for key in told.keys() & found[word].keys():
                    text = f"it sets {key} twice"
                    self._fault(label, text, "say what it becomes in the end", *place, word, key)
                found[word] |= told
            elif word in found:
                text = f"it says `{word}` twice"
                self._fault(label, text, "write one, with `and` between", *place, word)
            else:
                found[word] = told
        return found

    def _word(self, word: str, value: Any, label: str, *place: str) -> Any:
        match word, value:
            case (("if" | "unless"), _):
                return self._call(value, label, *place, word)
            case "set", Mapping():
                at = (*place, word)
                return {key: self._call(each, label, *at, key) for key, each in value.items()}
            case "set", _:
                return self._call(value, label, *place, word)
            case "effect", _:
                made = value if isinstance(value, Activity) else Activity(value, {}, {})
                return self._activity(made, *place, word)
            case "to", _:
                return self._target(value, label, *place, word)
            case "event", type() if issubclass(value, Event):
                return self._event(value)
            case "error", type():
                return value.__name__
            case _:
                return value

    def _call(self, value: Any, label: str, *place: str) -> Any:
        """An expression as it is; a function as its name, which is kept with it."""
        if not callable(value):
            return _text(value)
        return {"call": self._named(value, label, *place)}

    def _named(self, function: Any, label: str, *place: str) -> str:
        inner = function.__func__ if isinstance(function, staticmethod) else function
        name = name_of(inner)
        if isinstance(inner, type) or not name.isidentifier():
            text = f"{name} has no name that a document could keep"
            self._fault(label, text, "write a function with `def`", *place)
        elif self.made.functions.setdefault(name, inner) is not inner:
            text = f"two functions are called {name!r}"
            self._fault(label, text, "give one another name", *place)
        return name

    def _activity(self, work: Activity, *place: str) -> dict[str, Any]:
        function, label = work.function, self.made.label_at(pointer(*place))
        name = function if isinstance(function, str) else self._named(function, label, *place)
        found: dict[str, Any] = {"activity": name}
        if work.args:
            found["args"] = {key: _text(each) for key, each in work.args.items()}
        options = dict(work.options)
        if isinstance(retry := options.get("retry"), Retry):
            options["retry"] = {key: getattr(retry, key) for key in retry.__struct_fields__}
            options["retry"]["give_up"] = list(retry.give_up)
        if "result" in options and not isinstance(options["result"], (str, Mapping)):
            options["result"] = fields.type_of(
                options["result"],
                self._names,
                lambda _, text: self._fault(label, text, "", *place, "result"),
            )
        return found | options

    def _child(self, child: Child, *place: str) -> dict[str, Any]:
        workflow = child.workflow
        if not isinstance(workflow, str):
            workflow = getattr(workflow, "name", None)
            if not isinstance(workflow, str):
                text, label = f"{shortened(child.workflow)} is no workflow", place[1]
                fix = "name a workflow, or its name as text"
                self._fault(f"{label}.children", text, fix, *place, "workflow")
                return {"workflow": "?"}
            self.made.children.append(child.workflow)
        told = {key: _text(each) for key, each in child.input.items()}
        return {"workflow": workflow, **({"input": told} if told else {})}

    def _target(self, target: Any, label: str, *place: str) -> str:
        if isinstance(target, Previous):
            return repr(target)
        if isinstance(target, State) and target in self._states:
            return self._states[target]
        text, fix = f"{_shown(target)} is no state of this class", "name one of the class's body"
        self._fault(label, text, "write previous()" if target is previous else fix, *place)
        return str(target)

    def _fault(self, label: str, text: str, fix: str, *place: str) -> None:
        self.made.faults.append(FaultInClass(pointer(*place), text, fix, label))


def _text(value: Any) -> Any:
    """A plain value as an expression; everything else as it is."""
    value = value.value if isinstance(value, Enum) else value
    return repr(value) if value is None or isinstance(value, (bool, int, float)) else value


def _shown(function: Any) -> str:
    return name_of(function) if callable(function) else shortened(function)


def _is_pythons(key: str) -> bool:
    return key.startswith("__") and key.endswith("__")


def _rename(key: str) -> str:
    return (
        f"give the attribute another name; a state may still be called so: "
        f'`{key}_ = State(name="{key}")`'
    )
