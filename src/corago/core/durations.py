"""How long, as people say it. Pure."""

from __future__ import annotations

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))


def in_words(seconds: float) -> str:
    """Seconds as people say them, as long as nothing is lost: 5400 is `1 h 30 min`."""
    if seconds < _UNITS[-1][0] or seconds != int(seconds):
        return f"{seconds:g} s"
    left, said = int(seconds), []
    for size, unit in _UNITS:
        count, left = divmod(left, size)
        said += [f"{count} {unit}"] if count else []
    return " ".join([*said, f"{left} s"] if left else said)
