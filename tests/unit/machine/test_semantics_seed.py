"""What the seed's system did: everything that is kept, and a regression for each quirk that is not.

The numbers are those of the list that was made from it: K is kept, Q must not come back, C is done
otherwise. `BEHAVIOURS` says of each number which tests stand for it, or why there is none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from itertools import pairwise
from types import ModuleType
from typing import Any

import pytest

from corago.core import events as e
from corago.errors import InvalidMachineError
from corago.machine import Machine, State, define
from corago.machine.lint import lint
from corago.machine.normal import normal
from tests.unit.machine import test_semantics as moves
from tests.unit.machine import test_semantics_time as times
from tests.unit.machine import test_semantics_trouble as trouble
from tests.unit.machine import test_semantics_work as work
from tests.unit.machine.drive import Drive, machine

Json = dict[str, Any]

BEHAVIOURS: Mapping[str, tuple[str, ...]] = {
    "1 K": ("test_a_machine_is_plain_data_that_survives_json",),
    "2 K": (
        "test_hooks_run_in_the_order_of_the_seed",
        "test_a_state_without_a_way_out_ends_the_process_with_its_stores",
    ),
    "3 Q": ("test_hooks_of_entry_and_exit_have_one_name_for_states_and_another_is_refused",),
    "4 K": ("test_a_function_may_answer_for_a_guard_and_its_answer_is_recorded",),
    "5 Q": ("test_all_missing_functions_are_named_at_once_with_stubs_when_a_machine_is_made",),
    "6 K": ("test_the_name_is_required_and_told_when_it_is_missing",),
    "7 K": ("test_a_machine_may_be_looked_at_without_its_functions_and_driven_without_a_name",),
    "8 K": ("test_every_target_must_be_a_state_and_all_faults_are_told_at_once",),
    "9 Q": ("test_an_island_is_found_by_a_search_from_the_start",),
    "10 Q": ("test_there_is_exactly_one_initial_state",),
    "11 Q": (
        "test_if_and_unless_at_one_edge_are_refused_when_the_machine_is_made",
        "test_several_states_are_passed_in_one_run_each_as_a_row_of_its_own",
    ),
    "12 K": ("test_a_guard_can_not_change_a_store",),
    "13 K": (
        "test_every_guard_is_asked_also_after_one_that_holds",
        "test_two_edges_that_hold_and_differ_are_an_error_that_names_both",
    ),
    "14 Q": ("test_two_edges_that_hold_and_do_the_same_are_one",),
    "15 Q": ("test_a_process_whose_state_is_gone_is_not_taken_over_in_silence",),
    "16 Q": (
        "test_a_state_that_comes_back_with_the_same_stores_ends_the_round_at_once",
        "test_a_preview_ends_where_the_commit_ends_though_the_edges_go_round",
    ),
    "17 Q": ("test_a_preview_runs_the_same_updates_and_stops_where_the_commit_stops",),
    "18 K": ("test_hooks_run_in_the_order_of_the_seed",),
    "19 K": (
        "test_a_hook_sees_what_those_before_it_wrote_and_all_of_one_set_the_same_stores",
        "test_the_first_transition_leads_from_nowhere_to_the_initial_state",
    ),
    "20 Q": (
        "test_a_function_that_gives_nothing_changes_nothing_and_one_that_gives_no_dict_fails",
    ),
    "21 K": ("test_stores_that_a_hook_makes_invalid_are_trouble_and_the_change_is_not_made",),
    "21 Q": ("test_the_hooks_of_the_first_entry_are_validated_too",),
    "22 Q": ("test_no_hook_can_touch_the_id_of_the_process",),
    "23 K": ("test_a_visit_is_counted_before_the_hooks_of_entry_run",),
    "23 Q": ("test_no_hook_can_touch_the_visits",),
    "24 K": ("test_visits_bound_a_loop",),
    "24 Q": ("test_visits_of_an_unknown_state_are_refused_when_the_machine_is_made",),
    "25 K": ("test_the_trace_of_a_process_is_its_history_with_the_first_entry",),
    "26 K": ("test_several_states_are_passed_in_one_run_each_as_a_row_of_its_own",),
    "27 Q": (
        "test_exactly_as_many_transitions_as_the_limit_says_may_follow_from_one_message",
        "test_a_machine_that_rests_after_its_last_transition_has_not_gone_too_far",
    ),
    "28 Q": (
        "test_exactly_as_many_transitions_as_the_limit_says_may_follow_from_one_message",
        "test_what_fails_in_a_transition_leads_to_the_error_state_with_a_record",
    ),
    "29 Q": (
        "test_nothing_leads_out_of_a_terminal_state_though_its_effects_are_waited_for",
        "test_a_terminal_state_with_edges_is_refused",
    ),
    "30 Q": ("test_of_two_edges_to_one_state_the_one_that_holds_is_taken_with_its_own_updates",),
    "31 C": ("test_starting_gives_a_process_that_knows_its_state",),
    "32 Q": ("test_two_machines_in_one_module_share_no_functions",),
    "33 K": ("test_all_missing_functions_are_named_at_once_with_stubs_when_a_machine_is_made",),
    "34 K": ("test_a_function_may_answer_for_a_guard_and_its_answer_is_recorded",),
    "35 Q": ("test_an_unknown_key_is_refused_wherever_it_stands",),
    "36 Q": ("test_states_keep_the_order_of_their_declaration",),
    "37 K": ("test_a_drawing_shows_start_ends_guards_and_negations",),
    "37 Q": ("test_names_are_escaped_in_drawings",),
    "38 Q": (
        "test_a_door_never_drifts_open_by_itself",
        "test_the_door_in_class_form_is_the_same_and_stays_closed_too",
    ),
}
MODULES: tuple[ModuleType, ...] = (moves, times, trouble, work)


def test_every_number_of_the_list_has_its_tests() -> None:
    numbers = {int(key.split()[0]) for key in BEHAVIOURS}
    assert numbers == set(range(1, 39))
    known = {name for module in MODULES for name in vars(module)} | set(globals())
    wanted = {name for names in BEHAVIOURS.values() for name in names}
    assert wanted - known == set()


def refused(document: Json, functions: Any = None) -> str:
    with pytest.raises(InvalidMachineError) as caught:
        define({"name": "tried", **document}, functions)
    return str(caught.value)


GO: Json = {"event": "go", "to": "b"}


# -- definition ------------------------------------------------------------------------------------


def test_a_machine_is_plain_data_that_survives_json() -> None:
    made = define(moves.DOOR)
    assert define(json.loads(json.dumps(made.document))).document == made.document
    assert define(made.document).sha == made.sha


def test_hooks_of_entry_and_exit_have_one_name_for_states_and_another_is_refused() -> None:
    for key in ("on_enter", "on_entry", "entry", "on_exit"):
        assert "/states/a" in refused(machine({"a": {"on": [GO], key: []}, "b": {}}))
    for key in ("enter", "exit", "on_entry"):
        assert key in refused(machine({"a": {"on": [GO]}, "b": {}}, **{key: []}))


def test_all_missing_functions_are_named_at_once_with_stubs_when_a_machine_is_made() -> None:
    guards = [{"event": each, "if": {"call": each}, "to": "b"} for each in ("one", "two")]
    said = refused(machine({"a": {"on": guards, "run": {"activity": "work"}}, "b": {}}))
    for name in ("one", "two", "work"):
        assert f"def {name}(" in said


def test_the_name_is_required_and_told_when_it_is_missing() -> None:
    with pytest.raises(InvalidMachineError, match="name"):
        define(machine({"a": {}}))


def test_a_machine_may_be_looked_at_without_its_functions_and_driven_without_a_name() -> None:
    document = machine({"a": {"on": [{**GO, "if": {"call": "late"}}]}, "b": {}}, name="x")
    assert define(document, code=False).document == normal(document)


def test_every_target_must_be_a_state_and_all_faults_are_told_at_once() -> None:
    edges = [{"event": "x", "to": "nowhere"}, {"event": "y", "to": "neither"}]
    said = refused(machine({"a": {"on": edges}, "b": {}}))
    for word in ("'a'", "'nowhere'", "'neither'", "valid states: a, b"):
        assert word in said


def test_an_island_is_found_by_a_search_from_the_start() -> None:
    island: Json = {"on": [{"event": "go", "to": "c"}, {"event": "x", "to": "d"}]}
    document = machine({"a": {"on": [GO]}, "b": {}, "c": island, "d": {}}, name="x")
    found = {each.pointer for each in lint(normal(document)) if each.code == "unreachable"}
    assert found == {"states/c", "states/d"}


def test_there_is_exactly_one_initial_state() -> None:
    assert "initial" in refused({"states": {"a": {}}})
    assert "'z'" in refused({"initial": "z", "states": {"a": {}}})
    assert "initial" in refused({"initial": ["a", "b"], "states": {"a": {}, "b": {}}})


def test_if_and_unless_at_one_edge_are_refused_when_the_machine_is_made() -> None:
    edge = {**GO, "if": "true", "unless": "false"}
    assert "/states/a/on/0" in refused(machine({"a": {"on": [edge]}, "b": {}}))


def test_an_unknown_key_is_refused_wherever_it_stands() -> None:
    for document, place in (
        (machine({"a": {}}, on_exit_from=1), "on_exit_from"),
        (machine({"a": {"stop": True}}), "/states/a/stop"),
        (machine({"a": {"on": [{**GO, "iff": "true"}]}, "b": {}}), "/states/a/on/0/iff"),
    ):
        assert place in refused(document)


def test_states_keep_the_order_of_their_declaration() -> None:
    names = [f"s{n}" for n in reversed(range(20))]
    states = {name: {"on": [{"event": "go", "to": after}]} for name, after in pairwise(names)}
    made = define(machine({**states, names[-1]: {}}, name="x"))
    assert list(made.document["states"]) == names
    drawn = made.dot()
    places = [drawn.index(f'"{name}" [') for name in names]
    assert places == sorted(places)


def test_two_machines_in_one_module_share_no_functions() -> None:
    document = machine({"a": {"on": [{**GO, "if": {"call": "opens"}}]}, "b": {}}, name="x")
    yes = define(document, {"opens": lambda: True})
    no = define(document, {"opens": lambda: False})
    assert yes.preview("a", event="go").state == "b"
    assert no.preview("a", event="go").state == "a"


def test_a_terminal_state_with_edges_is_refused() -> None:
    assert "/states/a" in refused(machine({"a": {"on": [GO], "terminal": True}, "b": {}}))


def test_visits_of_an_unknown_state_are_refused_when_the_machine_is_made() -> None:
    assert "visits" in refused(machine({"a": {"on": [{**GO, "if": "visits.z > 1"}]}, "b": {}}))


def test_no_hook_can_touch_the_visits() -> None:
    hooks = [{"set": {"visits.a": "1"}}]
    assert "visits" in refused(machine({"a": {"enter": hooks, "on": [GO]}, "b": {}}))


# -- moving ----------------------------------------------------------------------------------------


def test_a_guard_can_not_change_a_store() -> None:
    def greedy(internal: Json, external: Json) -> bool:
        internal["n"] = 9
        external.clear()
        return False

    document = machine(
        {"a": {"on": [{**GO, "if": {"call": "greedy"}}]}, "b": {}},
        name="x",
        internal={"n": "integer"},
        external={"m": {"type": "integer", "default": 1}},
    )
    told = define(document, {"greedy": greedy}).preview("a", event="go")
    assert (told.internal, told.external) == ({"n": 0}, {"m": 1})


def test_a_process_whose_state_is_gone_is_not_taken_over_in_silence() -> None:
    drive = Drive(machine({"a": {"on": [GO]}, "b": {"on": [{"event": "x", "to": "a"}]}}))
    drive.event("go")
    after = Drive(machine({"a": {"on": [{"event": "go", "to": "c"}]}, "c": {}}))
    (found,) = after.program.differences(drive.machine, drive.program, {})
    assert found.stops
    assert "'b'" in found.text
    assert "--map b=NEW" in found.text


def test_a_preview_ends_where_the_commit_ends_though_the_edges_go_round() -> None:
    document = machine(
        {
            "a": {"on": [GO]},
            "b": {"when": [{"if": "external.n == 0", "to": "b"}]},
        },
        external={"n": {"type": "integer", "default": 0}},
    )
    drive = Drive(document)
    told = drive.foresee(signal="go")
    drive.event("go")
    assert told.path == ("a", "b", "b")
    assert (told.status, drive.status) == ("suspended", "suspended")


def test_a_preview_runs_the_same_updates_and_stops_where_the_commit_stops() -> None:
    document = machine(
        {
            "a": {"on": [{**GO, "set": {"internal.n": "1"}}]},
            "b": {
                "enter": [{"set": {"internal.n": "internal.n + 1"}, "effect": MAIL}],
                "when": [
                    {"if": "internal.n == 2", "to": "c"},
                    {"unless": "internal.n == 2", "to": "a"},
                ],
            },
            "c": {"terminal": True},
        },
        internal={"n": "integer"},
    )
    drive = Drive(document)
    told = drive.foresee(signal="go")
    assert (told.state, told.internal, told.effects) == ("c", {"n": 2}, ("b/mail#1",))
    assert drive.at == "a"  # and nothing was written
    assert drive.event("go").path == ["a", "b", "c"]


MAIL: list[Json] = [{"activity": "mail"}]


def test_a_function_that_gives_nothing_changes_nothing_and_one_that_gives_no_dict_fails() -> None:
    document = machine(
        {"a": {"on": [{"event": "go", "set": {"call": "change"}}]}}, internal={"n": "integer"}
    )
    drive = Drive(document, {"change": lambda: None}).event("go")
    assert (drive.internal, drive.status) == ({"n": 0}, "running")
    for wrong in (7, {"internal.m": 1}, {"internal.n": "x"}, {"n": 1}):
        drive = Drive(document, {"change": partial(returned, wrong)}).event("go")
        assert (drive.internal, drive.status) == ({"n": 0}, "suspended")
        assert drive.agenda.incidents[0].error.type == "UnfitValue"


def returned(value: Any) -> Any:
    return value


def test_the_hooks_of_the_first_entry_are_validated_too() -> None:
    document = machine(
        {"a": {"enter": [{"set": {"internal.n": "external.n"}}], "on": [GO]}, "b": {}},
        internal={"n": "integer"},
        external={"n": "integer"},
        validate="internal.n < 5",
    )
    assert Drive(document, given={"n": 4}).at == "a"
    drive = Drive(document, given={"n": 5})
    assert (drive.at, drive.status) == ("", "suspended")
    assert drive.agenda.incidents[0].error.type == "InvalidStores"


def test_no_hook_can_touch_the_id_of_the_process() -> None:
    for target in ("process.id", "internal.uuid", "uuid"):
        hooks = [{"set": {target: "'x'"}}]
        assert target in refused(machine({"a": {"enter": hooks, "on": [GO]}, "b": {}}))


def test_visits_bound_a_loop() -> None:
    document = machine(
        {
            "a": {"when": [{"if": "visits.b < 3", "to": "b"}, {"if": "visits.b >= 3", "to": "c"}]},
            "b": {"when": [{"to": "a"}]},
            "c": {},
        }
    )
    assert Drive(document).path == ["a", "b", "a", "b", "a", "b", "a", "c"]


def test_the_trace_of_a_process_is_its_history_with_the_first_entry() -> None:
    drive = moves.door().event("open").event("close")
    trace = [(each.source, each.target) for each in drive.of(e.Transitioned)]
    assert trace == [("", "closed"), ("closed", "opened"), ("opened", "closed")]


def test_a_machine_that_rests_after_its_last_transition_has_not_gone_too_far() -> None:
    chain = {f"s{n}": {"when": [{"to": f"s{n + 1}"}]} for n in range(4)}
    ends: tuple[Json, ...] = ({}, {"on": [{"event": "x", "to": "s0"}]})
    for last in ends:
        drive = Drive(machine({**chain, "s4": last}, max_transitions=5))
        assert drive.at == "s4"
        assert drive.status in {"running", "completed"}
        assert Drive(machine({**chain, "s4": last}, max_transitions=4)).status == "suspended"


def test_of_two_edges_to_one_state_the_one_that_holds_is_taken_with_its_own_updates() -> None:
    edges = [
        {**GO, "if": "external.n > 5", "set": {"internal.n": "1"}},
        {**GO, "if": "external.n <= 5", "set": {"internal.n": "2"}},
    ]
    document = machine(
        {"a": {"on": edges}, "b": {}},
        internal={"n": "integer"},
        external={"n": {"type": "integer", "default": 0}},
    )
    drive = Drive(document).event("go")
    assert (drive.internal, drive.last.edge) == ({"n": 2}, "states/a/on/1")


def test_starting_gives_a_process_that_knows_its_state() -> None:
    drive = moves.door()
    assert (drive.at, drive.program.view(drive.machine), drive.process.id) == (
        "closed",
        "closed",
        "p",
    )


# -- drawings --------------------------------------------------------------------------------------


def test_a_drawing_shows_start_ends_guards_and_negations() -> None:
    document = machine(
        {
            "a": {
                "on": [{**GO, "unless": "external.flag"}],
                "when": [{"if": "external.flag", "to": "b"}],
            },
            "b": {},
        },
        name="drawn",
        external={"flag": {"type": "boolean", "default": False}},
    )
    drawn = define(document).dot()
    assert drawn.startswith('digraph "drawn"')
    for word in ('"a" [', '"b" [', '"a" -> "b"', "external.flag", "shape=point", "peripheries=2"):
        assert word in drawn


def test_names_are_escaped_in_drawings() -> None:
    event = 'say "yes" <b> & \\ no'
    made = define(machine({"a": {"on": [{"event": event, "to": "b"}]}, "b": {}}, name="x"))
    assert 'say \\"yes\\"' in made.dot()
    assert "&lt;b&gt; &amp;" in made.svg()


# -- the class form --------------------------------------------------------------------------------


def test_the_door_in_class_form_is_the_same_and_stays_closed_too() -> None:
    class Door(Machine):
        class External:
            badge_ok: bool = False

        closed = State(initial=True)
        opened = State()
        locked = State()
        closed.on("open").to(opened)
        closed.on("lock").to(locked)
        opened.on("close").to(closed)
        locked.on("unlock").when("external.badge_ok").to(closed)

    assert Door.document == define(moves.DOOR).document
    drive = Drive(Door.document).event("open").event("close").wait(1e9).advance()
    assert drive.snapshot.state.at == "closed"
