"""What a user's function asks for: its parameters, their types, and those types as text.

Functions are read here, never called, and nothing here knows what a step is for.
"""

from __future__ import annotations

import functools
import inspect
import sys
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from corago.core.codec import shown
from corago.core.sealing import is_marked
from corago.errors import DefinitionError

if sys.version_info >= (3, 14):  # annotations are evaluated late there, and might not be yet
    from annotationlib import Format, get_annotations

    _read_signature = functools.partial(inspect.signature, annotation_format=Format.FORWARDREF)
    annotations_of = functools.partial(get_annotations, format=Format.FORWARDREF)
else:
    _read_signature = inspect.signature

    def annotations_of(annotated: Callable[..., Any]) -> dict[str, Any]:
        """The annotations of a function or class as they are written, of itself alone."""
        return dict(getattr(annotated, "__annotations__", None) or {})


_LINE = 60
_FILLED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter: its name, its type (`Any` where none is written), whether it must be given."""

    name: str
    annotation: Any
    required: bool


def underlying(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function whose code says what is asked for: beneath partials, decorators and objects."""
    while True:
        if isinstance(function, functools.partial):
            function = function.func
        elif hasattr(function, "__wrapped__"):
            function = function.__wrapped__
        elif inspect.ismethod(function):
            function = function.__func__
        elif not inspect.isroutine(function) and callable(type(function).__call__):
            function = type(function).__call__
            if not inspect.isfunction(function):
                return function
        else:
            return function


def name_of(function: Any) -> str:
    """A callable's own name, for messages."""
    named = function.func if isinstance(function, functools.partial) else function
    return str(getattr(named, "__name__", None) or type(named).__name__)


def is_async(function: Callable[..., Any]) -> bool:
    """Whether what it returns must be awaited, seen through decorators that do not say so."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        underlying(function)
    )


def check_callable(function: Any, label: str) -> None:
    """Refuse what can't be filled by name. Raises DefinitionError, which names `label`."""
    if not callable(function) or isinstance(function, type):
        raise DefinitionError(f"{label} needs a function, not {shortened(function)}")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise DefinitionError(
            f"{label}: {name_of(function)} is a generator; use `return` instead of `yield`"
        )
    for number, parameter in enumerate(_signature(function, label)):
        if parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
            raise DefinitionError(
                f"{label}: parameter {parameter.name!r} is positional-only, and arguments are "
                "filled by name: remove the `/` from the signature"
            )
        if parameter.kind not in _FILLED:
            star = "*" if parameter.kind is inspect.Parameter.VAR_POSITIONAL else "**"
            raise DefinitionError(
                f"{label}: `{star}{parameter.name}` names no key of the State: name each "
                "parameter; if a decorator made this function, let it use functools.wraps"
            )
        if number == 0 and parameter.name == "self":
            raise DefinitionError(
                f"{label}: {name_of(function)} is a method without its object: decorate a "
                "function, or hand over a bound method, as in step(name)(obj.method)"
            )


def parameters(
    function: Callable[..., Any], label: str, scope: Mapping[str, Any]
) -> tuple[Parameter, ...]:
    """The parameters to fill; types are resolved with globals, the closure's names and `scope`.

    Raises NameError for a type whose name is not known (yet), DefinitionError for what is no type.
    """
    hints = _hints(function, label, scope)
    return tuple(
        Parameter(each.name, hints.get(each.name, Any), each.default is inspect.Parameter.empty)
        for each in _signature(function, label)
    )


def namespace(function: Callable[..., Any], scope: Mapping[str, Any]) -> dict[str, Any]:
    """The local names that the function's annotations may use."""
    inner = underlying(function)
    found = dict(scope)
    cells = getattr(inner, "__closure__", None) or ()
    for name, cell in zip(getattr(inner, "__code__", _NO_CODE).co_freevars, cells, strict=False):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # assigned further down in the enclosing function
            continue
    return found


def _no_code() -> None: ...


_NO_CODE = _no_code.__code__


def _signature(function: Callable[..., Any], label: str) -> Iterator[inspect.Parameter]:
    try:
        found = _read_signature(function).parameters.values()
    except (ValueError, TypeError) as error:
        raise DefinitionError(
            f"{label}: {name_of(function)} does not tell its parameters ({error}); wrap it in a "
            "function of your own"
        ) from error
    given: set[str] = set()
    while isinstance(function, functools.partial):
        given.update(function.keywords)
        function = function.func
    # what a partial has already given is not for the State to overrule
    return (each for each in found if each.name not in given)


def _hints(function: Callable[..., Any], label: str, scope: Mapping[str, Any]) -> dict[str, Any]:
    inner = underlying(function)
    written = annotations_of(inner)
    written.pop("return", None)  # nobody needs it, and it may name what only type checkers see
    if not written:
        return {}
    holder = types.FunctionType(_NO_CODE, getattr(inner, "__globals__", {}))
    holder.__annotations__ = written
    try:
        return typing.get_type_hints(
            holder, localns=namespace(function, scope), include_extras=True
        )
    except NameError:
        raise
    except Exception as error:
        raise DefinitionError(f"{label}: an annotation is no type: {error}") from error


def type_text(annotation: Any) -> str:
    """A type as a definition keeps it: short names, the same on every Python, without code."""
    if annotation is None or annotation is type(None):
        return "None"
    if annotation is ...:
        return "..."
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        inner = type_text(arguments[0])
        return f"Secret[{inner}]" if is_marked(annotation) else inner
    if origin is typing.Literal:
        return f"Literal[{', '.join(map(_literal, arguments))}]"
    if origin in (typing.Union, types.UnionType):
        # sorted: `typing` keeps one of two unions that differ in order only, whichever came first
        return " | ".join(
            sorted(map(type_text, arguments), key=lambda text: (text == "None", text))
        )
    if origin is not None:
        inside = f"[{', '.join(map(type_text, arguments))}]" if arguments else ""
        return type_text(origin) + inside
    if isinstance(annotation, list):
        return f"[{', '.join(map(type_text, annotation))}]"
    if isinstance(annotation, typing.ForwardRef):
        return annotation.__forward_arg__
    name = getattr(annotation, "__name__", None) or getattr(annotation, "_name", None)
    return str(name or type(annotation).__name__)


def _literal(value: Any) -> str:
    return f"{type(value).__name__}.{value.name}" if isinstance(value, Enum) else repr(value)


def shortened(value: object) -> str:
    """A value as text for a message, cut to a line's worth; whatever the value is."""
    return shown(value, _LINE)
