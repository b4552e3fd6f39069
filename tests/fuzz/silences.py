"""Damages that no check can tell or that do no harm, and those that an engine need not survive.

Each with a word why; whatever is not named here must be reported, and survived.
"""

from __future__ import annotations

from tests.fuzz.damages import Damage

WITHIN = "nudged within, lacking within, null within, huge within, a list within"
ANY_JSON = f"{WITHIN}, an object, a list, a list of numbers, nothing, a number, deep, another row's"
ANY_TEXT = f"{ANY_JSON}, empty, garbage, half, longer, no text, null"
NEAR = "one less, one more, another row's, null, zero"
PLAUSIBLE = f"{NEAR}, negative"

_SILENT: tuple[tuple[str, str, str], ...] = (
    (
        "it is a user's own value, and any value is good",
        f"{WITHIN}, another row's, time moved, end of time",
        "events.data inbox.data tasks.data",
    ),
    ("a user's own value, too", ANY_JSON, "documents.data tasks.details"),
    ("it names no process: a worker that takes it finds out", "an object", "tasks.data"),
    ("that nothing was said of it", "empty", "tasks.details"),
    ("only for people", ANY_TEXT, "documents.actor migrations.name workers.name"),
    ("only for people", ANY_TEXT, "workflow_instances.lost_owner"),
    ("a copy for people: the history has it", ANY_JSON, "workflow_instances.external_state"),
    ("what a digest was made of is not kept", ANY_TEXT, "workflow_instances.input_sha"),
    ("as a digest is all that is known of it", ANY_TEXT, "signal_keys.digest signal_keys.key"),
    ("any process may have had that key", NEAR, "signal_keys.instance_id"),
    ("a cache: what does not fit is folded anew", ANY_TEXT, "workflow_instances.snapshot_tag"),
    (
        "a cache: what does not fit is folded anew, and what is not known, ignored",
        f"{ANY_JSON}, another state",
        "workflow_instances.internal_state",
    ),
    (
        "an instant that may well have been",
        PLAUSIBLE,
        """documents.at_us inbox.at_us tasks.close_by_us tasks.start_by_us tasks.due_us
        tasks.run_by_us tasks.beat_by_us tasks.taken_us tasks.heard_us workers.beat_us
        workflow_instances.created_us workflow_instances.updated_us workflow_instances.due_us
        workflow_instances.until_us""",
    ),
    ("only for people", f"{PLAUSIBLE}, huge, the largest, the smallest", "migrations.at_us"),
    (
        "a number that may well have been",
        NEAR,
        """documents.position documents.process_id tasks.epoch tasks.losses tasks.owner tasks.stops
        tasks.run_us tasks.beat_us workers.beat workers.has_lock workflow_instances.consumed
        workflow_instances.epoch workflow_instances.failures workflow_instances.failures_at
        workers.id tasks.id tasks.instance_id inbox.instance_id""",
    ),
    ("whether its death can be seen", "zero", "workers.has_lock"),
    ("a worker that never was looks like one that is gone", "nobody, row twice", "workers."),
    (
        "rows are found by process, run and position",
        "zero, negative, huge, the largest, the smallest, one more, one less",
        "events.id",
    ),
    (
        "the worker's own word: it runs, it waits, or for a person",
        NEAR,
        "workflow_instances.status",
    ),
    (
        "nothing tells that it was there",
        "row deleted, all deleted",
        "settings. signal_keys. tasks.",
    ),
    ("another message, or none, may have come", "row deleted, row twice", "inbox."),
)

SILENT = frozenset(
    (place, way)
    for _, ways, places in _SILENT
    for place in places.split()
    for way in ways.split(", ")
)

_DEADLY: tuple[tuple[str, str, str], ...] = (
    ("the engine does not open a file of unknown migrations, and says so", "migrations.", ""),
    ("a text in a number's place: SQLite itself writes such a row no more", "", "a text"),
    ("no number is left for the next row: the store says that it is full", ".id", "the largest"),
    ("no number is left for the next message", "inbox.seq", "the largest"),
    ("a row without its definition is not taken, listed or ended", "workflow_id", ""),
    ("nor is it if the definition is gone", "workflow_definitions.id", ""),
    ("likewise", "workflow_definitions.", "row deleted"),
)


def may_be_silent(damage: Damage) -> bool:
    """Whether a check may have nothing to say of it."""
    return (f"{damage.table}.{damage.column}", damage.how) in SILENT


def may_be_deadly(damage: Damage) -> bool:
    """Whether an engine may say that it can't go on, or can't end what is damaged."""
    place = f"{damage.table}.{damage.column}"
    return any(
        (place.startswith(where) or place.endswith(where)) and how in ("", damage.how)
        for _, where, how in _DEADLY
    )
