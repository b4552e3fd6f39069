"""Files of rows: what they mean, and every way in which one can be wrong, with file and line."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corago import InvalidInputError
from corago.cli.rows import STATE_LIMIT, Item, Rows


def rows(text: str | bytes, name: str = "rows.csv", **options: Any) -> Rows:
    data = text.encode() if isinstance(text, str) else text
    return Rows(io.BytesIO(data), name, "flow", **options)


def items(text: str | bytes, name: str = "rows.csv", **options: Any) -> list[Item]:
    found = rows(text, name, **options)
    count = found.check()
    given = list(found)
    assert len(given) == count
    return given


def refusal(text: str | bytes, name: str = "rows.csv", **options: Any) -> str:
    with pytest.raises(InvalidInputError) as caught:
        rows(text, name, **options).check()
    return str(caught.value)


def test_a_row_is_a_dict_of_texts() -> None:
    (only,) = items("n,name\n1,Ada\n")
    assert only.input == {"n": "1", "name": "Ada"}


def test_the_id_is_that_of_its_column() -> None:
    assert [each.id for each in items("n,name\n1,Ada\n2,Bob\n", column="name")] == [
        "flow:Ada",
        "flow:Bob",
    ]


def test_without_a_column_the_id_is_a_hash_of_the_row() -> None:
    first, second = items("n\n1\n2\n")
    assert first.id != second.id
    assert items("n\n2\n1\n")[1].id == first.id
    assert items('"n"\r\n"1"\r\n')[0].id == first.id


def test_the_rows_of_a_group_are_one_input_in_their_order_wherever_they_stand() -> None:
    first, second = items("g,n\na,1\nb,2\na,3\n", group_by="g")
    assert first == Item(
        "flow:a", {"key": "a", "rows": [{"g": "a", "n": "1"}, {"g": "a", "n": "3"}]}, 2
    )
    assert second.id == "flow:b"


def test_a_group_may_have_an_id_of_its_own() -> None:
    (only,) = items("g,i\na,7\na,7\n", group_by="g", column="i")
    assert only.id == "flow:7"


def test_a_line_of_json_may_be_any_value_that_the_workflow_takes() -> None:
    found = items('{"n": 1}\n\n[2, null]\n', "rows.jsonl")
    assert [each.input for each in found] == [{"n": 1}, [2, None]]
    assert [each.line for each in found] == [1, 3]


def test_numbers_name_groups_of_json_lines_too() -> None:
    (only,) = items('{"g": 7}\n{"g": 7, "n": 1}\n', "rows.jsonl", group_by="g")
    assert only.id == "flow:7"


def test_a_row_given_twice_is_taken_once() -> None:
    found = rows("i,n\na,1\nb,2\na,1\n", column="i")
    assert found.check() == 2
    assert [each.line for each in found] == [2, 3]
    assert found.repeated_count == 1


def test_blank_lines_a_byte_order_mark_and_quoted_line_breaks_are_as_spreadsheets_write_them() -> (
    None
):
    found = items(b'\xef\xbb\xbfn,text\r\n\r\n1,"two\r\nlines, ""quoted"""\r\n2,x\r\n')
    assert found[0].input == {"n": "1", "text": 'two\r\nlines, "quoted"'}
    assert [each.line for each in found] == [3, 5]


def test_a_header_alone_means_no_process() -> None:
    assert items("n,name\n") == []


