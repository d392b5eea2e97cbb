"""Reading a learner's answers out of any file, and putting them into the assignment's own notebook."""

import copy
import json
import time

import pytest

from gdcourse.grading.assignment import prepare
from gdcourse.grading.restore import Unreadable, read_answers, restored
from tests.course import ROOT

NAME = "03_gradient_descent"
FIRST = "loss_curve"
RIGHT = "def loss_curve(X, y, lr, steps):\n    return 'mine'"


@pytest.fixture(scope="module")
def assignment():
    return prepare(ROOT / "exercises" / "solutions" / f"{NAME}.ipynb", "test-term")


@pytest.fixture
def book():
    """The learner's notebook with an answer to FIRST."""
    book = json.loads((ROOT / "exercises" / f"{NAME}.ipynb").read_text(encoding="utf8"))
    cell_of(book)["source"] = RIGHT
    return book


def cell_of(book, name=FIRST):
    return next(cell for cell in book["cells"] if cell["id"] == name)


def answers(book, assignment, encoding="utf8"):
    return read_answers(json.dumps(book, ensure_ascii=False).encode(encoding), assignment)


def test_the_solution_notebook_gives_the_solutions_and_no_note(assignment):
    data = (ROOT / "exercises" / "solutions" / f"{NAME}.ipynb").read_bytes()
    assert read_answers(data, assignment) == (assignment.solutions, ())


def test_the_untouched_notebook_gives_the_stubs_and_no_note(assignment):
    given, notes = read_answers((ROOT / "exercises" / f"{NAME}.ipynb").read_bytes(), assignment)
    assert restored(assignment, given) == assignment.notebook
    assert notes == ()


def test_only_the_answers_sources_cross_over(book, assignment):
    for cell in book["cells"]:
        cell |= {
            "metadata": {"nbgrader": cell["metadata"].get("nbgrader"), "tags": ["mine"]},
            "outputs": ["mine"],
        }
        if cell["id"] not in assignment.points:
            cell["source"] = "mine"
    book["metadata"] = {"kernelspec": {"name": "mine"}}
    wanted = copy.deepcopy(assignment.notebook)
    cell_of(wanted)["source"] = RIGHT
    before = copy.deepcopy(assignment.notebook)
    assert restored(assignment, answers(book, assignment)[0]) == wanted
    assert assignment.notebook == before


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_every_unicode_encoding_is_read(book, assignment, encoding):
    cell_of(book)["source"] = RIGHT + "  # θ"
    given, notes = answers(book, assignment, encoding)
    assert given[FIRST] == RIGHT + "  # θ"
    assert len(notes) == (not encoding.startswith("utf-8"))


def test_latin_1_is_read_and_noted(book, assignment):
    cell_of(book)["source"] = RIGHT + "  # é"
    given, notes = answers(book, assignment, "latin-1")
    assert given[FIRST] == RIGHT + "  # é"
    assert "Latin-1" in notes[0]


@pytest.mark.parametrize("metadata", [None, [], "x", 3, {"nbgrader": [1]}, {"nbgrader": {"grade_id": [2]}}])
def test_damaged_metadata_does_not_cost_the_answer(book, assignment, metadata):
    cell_of(book)["metadata"] = metadata
    assert answers(book, assignment)[0][FIRST] == RIGHT


def test_the_grade_id_counts_before_the_cell_id(book, assignment):
    cell_of(book)["id"] = "lost"
    book["cells"].append({"id": FIRST, "cell_type": "code", "metadata": {}, "source": "other"})
    assert answers(book, assignment)[0][FIRST] == RIGHT


def test_of_copies_the_last_counts_and_is_noted(book, assignment):
    book["cells"].insert(1, cell_of(book) | {"source": "other", "id": "copy"})
    given, notes = answers(book, assignment)
    assert given[FIRST] == RIGHT
    assert notes == (f"{FIRST}: 2 copies of its cell, the last one that defines {FIRST} is graded",)


