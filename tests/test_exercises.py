"""Exercises: the learner's version follows from the solution, and each check judges rightly."""

import ast
import importlib
import json
import re

import pytest

from gdcourse import student
from gdcourse.checks.core import Mistake
from tests.course import LEARNER, ROOT, SOLUTIONS, cells, name

every_solution = pytest.mark.parametrize("path", SOLUTIONS, ids=name)
every_learner = pytest.mark.parametrize("path", LEARNER, ids=name)
CHECKERS = {path.stem: student.checker_of(path) for path in SOLUTIONS}
BANKS = {path.stem: importlib.import_module(f"tests.bank.ch{path.stem[:2]}") for path in SOLUTIONS}
CASES = [(stem, exercise) for stem, check in CHECKERS.items() for exercise in check.exercises]
every_exercise = pytest.mark.parametrize("stem, exercise", CASES, ids=[f"{s[:2]}-{e}" for s, e in CASES])


@every_solution
def test_the_learners_version_is_what_the_generator_gives(path, tmp_path):
    student.write_notebook(tmp_path / "made.ipynb", student.learner_version(student.read_notebook(path)))
    committed = (ROOT / "exercises" / path.name).read_text(encoding="utf8")
    assert committed == (tmp_path / "made.ipynb").read_text(encoding="utf8"), "run `make student`"


@every_solution
def test_no_line_of_a_solution_is_in_the_learners_version(path):
    given = (ROOT / "exercises" / path.name).read_text(encoding="utf8")
    given = {
        line.strip() for cell in json.loads(given)["cells"] for line in "".join(cell["source"]).splitlines()
    }
    for cell in cells(path, "code"):
        for region in re.findall(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", cell.source, re.S):
            for line in region.splitlines():
                assert line.strip() not in given or not line.strip(), f"{cell.id}: {line.strip()!r}"


@every_solution
def test_each_answer_has_its_check_with_the_checkers_name_and_points(path):
    exercises = CHECKERS[path.stem].exercises
    kinds = {
        c.metadata.nbgrader.grade_id: c.metadata.nbgrader for c in cells(path) if "nbgrader" in c.metadata
    }
    assert [i for i, kind in kinds.items() if kind.solution] == list(exercises)
    for exercise, (points, _) in exercises.items():
        assert kinds[f"check_{exercise}"].points == points
    for cell in cells(path, "code"):
        if cell.id.startswith("check_"):
            exercise = cell.id.removeprefix("check_")
            assert cell.source == f'check("{exercise}", {exercise})'


@every_solution
def test_nbval_compares_the_checks_and_only_runs_the_answers(path):
    for cell in cells(path, "code"):
        kind = cell.metadata.get("nbgrader", {})
        if kind.get("solution"):
            assert cell.metadata.tags == ["nbval-ignore-output"], cell.id
        if kind.get("grade"):
            assert cell.metadata.tags == ["nbval-check-output"], cell.id
            assert cell.outputs, cell.id


@every_solution
def test_each_exercise_states_its_objective_points_minutes_and_has_three_hints(path):
    book = cells(path)
    for before, cell in zip(book, book[1:]):
        if cell.metadata.get("nbgrader", {}).get("solution"):
            points = CHECKERS[path.stem].exercises[cell.id][0]
            assert re.search(rf"\*Objective:\* .*\*points:\* {points} · \*minutes:\* \d+", before.source), (
                cell.id
            )
            assert re.findall(r"<summary>(Hint \d: \w+ ?\w*)</summary>", before.source) == [
                "Hint 1: nudge", "Hint 2: plan", "Hint 3: nearly code",
            ], cell.id  # fmt: skip


@every_learner
def test_doing_nothing_is_not_done_yet_everywhere(path):
    verdicts = student.check_notebook(path)
    assert [(mark, text) for mark, _, text, _ in verdicts] == [("○", "not done yet.")] * len(verdicts)


@every_solution
def test_the_solution_gets_full_marks(path):
    verdicts = student.check_notebook(path)
    assert [mark for mark, *_ in verdicts] == ["✓"] * len(CHECKERS[path.stem].exercises)


@every_exercise
def test_right_answers_written_differently_pass(stem, exercise):
    right = BANKS[stem].RIGHT[exercise]
    assert len(right) >= 3
    for answer in right:
        assert CHECKERS[stem].verdict(exercise, answer)[0] == "✓", CHECKERS[stem].verdict(exercise, answer)


@every_exercise
def test_each_typical_mistake_gets_its_own_message(stem, exercise):
    wrong = BANKS[stem].WRONG[exercise]
    assert 6 <= len(wrong) <= 12
    assert len({fragment for _, fragment in wrong}) == len(wrong)
    for answer, fragment in wrong:
        mark, text, earned = CHECKERS[stem].verdict(exercise, answer)
        assert (mark, earned) == ("✗", 0), f"{fragment!r} passed"
        said = re.sub(r"\(`.*?`\)", "", text)  # without the learner's line that an error quotes
        assert fragment in said, f"wanted {fragment!r} in {text!r}"


STRANGE = [lambda *a, **k: "text", lambda *a, **k: None, lambda *a, **k: [], lambda *a, **k: object(),
           lambda *a, **k: float("nan"), lambda *a, **k: 1j, lambda *a, **k: {}, lambda: 0, 7, None,
           lambda *a, **k: 1 / 0, lambda *a, **k: [[1], [2, 3]], lambda *a, **k: True]  # fmt: skip


@every_exercise
@pytest.mark.parametrize("strange", STRANGE)
def test_a_strange_answer_is_wrong_and_never_breaks_the_check(stem, exercise, strange):
    assert CHECKERS[stem].verdict(exercise, strange)[0] == "✗"


@pytest.mark.parametrize("path", sorted((ROOT / "gdcourse" / "checks").glob("ch*.py")), ids=lambda p: p.stem)
def test_a_check_never_asks_our_own_code_what_is_right(path):
    allowed = {"numpy", "math", "inspect", "itertools", "functools", "fractions", "gdcourse.checks.core"}
    allowed |= {"gdcourse.probes", f"gdcourse.probes.{path.stem}"}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
        if isinstance(node, ast.Import):
            assert {alias.name for alias in node.names} <= allowed
        elif isinstance(node, ast.ImportFrom):
            assert node.module in allowed


def test_a_checks_own_fault_is_not_called_a_mistake_of_the_learner():
    from gdcourse.checks.core import Checker

    check = Checker()

    @check.exercise(points=1)
    def broken(answer):
        raise KeyError("a fault in the check")

    with pytest.raises(KeyError):
        check("broken", lambda: 0)
    assert not issubclass(KeyError, Mistake)
