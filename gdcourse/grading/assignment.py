"""An assignment as it is graded: the learner's notebook, with check cells that print what the answers give."""

import contextlib
import copy
import hashlib
import importlib.metadata
import io
import json
import re
from pathlib import Path
from typing import NamedTuple

from gdcourse.grading.judge import write_calls
from gdcourse.student import checker_of, learner_version, read_notebook


class Assignment(NamedTuple):
    """What a run of grading needs of one notebook of exercises in one term."""

    name: str  # "03_gradient_descent"
    title: str  # "Exercises: Walk downhill"
    term: str  # "2026-autumn"
    points: dict  # {exercise: points}, in the notebook's order
    titles: dict  # {exercise: heading}
    hints: dict  # {exercise: [text]}
    solutions: dict  # {exercise: source of the answer cell}
    notebook: dict  # code cells only; answers are stubs, check cells hold the calls and the reference output

    def key(self):
        """Changes when the questions do: a result of another key is out of date."""
        asked = [importlib.metadata.version("gdcourse"), *(cell["source"] for cell in self.notebook["cells"])]
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


def prepare(path, term):
    """The assignment made of the solution notebook at ``path``, with the inputs of ``term``.

    The solution is run here, outside any sandbox. Raises what read_notebook and checker_of raise, and
    GraderFault when the solution fails one of its own checks.
    """
    solved, check = read_notebook(path), checker_of(path)
    answers = run_answers(solved)
    points, cells = {}, []
    for cell in learner_version(solved)["cells"]:
        if cell["cell_type"] != "code":
            continue
        if cell["metadata"].get("nbgrader", {}).get("grade"):
            name = cell["id"].removeprefix("check_")
            points[name] = check.exercises[name][0]
            calls, outcomes = write_calls(check, name, answers[name], term)
            cell = check_cell(cell, name, points[name], calls, outcomes)
        else:
            cell["source"] = without_checks(cell["source"])
        cells.append(cell)
    about = {"gdcourse": {"assignment": Path(path).stem, "term": term}}
    notebook = {"cells": cells, "metadata": about, "nbformat": 4, "nbformat_minor": 5}
    titles, hints = prompts(solved)
    solutions = {cell["id"]: cell["source"] for cell in solved["cells"] if cell.get("id") in points}
    title = re.search(r"^# (.*)$", solved["cells"][0]["source"], re.M)[1]
    return Assignment(Path(path).stem, title, term, points, titles, hints, solutions, notebook)


def run_answers(book):
    """The namespace after all cells but the checks of a solution notebook; what they print is dropped."""
    namespace = {"__name__": "__main__"}
    with contextlib.redirect_stdout(io.StringIO()):
        for cell in book["cells"]:
            if cell["cell_type"] == "code" and not cell["metadata"].get("nbgrader", {}).get("grade"):
                exec(without_checks(cell["source"]), namespace)
    return namespace


def without_checks(source):
    """``source`` without its imports of the checks, which know what is right."""
    return "\n".join(line for line in source.splitlines() if "gdcourse.checks" not in line)


def check_cell(cell, name, points, calls, outcomes):
    """The check cell of ``name`` as it is graded: it prints the outcome of each call, a line each."""
    cell = copy.deepcopy(cell)
    cell["source"] = (
        f"from gdcourse.probes import show as gdcourse_show\ngdcourse_show({name}, {json.dumps(calls)!r})"
    )
    cell["metadata"]["gdcourse"] = {"exercise": name, "points": points, "calls": calls}
    text = "".join(f"gdcourse {json.dumps(outcome)}\n" for outcome in outcomes)
    return cell | {
        "execution_count": 1,
        "outputs": [{"output_type": "stream", "name": "stdout", "text": text}],
    }


def prompts(book):
    """({exercise: heading}, {exercise: [hints]}) from the text cell before each answer."""
    titles, hints = {}, {}
    for before, cell in zip(book["cells"], book["cells"][1:]):
        if cell["metadata"].get("nbgrader", {}).get("solution"):
            titles[cell["id"]] = re.search(r"^#+ (.*)$", before["source"], re.M)[1]
            found = re.findall(r"</summary>(.*?)</details>", before["source"], re.S)
            hints[cell["id"]] = [text.strip() for text in found]
    return titles, hints
