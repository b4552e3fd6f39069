"""The table of commands, and the way from a command line to an exit status.

Commands are named by their place and imported when they are called, so that `--help` is quick.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Sequence

from cyclopts import App, CycloptsError, Group, Parameter

from corago import __version__
from corago.cli.exits import Exit, UsageError, code_of, status_of
from corago.errors import InvalidInputError

DEBUG_VARIABLE = "CORAGO_DEBUG"

COMMANDS: dict[str, dict[str, tuple[str, str]]] = {
    "Start": {
        "demo": ("corago.demo:demo", "See a crash and a recovery, in a minute."),
        "run": ("corago.cli.running:run", "Start a process, or one per row of a file."),
        "worker": ("corago.cli.serving:worker", "Run the workflows of files until stopped."),
    },
    "Look": {
        "list": ("corago.cli.looking:list_processes", "List processes, newest first."),
        "show": ("corago.cli.looking:show", "Show one process: where it stands and why."),
        "history": ("corago.cli.looking:history", "Show what was recorded of a process."),
        "explain": ("corago.cli.looking:explain", "Say why a process stands where it stands."),
        "preview": ("corago.cli.foreseeing:preview", "Show what would happen; write nothing."),
        "graph": ("corago.cli.foreseeing:graph", "Draw a workflow or a process."),
        "lint": ("corago.cli.linting:lint", "Look for faults in files; exit status 9 if any."),
    },
    "Act": {
        "signal": ("corago.cli.acting:signal", "Send a signal to a process, or to many."),
        "update": ("corago.cli.acting:update", "Change a process's external store."),
        "retry": ("corago.cli.acting:retry", "Try again exactly what failed, in one or many."),
        "skip": ("corago.cli.acting:skip", "Go on past what failed."),
        "set-result": ("corago.cli.acting:set_result", "Go on past what failed, with a result."),
        "cancel": ("corago.cli.acting:cancel", "Ask a process to stop."),
        "abort": ("corago.cli.acting:abort", "End a process by force."),
        "migrate": ("corago.cli.migrating:migrate", "Let processes follow a changed definition."),
        "pause": ("corago.cli.acting:pause", "Start nothing further in the whole store."),
        "unpause": ("corago.cli.acting:unpause", "Let a paused store go on."),
    },
    "Report": {
        "complete": ("corago.cli.completing:complete", "Say that an activity is done."),
        "fail": ("corago.cli.completing:fail", "Say that an activity has failed."),
        "stopped": ("corago.cli.completing:stopped", "Say that an activity has stopped."),
        "heartbeat": ("corago.cli.completing:heartbeat", "Say that an activity is alive."),
    },
    "Keep": {
        "secret-key": ("corago.cli.keys:secret_key", "Print a fresh key for secrets."),
    },
}
DATABASE: dict[str, tuple[str, str]] = {
    "status": ("corago.cli.database:status", "Show what the database is and holds."),
    "upgrade": ("corago.cli.database:upgrade", "Bring the database to this version."),
    "check": ("corago.cli.database:check", "Look for damage; exit status 9 if there is any."),
}
LEADING = ("--json", "--quiet", "-q", "--url")
"""Options that may stand before the command too."""

EPILOGUE = (
    "Exit status: 0 ok, 1 the process did not complete, 2 usage, 3 not found, 4 refused in this "
    "status, 5 invalid input, 6 not authorised, 7 database unreachable, 8 timed out waiting, "
    "9 findings, 130 interrupted. CORAGO_URL names the store; CORAGO_SECRET_KEY holds the key of "
    "its secrets (or several, with commas: the first seals, all open); CORAGO_CODEC=MODULE:NAME, "
    "or FILE.py:NAME, names the codec of its rows, or a list of them; CORAGO_DEBUG shows "
    "tracebacks."
)


def make_app() -> App:
    """The command line, with every command named and none imported."""
    plain = Parameter(negative=(), show_default=lambda value: value or None)
    app = App(
        name="corago",
        help="Durable workflows: work that survives crashes, takes days, and waits for people.",
        help_epilogue=EPILOGUE,
        help_format="plaintext",
        version=__version__,
        default_parameter=plain,
        print_error=False,
        exit_on_error=False,
        result_action="return_value",
        suppress_keyboard_interrupt=False,
    )
    groups = {title: Group(title, sort_key=order) for order, title in enumerate(COMMANDS)}
    for title, commands in COMMANDS.items():
        for name, (place, told) in commands.items():
            app.command(place, name=name, help=told, group=groups[title], help_epilogue="")
    database = App(name="db", help="Look after the database.", group=groups["Keep"])
    for name, (place, told) in DATABASE.items():
        database.command(place, name=name, help=told)
    app.command(database)
    return app


def call(arguments: Sequence[str]) -> int:
    """Run one command line; gives its exit status. Errors are told on stderr, not raised."""
    tokens = _reordered(list(arguments))
    is_json = "--json" in tokens
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # which is an escape in JSON too
    try:
        status = make_app()(tokens)
        sys.stdout.flush()
    except CycloptsError as error:
        return _tell(_usage(error, tokens), is_json=is_json)
    except BrokenPipeError as error:
        # Python would write what is left at exit, and complain
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return status_of(error)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the border to the shell
        return _tell(error, is_json=is_json)
    return status if isinstance(status, int) else Exit.OK


def _reordered(tokens: list[str]) -> list[str]:
    """The shared options behind the command, where a command reads them."""
    leading: list[str] = []
    while tokens and tokens[0].partition("=")[0] in LEADING:
        taken = 2 if tokens[0] == "--url" else 1
        leading += tokens[:taken]
        del tokens[:taken]
    if not tokens or not leading:
        return leading + tokens
    names = 2 if tokens[0] == "db" else 1
    return [*tokens[:names], *leading, *tokens[names:]]


def _usage(error: CycloptsError, tokens: list[str]) -> BaseException:
    cause = error.__cause__
    if isinstance(cause, (UsageError, InvalidInputError)):
        return cause
    named = error.command_chain or [each for each in tokens[:1] if not each.startswith("-")]
    known = {*DATABASE, *(name for group in COMMANDS.values() for name in group)}
    asked = " ".join(["corago", *named]) if named and named[-1] in known else "corago"
    return UsageError(f"{error} (`{asked} --help` tells more)")


def _tell(error: BaseException, *, is_json: bool) -> int:
    status = status_of(error)
    if os.environ.get(DEBUG_VARIABLE):
        traceback.print_exception(error)
    said = str(error) or type(error).__name__
    if isinstance(error, KeyboardInterrupt):
        said = str(error) or "interrupted"
    elif status is Exit.DEFECT:
        said = (
            f"an error of corago's own: {type(error).__name__}: {said}; with {DEBUG_VARIABLE}=1 it "
            "shows where, please report it"
        )
    if is_json:
        print(json.dumps({"code": code_of(error), "message": said}), file=sys.stderr)
    else:
        print(f"corago: {said}", file=sys.stderr)
    return status
