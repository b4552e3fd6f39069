"""What a worker tells of its work besides: log lines on stderr, and metrics over HTTP."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Literal

from cyclopts import Parameter

from corago.cli.exits import UsageError
from corago.cli.output import Output
from corago.observing.logs import LogListener
from corago.runtime.listening import Listener


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Watching:
    """What may be watched."""

    log_level: Annotated[
        Literal["debug", "info", "warning", "error"] | None,
        Parameter(help="Log what becomes of processes on stderr, from this level on."),
    ] = None
    metrics_port: Annotated[
        int | None,
        Parameter(help="Answer Prometheus on this port; needs corago[prometheus]."),
    ] = None
    metrics_address: Annotated[
        str, Parameter(help="Where that port is opened; 0.0.0.0 lets other machines ask.")
    ] = "127.0.0.1"

    @contextmanager
    def listeners(self, out: Output) -> Iterator[list[Listener]]:
        """Who is to be told, within the block. Raises UsageError."""
        found: list[Listener] = []
        if self.log_level is not None:
            logging.getLogger("corago").setLevel(self.log_level.upper())
            found.append(LogListener())
        if self.metrics_port is None:
            yield found
            return
        try:
            from corago.observing.metrics import Metrics

            metrics = Metrics()
            port, stop = metrics.serve(self.metrics_port, self.metrics_address)
        except ModuleNotFoundError as error:
            raise UsageError(f"--metrics-port: {error}") from error
        except (OSError, OverflowError) as error:
            raise UsageError(
                f"--metrics-port {self.metrics_port}: {self.metrics_address} can't be listened "
                f"on there: {error}"
            ) from error
        out.say(f"metrics at http://{self.metrics_address}:{port}/metrics")
        try:
            yield [*found, metrics]
        finally:
            stop()


WATCHING = Watching()
