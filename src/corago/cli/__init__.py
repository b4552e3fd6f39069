"""The command line: words in, an exit status out. Prints; knows no table and decides nothing."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line, that of this OS process by default; gives the exit status."""
    from corago.cli.app import call

    return call(sys.argv[1:] if arguments is None else arguments)
