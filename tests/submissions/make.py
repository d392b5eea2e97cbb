"""How a submission is made: the learner's notebook with answers in it, as a file of some kind."""

import ast
import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from gdcourse import student
from tests.bank import ch03 as bank
from tests.course import ROOT, zipped

NAME = "03_gradient_descent"
WORTH = {name: points for name, (points, _) in student.checker_of(f"{NAME}.ipynb").exercises.items()}
SOLVED = student.read_notebook(ROOT / "exercises" / "solutions" / f"{NAME}.ipynb")
SOLUTIONS = {cell["id"]: cell["source"] for cell in SOLVED["cells"] if cell.get("id") in WORTH}
STUBS = {name: student.without_solution(source) for name, source in SOLUTIONS.items()}
SECRET = "canary-4711"  # what the tests put into the grader's environment


class Row(NamedTuple):
    name: str  # a sentence about the submission, such as "changes builtins.abs"
    family: str  # right, wrong, odd packaging, broken file, hostile
    build: Callable  # build(path without suffix) writes the file
    verdict: str = "graded"
    points: dict = {}
    says: dict = {}


ROWS = []


def row(family, name, build, verdict="graded", right=(), says=None):
    """Add a row; ``right`` names the exercises that must get their points."""
    ROWS.append(Row(name, family, build, verdict, {name: WORTH[name] for name in right}, says or {}))


def notebook(answers, edit=None):
    """The learner's notebook with ``answers`` {exercise: source}; ``edit(book)`` may change it, or return another."""
    book = student.read_notebook(ROOT / "exercises" / f"{NAME}.ipynb")
    for name, source in answers.items():
        cell_of(book, name)["source"] = source
    return (edit and edit(book)) or book


def cell_of(book, name):
    return next(cell for cell in book["cells"] if cell.get("id") == name)


def suffixed(path, suffix):
    return path.with_name(path.name + suffix)


def encoded(answers, edit=None, encoding="ascii"):
    return json.dumps(notebook(answers, edit), ensure_ascii=encoding == "ascii").encode(encoding, "replace")


def saved(answers, edit=None, encoding="ascii"):
    return lambda path: suffixed(path, ".ipynb").write_bytes(encoded(answers, edit, encoding))


def raw(data):
    return lambda path: suffixed(path, ".ipynb").write_bytes(data)


def in_archive(members):
    """A zip archive of {path: bytes}."""
    return lambda path: suffixed(path, ".zip").write_bytes(zipped(members))


def in_folder(name, data):
    """A folder a learner, with one file ``name``."""

    def build(path):
        path.mkdir()
        (path / name).write_bytes(data)

    return build


def from_bank(answers, exercise, k):
    """Answer k of the bank's ``answers`` ("RIGHT", "WRONG") to ``exercise`` as a cell: helpers, then a definition."""
    tree = ast.parse(Path(bank.__file__).read_text(encoding="utf8"))
    bound = {name: node for node in tree.body for name in names_bound(node)}
    entries = dict(zip((key.value for key in bound[answers].value.keys), bound[answers].value.values))
    entry = entries[exercise].elts[k]
    expression = entry.elts[0] if isinstance(entry, ast.Tuple) else entry
    needed, queue = [], [expression]
    while queue:
        for node in ast.walk(queue.pop()):
            helper = bound.get(getattr(node, "id", None))
            if helper and helper not in needed:
                needed.append(helper)
                queue.append(helper)
    helpers = [ast.unparse(node) for node in tree.body if node in needed]
    return "\n".join([*helpers, f"{exercise} = {ast.unparse(expression)}"])


def names_bound(node):
    if isinstance(node, ast.FunctionDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else []
    return [part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)]


def only(*names):
    """The solutions of these exercises."""
    return {name: SOLUTIONS[name] for name in names}