def test_a_copy_without_the_function_does_not_count(book, assignment):
    book["cells"].append(cell_of(book) | {"source": "print(7)", "id": "copy"})
    assert answers(book, assignment)[0][FIRST] == RIGHT


@pytest.mark.parametrize("kind", ["markdown", "raw"])
def test_an_answer_that_was_turned_into_text_is_taken(book, assignment, kind):
    cell_of(book)["cell_type"] = kind
    given, notes = answers(book, assignment)
    assert given[FIRST] == RIGHT
    assert "turned into text" in notes[0]


def test_a_missing_answer_is_noted_and_stays_the_stub(book, assignment):
    book["cells"].remove(cell_of(book))
    given, notes = answers(book, assignment)
    assert FIRST not in given
    assert notes == (f"{FIRST}: its cell is missing",)
    assert restored(assignment, given) == assignment.notebook


@pytest.mark.parametrize(
    "source, why", [({"a": 1}, "no text"), ([1], "no text"), ("x" * 100_001, "larger than")]
)
def test_a_source_that_cannot_be_taken_is_noted(book, assignment, source, why):
    cell_of(book)["source"] = source
    given, notes = answers(book, assignment)
    assert FIRST not in given
    assert why in notes[0]


def test_lone_surrogates_are_replaced(book, assignment):
    cell_of(book)["source"] = RIGHT + "  # \ud800"
    given, notes = read_answers(json.dumps(book).encode(), assignment)
    assert given[FIRST] == RIGHT + "  # ?"
    assert "replaced" in notes[0]


def test_bare_line_ends_in_a_text_are_read(book, assignment):
    data = json.dumps(book).replace(json.dumps(RIGHT), f'"{RIGHT}"')
    assert read_answers(data.encode(), assignment)[0][FIRST] == RIGHT


def test_format_3_is_read(assignment):
    cell = {
        "cell_type": "code",
        "input": [RIGHT[:9], RIGHT[9:]],
        "language": "python",
        "metadata": {},
        "outputs": [],
    }
    data = json.dumps({"nbformat": 3, "metadata": {}, "worksheets": [{"cells": [cell]}]}).encode()
    given, notes = read_answers(data, assignment)
    assert given == {FIRST: RIGHT}
    assert "format 3" in notes[0]


def test_an_unknown_format_is_read(book, assignment):
    assert answers(book | {"nbformat": 99}, assignment)[0][FIRST] == RIGHT


def test_answers_whose_ids_are_lost_are_found_by_their_functions(book, assignment):
    for cell in book["cells"]:
        del cell["id"]
        cell["metadata"] = {}
    given, notes = answers(book, assignment)
    assert given[FIRST] == RIGHT
    assert any("lost its id" in note and FIRST in note for note in notes)


def test_an_answer_written_below_its_untouched_stub_is_found(book, assignment):
    cell_of(book)["source"] = cell_of(assignment.notebook)["source"]
    book["cells"].append({"id": "new", "cell_type": "code", "metadata": {}, "source": RIGHT})
    assert answers(book, assignment)[0][FIRST] == RIGHT


def test_a_scratch_copy_does_not_replace_an_answer(book, assignment):
    book["cells"].append({"id": "new", "cell_type": "code", "metadata": {}, "source": RIGHT + "  # scratch"})
    assert answers(book, assignment)[0][FIRST] == RIGHT


def helped(book, assignment, helper, answer="def loss_curve(X, y, lr, steps):\n    return helper(X)"):
    cell_of(book)["source"] = answer
    book["cells"].append({"id": "new", "cell_type": "code", "metadata": {}, "source": helper})
    return answers(book, assignment)[1]


