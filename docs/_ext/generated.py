"""`{generated} NAME`: tables and lists that are made out of the code, so that they can't lag."""

import inspect
import io
import os
import re
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from importlib import import_module
from typing import Any, ClassVar

from docutils import nodes
from prometheus_client import CollectorRegistry
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from corago import errors
from corago.cli import main
from corago.cli.app import COMMANDS, DATABASE, EPILOGUE
from corago.cli.exits import STATUS_OF, Exit
from corago.core import events
from corago.machine.lint import CODES
from corago.observing.metrics import Metrics

WIDTH = "92"


def event_rows() -> Iterator[str]:
    """Every event: its name, what it says, its own fields."""
    shared = set(events.Event.__struct_fields__)
    yield from ("| event | means | fields |", "|---|---|---|")
    for kind in events.AnyEvent.__args__:
        fields = ", ".join(f"`{each}`" for each in kind.__struct_fields__ if each not in shared)
        yield f"| `{kind.__name__}` | {_line(kind)} | {fields} |"


def result_rows() -> Iterator[str]:
    """How an activity may end."""
    yield from ("| result | means | fields |", "|---|---|---|")
    for kind in events.ActivityResult.__args__:
        fields = ", ".join(f"`{each}`" for each in kind.__struct_fields__)
        yield f"| `{kind.__name__}` | {_line(kind)} | {fields} |"


def error_rows() -> Iterator[str]:
    """The tree of errors, then each with its code."""
    tree = (errors.__doc__ or "").partition("\nCoragoError\n")[2]
    yield from ("```text", "CoragoError", *tree.rstrip().splitlines(), "```", "")
    yield from ("| error | means | `code` |", "|---|---|---|")
    for name in errors.__all__:
        kind = getattr(errors, name)
        yield f"| `{name}` | {_line(kind)} | `{kind.code}` |"


def exit_rows() -> Iterator[str]:
    """The exit statuses, with the errors that mean them."""
    yield from ("| status | name | means |", "|---|---|---|")
    said = re.findall(r"(\w+) = \d+\n +\"\"\"(.+?)\"\"\"", _source(Exit), re.DOTALL)
    meanings = {name: " ".join(text.split()) for name, text in said}
    for each in Exit:
        kinds = ", ".join(f"`{kind.__name__}`" for kind, to in STATUS_OF.items() if to is each)
        yield f"| {each.value} | `{each.name}` | {meanings[each.name]} {kinds and f'({kinds})'} |"


def command_rows() -> Iterator[str]:
    """Every command with its help, as the command line prints it."""
    yield from (EPILOGUE, "")
    database = {f"db {name}": command for name, command in DATABASE.items()}
    for group, commands in {**COMMANDS, "Database": database}.items():
        yield from (f"## {group}", "")
        for name, (place, _) in commands.items():
            yield from (f"### corago {name}", "", *_more(place), "")
            yield from ("```text", *_help(name), "```", "")


def finding_rows() -> Iterator[str]:
    """What `lint` finds in machines."""
    yield from ("| code | means | level |", "|---|---|---|")
    for name, code in CODES.items():
        yield f"| `{name}` | {code.means} | {' or '.join(code.levels)} |"


def metric_rows() -> Iterator[str]:
    """The Prometheus metrics, with their labels."""
    registry = CollectorRegistry()
    Metrics(registry)
    yield from ("| metric | kind | means |", "|---|---|---|")
    for each in registry.collect():
        name = f"{each.name}_total" if each.type == "counter" else each.name
        yield f"| `{name}` | {each.type} | {each.documentation} |"


def _help(name: str) -> list[str]:
    said = io.StringIO()
    os.environ |= {"COLUMNS": WIDTH, "NO_COLOR": "1"}
    with redirect_stdout(said):
        main([*name.split(), "--help"])
    lines = said.getvalue().splitlines()
    if EPILOGUE[:12] in said.getvalue():  # said once, above
        lines = lines[: next(n for n, line in enumerate(lines) if line.startswith(EPILOGUE[:12]))]
    return [line.rstrip() for line in lines]


def _more(place: str) -> list[str]:
    """What a command's docstring says beside its options, which its help tells."""
    module, _, name = place.partition(":")
    said = inspect.getdoc(getattr(import_module(module), name)) or ""
    return said.partition("\nArgs:\n")[0].splitlines()


def _line(kind: type) -> str:
    return " ".join((kind.__doc__ or "").split()).replace("|", r"\|")


def _source(kind: type) -> str:
    return inspect.getsource(kind)


LISTS: dict[str, Callable[[], Iterator[str]]] = {
    "commands": command_rows,
    "errors": error_rows,
    "events": event_rows,
    "exits": exit_rows,
    "findings": finding_rows,
    "metrics": metric_rows,
    "results": result_rows,
}


class Generated(SphinxDirective):
    """The directive; its argument is a name of `LISTS`."""

    required_arguments = 1
    option_spec: ClassVar[dict[str, Any]] = {}

    def run(self) -> list[nodes.Node]:
        """The list, as if it stood in the page."""
        text = "\n".join(LISTS[self.arguments[0]]())
        return self.parse_text_to_nodes(text, allow_section_headings=True)


def complete(_app: Sphinx, name: str, source: list[str]) -> None:
    """Put the decisions below their list, which is also read where no site is built."""
    if name == "adr/README":
        source[0] += "\n```{toctree}\n:hidden:\n:glob:\n\n0*\n```\n"


def untyped(_app: Sphinx, kind: str, *others: Any) -> None:
    """Keep napoleon from taking what stands before a colon in a property's docstring for a type.

    It looks at the first line only, and an escaped line break says nothing.
    """
    lines: list[str] = others[-1]
    if kind in {"attribute", "property"} and lines and ":" in lines[0]:
        lines.insert(0, "\\")


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx of it."""
    app.add_directive("generated", Generated)
    app.connect("source-read", complete)
    app.connect("autodoc-process-docstring", untyped, priority=400)  # napoleon has 500
    return {"parallel_read_safe": True}
