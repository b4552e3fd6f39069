"""The colours of drawings, on light and on dark paper, and the figures that stand for marks."""

from __future__ import annotations

from collections.abc import Iterator

Pair = tuple[str, str]
"""A colour on light paper, and on dark paper."""

PAPER: Pair = ("#ffffff", "#14171c")

_NODES: dict[str, tuple[Pair, Pair, Pair, Pair]] = {
    "plain": (
        ("#f6f8fc", "#232932"),
        ("#b4bfce", "#566275"),
        ("#1f2937", "#e6eaf0"),
        ("#8592a6", "#8f9bae"),
    ),
    "done": (
        ("#edf7f0", "#18291f"),
        ("#8fc7a2", "#3f7d57"),
        ("#1d3b29", "#d5ecdd"),
        ("#37935a", "#4fae74"),
    ),
    "running": (
        ("#e8f1fe", "#172741"),
        ("#4f8ae6", "#5b93ea"),
        ("#12305f", "#dbe8fd"),
        ("#2f6fd8", "#5b93ea"),
    ),
    "failed": (
        ("#fdeeec", "#351b1a"),
        ("#df7b70", "#cf6559"),
        ("#5c1a14", "#fbdfdc"),
        ("#cf4436", "#e06a5c"),
    ),
    "waiting": (
        ("#fff7e3", "#31270f"),
        ("#e0b252", "#b98c34"),
        ("#4d3708", "#f8e9c6"),
        ("#c98a12", "#d9a53f"),
    ),
    "skipped": (
        ("#f7f7f9", "#1d2026"),
        ("#c6cad2", "#454c58"),
        ("#616a78", "#959eac"),
        ("#a3abb8", "#6b7484"),
    ),
    "pending": (
        ("#ffffff", "#1a1e24"),
        ("#ccd4df", "#434c5a"),
        ("#556070", "#a9b3c1"),
        ("#b4bdca", "#5d6878"),
    ),
}
"""By mark, `plain` where there is none: the ground, the outline, the text, the mark's disc."""

_EDGES: dict[str, tuple[Pair, Pair]] = {
    "plain": (("#8793a5", "#78859a"), ("#475467", "#b6c0ce")),
    "taken": (("#4a9e6b", "#4fae74"), ("#2c7a4c", "#7fd0a0")),
    "error": (("#d2564a", "#e06a5c"), ("#b23a2e", "#f0958a")),
    "faint": (("#c3cad5", "#454e5c"), ("#6b7484", "#8590a2")),
}
"""By tone: the line, and the text at it."""


def _paints() -> Iterator[tuple[str, dict[str, Pair]]]:
    yield "paper", {"fill": PAPER}
    yield "title", {"fill": ("#1b2330", "#eef1f5")}
    yield "quiet", {"fill": ("#667085", "#98a2b3")}
    yield "lane", {"fill": ("#ffffff", "#15191f")}
    for name, (ground, outline, text, disc) in _NODES.items():
        yield f"node-{name}", {"fill": ground, "stroke": outline}
        yield f"text-{name}", {"fill": text}
        yield f"disc-{name}", {"fill": disc}
        yield f"frame-{name}", {"fill": ("#f3f5f9", "#1c2129"), "stroke": outline}
    for name, (line, text) in _EDGES.items():
        yield f"line-{name}", {"stroke": line}
        yield f"head-{name}", {"fill": line}
        yield f"label-{name}", {"fill": text}


PAINTS: dict[str, dict[str, Pair]] = dict(_paints())
"""By class, the attributes that have colours."""

GLYPHS = {
    "done": "M-3.6 .3L-1.1 2.8L3.7 -2.5",
    "running": "M-1.9 -3.3L3.4 0L-1.9 3.3Z",
    "failed": "M-2.6 -2.6L2.6 2.6M2.6 -2.6L-2.6 2.6",
    "skipped": "M-3.3 -2.6L-.5 0L-3.3 2.6M.7 -2.6L3.5 0L.7 2.6",
    "waiting": "M-1.7 -2.7V2.7M1.7 -2.7V2.7",
    "pending": "",
}
"""By mark: a figure around the middle of its disc, drawn in lines."""


def paint(name: str) -> str:
    """The attributes for a class: the class itself, and its colours on light paper."""
    colours = "".join(f' {key}="{light}"' for key, (light, _) in PAINTS[name].items())
    return f' class="{name}"{colours}'


def dark_rules(scope: str) -> str:
    """Rules that give every class within `scope` its colours on dark paper."""
    rules = (
        f".{scope} .{name}{{{';'.join(f'{key}:{dark}' for key, (_, dark) in colours.items())}}}"
        for name, colours in PAINTS.items()
    )
    return f"@media (prefers-color-scheme:dark){{{''.join(rules)}}}"
