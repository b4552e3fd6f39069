"""The path that a decider's process took, as its history tells it: what led to what. Pure.

A history does not say what made `decide` decide so, only what had come by then. What came with
the very commit led there directly; what had come since the decision before, and was answered by
nothing, may have led there too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import product

from corago.core import events as e
from corago.decider.sightings import Kind, Round, Sighting, Sightings
from corago.drawing.graph import Mark

MANY = 3
"""Of more things of one kind and name than this, only their number is told."""

LIMIT = 60
"""A trail of more landmarks than this is told in fewer words."""

_URGENT: tuple[Mark, ...] = ("running", "waiting", "failed", "done", "skipped")
"""Of several things, a landmark bears the first of these marks."""

_TALLIED = {"running": "open", "waiting": "open", "skipped": "canceled"}
"""What a tally calls things that bear a mark, if not as the mark is called."""


_TALLIED_KINDS = ("activity", "timer", "child")


@dataclass(frozen=True, slots=True)
class Landmark:
    """Something that a process met: an activity, a timer, a signal, its end; or `count` of them.

    `id` is unique in its trail, `said` are details; it `is_open` while the process waits for it.
    """

    id: str
    kind: Kind
    name: str
    mark: Mark
    said: tuple[str, ...] = ()
    is_open: bool = False
    count: int = 1


@dataclass(frozen=True, slots=True)
class Lead:
    """That one landmark led to another, `count` times; see the module for `is_direct`.

    `verb` says what was done to the other one, if it did not begin there.
    """

    source: str
    target: str
    verb: str = ""
    is_direct: bool = True
    count: int = 1


@dataclass(frozen=True, slots=True)
class Trail:
    """The path of one run: landmarks in the order in which they were met, and what led to what.

    `standing` are the landmarks from which an open process goes on; a closed one has none.
    """

    landmarks: tuple[Landmark, ...]
    leads: tuple[Lead, ...]
    standing: tuple[str, ...] = ()
    run: int = 1


def trail(events: Iterable[e.Event], now: datetime) -> Trail:
    """The path that the events of one run tell of, as of `now`."""
    seen = Sightings(events, now)
    sorted_ = [_sorted(seen, sorting(seen)) for sorting in _SORTINGS]
    fitting = [each for each in sorted_ if len(each.groups) <= LIMIT]
    return _told(seen, (fitting or sorted_[-1:])[0])


# -- how few words ---------------------------------------------------------------------------------

Sorting = Callable[[Sighting], str]
"""Gives the landmark of a sighting: those with the same text are one."""


def _those_that_are_many(seen: Sightings) -> Sorting:
    counts = Counter((each.kind, each.family) for each in seen.all)
    names: dict[Sighting, str] = {}
    uses: Counter[str] = Counter()
    for each in seen.all:
        name = f"{each.kind} {each.name}"
        uses[name] += 1
        names[each] = name if uses[name] == 1 else f"{name} ({uses[name]})"
    return lambda x: names[x] if counts[x.kind, x.family] <= MANY else _by_family(x)


def _by_family(each: Sighting) -> str:
    return f"{each.kind} {each.family} (all)"


def _by_kind(each: Sighting) -> str:
    return _by_family(each) if each.kind in ("activity", "child", "end") else f"{each.kind} (all)"


@dataclass(frozen=True, slots=True)
class _Sorted:
    """Sightings by their landmarks, and how they were sorted."""

    groups: Mapping[str, list[Sighting]]
    sort: Sorting


def _sorted(seen: Sightings, sort: Sorting) -> _Sorted:
    groups: dict[str, list[Sighting]] = {}
    for each in seen.all:
        groups.setdefault(sort(each), []).append(each)
    return _Sorted(groups, sort)


_SORTINGS: tuple[Callable[[Sightings], Sorting], ...] = (
    _those_that_are_many,
    lambda _: _by_family,
    lambda _: _by_kind,
)
"""From many words to few."""


# -- telling ---------------------------------------------------------------------------------------


def _told(seen: Sightings, sorted_: _Sorted) -> Trail:
    groups, sort = sorted_.groups, sorted_.sort
    leads: dict[tuple[str, str, str], Lead] = {}
    for each in seen.rounds:
        for lead in _leads(each, sort):
            key = (lead.source, lead.target, lead.verb)
            leads[key] = _both(leads[key], lead) if key in leads else lead
    places = {name: number for number, name in enumerate(groups)}
    return Trail(
        tuple(_landmark(name, group) for name, group in groups.items()),
        tuple(sorted(leads.values(), key=lambda x: (places[x.target], x.verb, places[x.source]))),
        () if seen.is_closed else tuple(dict.fromkeys(map(sort, seen.standing))),
        seen.run,
    )


def _leads(one: Round, sort: Sorting) -> Iterator[Lead]:
    """What led to what in one round, each once."""
    for at in dict.fromkeys(link.at for link in one.decisions):
        answered = [link for link in one.news if link.at in (at, None)] or one.news
        direct = {(sort(link.sighting), link.verb) for link in answered}
        sources = dict.fromkeys((sort(link.sighting), link.verb) for link in one.news)
        targets = {(sort(x.sighting), x.verb) for x in one.decisions if x.at == at}
        for (source, came), (target, verb) in product(sources, targets):
            is_direct = (source, came) in direct
            if is_direct or not verb:
                yield Lead(source, target, verb or came, is_direct)


def _both(one: Lead, other: Lead) -> Lead:
    is_direct = one.is_direct or other.is_direct
    return Lead(one.source, one.target, one.verb, is_direct, one.count + other.count)


def _landmark(name: str, group: list[Sighting]) -> Landmark:
    first = group[0]
    if len(group) == 1:
        said = tuple(note for note in first.notes.values() if note)
        return Landmark(name, first.kind, first.name, first.mark, said, first.is_open)
    families = {each.family for each in group}
    named = first.family if len(families) == 1 else f"{first.kind}s"
    marks = Counter(_TALLIED.get(each.mark, each.mark) for each in group)
    tally = ", ".join(f"{count:,} {mark}" for mark, count in marks.items())
    number = f"{len(group):,}x"
    return Landmark(
        name,
        first.kind,
        named,
        min((each.mark for each in group), key=_URGENT.index),
        (f"{number}: {tally}" if first.kind in _TALLIED_KINDS else number,),
        any(each.is_open for each in group),
        len(group),
    )
