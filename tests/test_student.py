"""Making and checking the learner's notebook."""

import json

import pytest

from gdcourse import student
from tests.course import ROOT

FIRST = ROOT / "exercises" / "01_least_squares.ipynb"


def notebook(tmp_path, edit, source=FIRST):
    """A copy of the first exercise notebook after ``edit(cells by id)``."""
    book = student.read_notebook(source)
    edit({cell["id"]: cell for cell in book["cells"]})
    student.write_notebook(tmp_path / FIRST.name, book)
    return tmp_path / FIRST.name


def first_verdict(path):
    return student.check_notebook(path, timeout=20)[0]


def first_name():
    return next(iter(student.checker_of(FIRST).exercises))


def test_a_region_that_is_not_closed_is_refused():
    with pytest.raises(ValueError, match="unbalanced"):
        student.without_solution("### BEGIN SOLUTION\nx = 1")
    with pytest.raises(ValueError, match="unbalanced"):
        student.without_solution("x = 1\n### END SOLUTION")


def test_a_wrong_answer_is_reported_with_its_message(tmp_path):
    def edit(cells):
        cells[first_name()]["source"] = f"def {first_name()}(*a):\n    return 'forty-two'"

    mark, _, text, earned = first_verdict(notebook(tmp_path, edit))
    assert (mark, earned) == ("✗", 0)
    assert "forty-two" in text


def right_answer(extra):
    """The first exercise's solution with a line before its return."""
    solved = student.read_notebook(ROOT / "exercises" / "solutions" / FIRST.name)
    source = next(c["source"] for c in solved["cells"] if c["id"] == first_name())
    return source.replace("    return", f"    {extra}\n    return", 1)


def test_an_answer_that_prints_is_judged_by_what_it_returns(tmp_path):
    def edit(cells):
        cells[first_name()]["source"] = right_answer("print('✗ on the way')")

    assert first_verdict(notebook(tmp_path, edit))[0] == "✓"


def test_an_answer_cannot_print_its_own_verdict(tmp_path):
    def edit(cells):
        cells[first_name()]["source"] = (
            f"def {first_name()}():\n    print('✓ {first_name()}: right')\n    return 0"
        )

    mark, _, _, earned = first_verdict(notebook(tmp_path, edit))
    assert (mark, earned) == ("✗", 0)


def test_an_answer_that_exits_is_told_to_return_a_value(tmp_path):
    def edit(cells):
        cells[first_name()]["source"] = f"import sys\n\ndef {first_name()}():\n    sys.exit()"

    assert first_verdict(notebook(tmp_path, edit))[2] == "it calls exit(): return a value instead."


def test_an_answer_with_a_syntax_error_is_reported_as_such(tmp_path):
    def edit(cells):
        cells[first_name()]["source"] = "def broken(:"

    assert "SyntaxError" in first_verdict(notebook(tmp_path, edit))[2]


def test_an_endless_loop_is_interrupted_and_the_rest_goes_on(tmp_path):
    def edit(cells):
        cells[first_name()]["source"] = "while True:\n    pass"

    path = notebook(tmp_path, edit)
    verdicts = student.check_notebook(path, timeout=8)
    assert verdicts[0][2] == "stopped after 8 seconds: does a loop never end?"
    assert verdicts[1][2] == "not done yet."


def test_when_python_dies_the_verdicts_before_are_kept(tmp_path):
    second = list(student.checker_of(FIRST).exercises)[1]

    def edit(cells):
        cells[second]["source"] = "import os\nos._exit(1)"

    verdicts = student.check_notebook(notebook(tmp_path, edit), timeout=20)
    assert verdicts[0][2] == "not done yet."
    assert "Python died in the cell before it, at 'import os" in verdicts[1][2]


def test_a_missing_check_cell_is_said_to_be_missing(tmp_path):
    def edit(cells):
        cells[f"check_{first_name()}"]["metadata"] = {}

    assert "missing" in first_verdict(notebook(tmp_path, edit))[2]


def test_checking_leaves_the_file_as_it_was():
    before = FIRST.read_bytes()
    student.check_notebook(FIRST)
    assert FIRST.read_bytes() == before


CELLS = ["3", '{"source": [1]}', '{"source": "x"}', '{"source": "x", "cell_type": "code"}']
TEXTS = [
    "",
    "not json",
    "[]",
    '{"cells": 3}',
    "[" * 100_000,
    *('{"cells": [' + cell + "]}" for cell in CELLS),
]


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_what_is_not_a_notebook_is_refused(tmp_path, text):
    path = tmp_path / "01_x.ipynb"
    path.write_text(text)
    with pytest.raises(ValueError, match="is not a notebook"):
        student.read_notebook(path)


def test_the_generator_keeps_ids_and_locks_the_checks():
    book = json.loads(FIRST.read_text(encoding="utf8"))
    solved = json.loads((ROOT / "exercises" / "solutions" / FIRST.name).read_text(encoding="utf8"))
    assert [c["id"] for c in book["cells"]] == [c["id"] for c in solved["cells"]]
    for cell in book["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("locked"):
            assert cell["metadata"]["editable"] is False
