"""The options that commands share, as values; how cyclopts reads them stands beside each."""

from __future__ import annotations

import getpass
import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from corago.cli.exits import UsageError

if TYPE_CHECKING:
    from corago.codecs import PayloadCodec

URL_VARIABLE = "CORAGO_URL"
CODEC_VARIABLE = "CORAGO_CODEC"

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

    @property
    def codec(self) -> Sequence[PayloadCodec]:
        """The codecs of the store's rows. Raises LoadError for a name that leads to none."""
        named = os.environ.get(CODEC_VARIABLE)
        if not named:
            return ()
        from corago.cli.loading import load_codecs

        return load_codecs(named, CODEC_VARIABLE)

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


@Parameter(name="*", group=Group("Many at once", sort_key=5))
@dataclass(frozen=True, slots=True)
class Which:
    """For which processes a command is that is for many: filters instead of an ID."""

    workflow: Annotated[str | None, Parameter(help="Those of this workflow.")] = None
    status: Annotated[str | None, Parameter(help="Those in this status, such as failed.")] = None
    tag: Annotated[str | None, Parameter(help="Those that bear this tag.")] = None
    since: Annotated[
        str | None,
        Parameter(help="Those started since an instant (ISO 8601, UTC), or since 90s, 2h, 3d ago."),
    ] = None
    until: Annotated[
        str | None, Parameter(help="Those started before an instant, or before 90s, 2h, 3d ago.")
    ] = None
    limit: Annotated[int | None, Parameter(help="At most so many, the newest.")] = None
    targets: Annotated[
        str | None, Parameter(help="Those of a list that --save has kept, as they stood then.")
    ] = None
    save: Annotated[str | None, Parameter(help="Keep the list of those found in this file.")] = None
    dry_run: Annotated[
        bool, Parameter(help="Show how many there are, and the first; do nothing to them.")
    ] = False
    yes: Annotated[bool, Parameter(name=["--yes", "-y"], help="Do not ask, do it.")] = False
    even_if_moved: Annotated[
        bool, Parameter(help="Those too that have moved on since the list was made.")
    ] = False

    @property
    def given(self) -> list[str]:
        """The options that were given, as they are written."""
        told = ((each.name, getattr(self, each.name)) for each in fields(self))
        return [f"--{name.replace('_', '-')}" for name, value in told if value not in (None, False)]

    def one(self, id: str | None, command: str) -> str | None:
        """The id of the one process that is meant; None where many are.

        Raises UsageError where that is not clear.
        """
        filters = [each for each in self.given if each in FILTERS]
        if id is not None:
            if self.given:
                raise UsageError(
                    f"{id!r} names one process and {self.given[0]} is for many: give an ID or "
                    "filters, not both"
                )
            return id
        if self.targets is not None and filters:
            raise UsageError(
                f"--targets names the processes, so {filters[0]} has nothing to choose: leave one "
                "of them out"
            )
        if self.targets is None and not filters:
            raise UsageError(
                f"for which process? Give its ID (`{command}`), or filters for many, such as "
                "--workflow NAME --status failed, with --dry-run to see them first"
            )
        return None


FILTERS = ("--workflow", "--status", "--tag", "--since", "--until")
"""The options of `Which` that choose; the others say how."""

COMMON = Common()
ACTING = Acting()
WHICH = Which()

Json = Annotated[str | None, Parameter(allow_leading_hyphen=True)]
"""JSON on the command line, which may be a negative number."""
