"""How long a wished-for activity may wait and be silent: a value that commits and wishes share."""

from __future__ import annotations

from datetime import datetime

import msgspec


class WishLimits(msgspec.Struct, frozen=True, omit_defaults=True):
    """The limits of one activity as its next attempt meets them.

    `schedule_to_start` and `heartbeat` are in seconds; `close_by` is the instant at which even the
    last attempt must have ended.
    """

    schedule_to_start: float | None = None
    close_by: datetime | None = None
    heartbeat: float | None = None
