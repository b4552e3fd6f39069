"""The demo's voice: prose on a terminal or in a pipe, and one line that shows how things stand."""

from __future__ import annotations

import textwrap
from typing import Any, TextIO

from corago.clock import Clock, SystemClock

LINE_SECONDS = 2.0
WIDTH = 88


class Stage:
    """Says the story to `stream`; rich, in colours, where that is a terminal."""

    def __init__(self, stream: TextIO, clock: Clock | None = None) -> None:
        """Take the stream."""
        self._stream = stream
        self._clock = clock or SystemClock()
        self._last = 0.0
        self._moment = ""
        self._console: Any = None
        self._status: Any = None
        if self._stream.isatty():
            from rich.console import Console

            self._console = Console(file=self._stream, highlight=False, soft_wrap=True)

    def act(self, title: str) -> None:
        """A new part of the story."""
        self.calm()
        self._print("")
        self._print(title, "bold")

    def say(self, text: str, style: str = "") -> None:
        """A paragraph, wrapped."""
        for line in textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False):
            self._print(f"  {line}", style)

    def show(self, block: str, style: str = "") -> None:
        """Lines as they are, indented."""
        self._print(textwrap.indent(block, "    "), style)

    def moment(self, text: str) -> None:
        """How things stand now: one line that changes on a terminal, else a line now and then."""
        if self._console is not None:
            if self._status is None:
                self._status = self._console.status("")
                self._status.start()
            self._status.update(text)
        elif text != self._moment and self._clock.monotonic() - self._last >= LINE_SECONDS:
            self._last = self._clock.monotonic()
            self._print(f"  … {text}")
        self._moment = text

    def calm(self) -> None:
        """The line that changes is over."""
        if self._status is not None:
            self._status.stop()
            self._status = None

    def _print(self, text: str, style: str = "") -> None:
        if self._console is None:
            print(text, file=self._stream, flush=True)
        else:
            self._console.print(text, style=style or None, markup=False)