TABLE = {
    "empty file": ("", {}, "1", "the file is empty"),
    "blank first line": ("\nn\n1\n", {}, "1", "must name every column"),
    "column without a name": ("n,\n1,2\n", {}, "1", "must name every column"),
    "two columns of one name": ("n,n\n1,2\n", {}, "1", "two columns are named 'n'"),
    "too few columns": ("n,m\n1,2\n3\n", {}, "3", "1 columns, but the header has 2"),
    "too many columns": ("n\n1\n2,3\n", {}, "3", "2 columns, but the header has 1"),
    "missing group column": ("n\n1\n", {"group_by": "g"}, "1", "no column is named 'g'"),
    "missing id column": ("n\n1\n", {"column": "i"}, "1", "--id: no column is named 'i'"),
    "empty group": ("g,n\na,1\n,2\n", {"group_by": "g"}, "3", "'g' is to name something"),
    "empty id": ("i\n \n", {"column": "i"}, "2", "'i' is to name something"),
    "bytes that are no UTF-8": (b"n\n1\n\xe4\n", {}, "3", "byte 1 of this line (0xe4)"),
    "UTF-16": ("n\n1\n".encode("utf-16"), {}, "1", "NUL"),
    "NUL": (b"n\n1\0\n", {}, "2", "NUL"),
    "quote never closed": ('n,m\n1,2\n"3,4\n5,6\n', {}, "3", "never closed"),
    "text behind a quote": ('n\n"a"b\n', {}, "2", "expected after"),
    "unprintable id": ('i\n"a\nb"\n', {"column": "i"}, "2", "printable"),
    "one id with two contents": (
        "i,n\na,1\nb,2\na,3\n",
        {"column": "i"},
        "4",
        "'flow:a' was given in line 2 with other content",
    ),
    "one group with two ids": (
        "g,i\na,1\na,2\n",
        {"group_by": "g", "column": "i"},
        "3",
        "have the ids '1' (line 2) and '2'",
    ),
    "two groups with one id": (
        "g,i\na,1\nb,1\n",
        {"group_by": "g", "column": "i"},
        "3",
        "was given in line 2",
    ),
    "too large": (
        "n,m\n" + ",".join(["x" * (STATE_LIMIT // 2)] * 2) + "\n",
        {},
        "2",
        "over the limit",
    ),
    "field too large": ("n\n" + "x" * (STATE_LIMIT + 1) + "\n", {}, "2", "field larger"),
}


@pytest.mark.parametrize(("text", "options", "line", "said"), TABLE.values(), ids=TABLE)
def test_a_bad_file_is_refused_with_its_name_and_the_line(
    text: str | bytes, options: dict[str, Any], line: str, said: str
) -> None:
    found = refusal(text, **options)
    assert found.startswith(f"rows.csv:{line}: ")
    assert said in found


JSON_TABLE = {
    "no JSON": ('{"n": 1}\n{"n": \n', {}, "2", "no JSON"),
    "not a number": ("NaN\n", {}, "1", "this input"),
    "too deep": ("[" * 100_000 + "\n", {}, "1", "no JSON"),
    "no such key": ('{"n": 1}\n', {"group_by": "g"}, "1", "there is no 'g' in this row"),
    "no object": ("[1]\n", {"column": "i"}, "1", "there is no 'i' in this row"),
    "a name that is none": ('{"i": null}\n', {"column": "i"}, "1", "'i' is to name something"),
    "NUL": (b'{"n": "\0"}\n', {}, "1", "NUL"),
}


@pytest.mark.parametrize(("text", "options", "line", "said"), JSON_TABLE.values(), ids=JSON_TABLE)
def test_a_bad_line_of_json_too(
    text: str | bytes, options: dict[str, Any], line: str, said: str
) -> None:
    found = refusal(text, "rows.jsonl", **options)
    assert found.startswith(f"rows.jsonl:{line}: ")
    assert said in found


def test_what_the_workflow_does_not_take_is_refused_with_its_line() -> None:
    def picky(value: Any) -> Any:
        raise InvalidInputError("not this")

    assert refusal("n\n1\n", check_input=picky) == "rows.csv:2: not this"


@given(
    st.lists(
        st.tuples(
            st.text("abcdef", min_size=1, max_size=2),
            st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0")),
        )
    )
)
def test_groups_hold_each_row_once_and_in_order(pairs: list[tuple[str, str]]) -> None:
    """Law: the rows of all groups, merged by key, are the rows of the file."""
    lines = ["g,t"] + [f'{key},"{text.replace(chr(34), chr(34) * 2)}"' for key, text in pairs]
    found = items("\n".join(lines) + "\n", group_by="g")
    wanted: dict[str, list[dict[str, str]]] = {}
    for key, text in pairs:
        wanted.setdefault(key, []).append({"g": key, "t": text})
    assert {each.input["key"]: each.input["rows"] for each in found} == wanted
