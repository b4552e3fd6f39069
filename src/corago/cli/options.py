"""The options that commands share, as values; how cyclopts reads them stands beside each."""

from __future__ import annotations

import getpass
import os
from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter

from corago.cli.exits import UsageError

URL_VARIABLE = "CORAGO_URL"

MEMORY = ("memory://", "memory:")


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Common:
    """What every command takes."""

    url: Annotated[
        str | None,
        Parameter(help=f"The store, such as sqlite:///work.db; without it, ${URL_VARIABLE}."),
    ] = None
    json: Annotated[bool, Parameter(help="One JSON document on stdout; errors as JSON too.")] = (
        False
    )
    quiet: Annotated[
        bool, Parameter(name=["--quiet", "-q"], help="No messages but errors on stderr.")
    ] = False

    @property
    def store(self) -> str | None:
        """The URL of the store, or None where none is named, or memory is."""
        named = self.url or os.environ.get(URL_VARIABLE) or None
        return None if named in MEMORY else named

    def needed_store(self, what: str) -> str:
        """The URL of the store. Raises UsageError, which says what to set."""
        if self.store is None:
            raise UsageError(
                f"{what} needs a store that outlives it: give --url sqlite:///work.db, or set "
                f"{URL_VARIABLE}. In memory only `demo` and `run --wait` work"
            )
        return self.store


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Acting(Common):
    """What every command takes that changes something."""

    actor: Annotated[
        str | None,
        Parameter(help="Who acts, for the history; without it, your login name."),
    ] = None
    reason: Annotated[str | None, Parameter(help="Why, for the history.")] = None

    @property
    def who(self) -> str | None:
        """Who acts: as told, else the login name where the system knows one."""
        if self.actor is not None:
            return self.actor
        try:
            return getpass.getuser()
        except (OSError, KeyError, ImportError):
            return None


COMMON = Common()
ACTING = Acting()

Json = Annotated[str | None, Parameter(allow_leading_hyphen=True)]
"""JSON on the command line, which may be a negative number."""