@pytest.mark.parametrize(
    "helper",
    [
        "def helper(X): ...",
        "helper = abs",
        "%time 1\nfrom a import b as helper",
        "if 1:\n    class helper: ...",
    ],
)
def test_a_helper_that_is_left_out_is_named(book, assignment, helper):
    (note,) = helped(book, assignment, helper)
    assert note.startswith(f"{FIRST}: `helper` is defined in a cell that is not graded")


@pytest.mark.parametrize(
    "answer",
    [
        "helper = abs\n" + RIGHT,
        "def loss_curve(X, helper):\n    return helper",
        "def loss_curve(X):\n    from a import helper\n    return helper",
        "def loss_curve(X):\n    return [helper for helper in X]",
        "def loss_curve(X):\n    return np.helper",
    ],
)
def test_a_name_that_an_answer_has_itself_is_no_helper(book, assignment, answer):
    assert helped(book, assignment, "helper = abs", answer) == ()


def test_a_name_of_the_notebooks_own_imports_is_no_helper(book, assignment):
    assert helped(book, assignment, "import numpy as np", "def loss_curve(X):\n    return np.abs(X)") == ()


HOPELESS = {
    "nothing": b"",
    "zeros": bytes(1000),
    "cut off": b'{"cells": [{"id": "loss_curve", "source": "x"}, {"so',
    "a list": b"[]",
    "a number": b"1" * 4_000_000,
    "null": b"null",
    "not a number": b"NaN",
    "brackets": b"[" * 2_000_000,
    "objects": b'{"a":' * 800_000,
    "no cells": b'{"metadata": {}}',
    "cells that are no list": b'{"cells": {"id": 1}}',
    "cells that are no cells": b'{"cells": [1, [], null]}',
    "a million cells": b'{"cells": [' + b"{}," * 1_000_000 + b"{}]}",
    "a web page": b"<!DOCTYPE html><html></html>",
    "half of UTF-16": b"\xff\xfe\x00",
    "noise": bytes(range(256)) * 100,
}


@pytest.mark.parametrize("data", HOPELESS.values(), ids=HOPELESS)
def test_a_file_that_is_no_notebook_is_unreadable_at_once(assignment, data):
    begin = time.process_time()
    with pytest.raises(Unreadable) as error:
        read_answers(data, assignment)
    assert "\n" not in str(error.value)
    assert time.process_time() - begin < 5


def test_another_assignments_notebook_is_unreadable_and_named(assignment):
    data = (ROOT / "exercises" / "01_least_squares.ipynb").read_bytes()
    with pytest.raises(Unreadable) as error:
        read_answers(data, assignment)
    assert str(error.value) == (
        f"it holds none of the answer cells of {NAME}: is it another assignment's notebook? "
        'Its title is "Exercises: Fit a line".'
    )


@pytest.mark.parametrize("title", [None, "# Exercises: Walk downhill", "# " + "x" * 81])
def test_a_notebook_without_answer_cells_is_unreadable_and_only_another_short_title_is_named(
    book, assignment, title
):
    book["cells"] = [{"cell_type": "markdown", "source": title}, {"cell_type": "code", "source": "1"}]
    with pytest.raises(Unreadable, match="none of the answer cells.* another assignment's notebook\\?$"):
        answers(book, assignment)


def test_endless_numbers_do_not_cost_the_answers(book, assignment):
    data = json.dumps(book | {"nbformat": "N"}).replace('"N"', "4" * 1_000_000).encode()
    assert read_answers(data, assignment)[0][FIRST] == RIGHT


NESTED = {
    "minus": "-" * 50_000 + "1",
    "plus": "1" + "+1" * 20_000,
    "brackets": "(" * 50_000,
    "calls": "f" + "()" * 20_000,
    "with": "with " + "a," * 20_000 + "a: pass",
    "zero byte": "\0",
}


@pytest.mark.parametrize("source", NESTED.values(), ids=NESTED)
def test_an_answer_that_no_parser_survives_is_taken_as_it_is(book, assignment, source):
    cell_of(book)["source"] = source
    assert answers(book, assignment)[0][FIRST] == source
