"""A plugin of pytest beside nbval: it judges what the check cells printed, and stops a kernel at its limits.

nbval runs the cells; here its comparison of outputs is the check's own. Each notebook leaves one JSON file in the
folder of results. It always says what would hold if pytest died now.
"""

import json
import os
import re
import signal
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import nbval.plugin
import pytest

from gdcourse.grading.judge import GraderFault, judge
from gdcourse.grading.sandbox import Limits
from gdcourse.grading.validate import NOT_RUN
from gdcourse.grading.watched import Kernel, Stopped
from gdcourse.student import STOPPED, checker_of

LINE = 'gdcourse {"'  # how a line of probes.show begins
JUDGING = 10  # seconds that a check may take on what an answer returned
ODD = "its value is of a kind that the check cannot read."


def pytest_addoption(parser):
    parser.addoption("--grading-results", help="the folder for the results")
    parser.addoption("--grading-limits", default="{}", help="the Limits, as JSON")


def pytest_configure(config):
    Kernel.limits = Limits(**json.loads(config.option.grading_limits))
    nbval.plugin.RunningKernel = Kernel


class Notebook:
    """The result of one notebook, as it grows."""

    def __init__(self, path, nb, results):
        facts = nb.metadata.gdcourse
        self.check, self.term = checker_of(f"{facts.assignment}.ipynb"), facts.term
        self.target = Path(results, f"{path.stem}.json")
        self.begin = self.verdict = self.reason = self.current = None
        self.raised = {}
        self.exercises = {
            cell.metadata.gdcourse.exercise: {
                "mark": "✗",
                "text": NOT_RUN,
                "points": 0,
                "of": cell.metadata.gdcourse.points,
                "seconds": 0.0,
            }
            for cell in nb.cells
            if "calls" in cell.metadata.get("gdcourse", {})
        }

    def begin_cell(self, exercise):
        """What holds if pytest dies in this cell is written before it runs."""
        self.begin = self.begin or time.monotonic()
        self.current = exercise or self.current
        self.write("crashed" if self.current else "grader fault", "the grader died here", final=False)

    def set(self, exercise, mark, text, points=0):
        text = plain(clearer(exercise, plain(text)))
        self.exercises[exercise] |= {"mark": mark, "text": text, "points": points}

    def stop(self, verdict, text):
        """Nothing after this runs; without an answer that ran before, it is the grader's fault."""
        self.verdict, self.reason = "grader fault", plain(text)
        if self.current:
            self.verdict, self.reason = verdict, plain(f"{self.current}: {text}")
            self.set(self.current, "✗", text)

    def write(self, verdict=None, reason=None, final=True):
        verdict, reason = verdict or self.verdict or "graded", reason or self.reason or ""
        points = sum(row["points"] for row in self.exercises.values())
        result = {
            "verdict": verdict,
            "reason": reason,
            "exercises": self.exercises,
            "points": None if verdict == "grader fault" else points,
            "of": sum(row["of"] for row in self.exercises.values()),
            "seconds": round(time.monotonic() - self.begin, 3),
            "notes": [],
            "final": final,
            "stopped": self.current if verdict in ("timeout", "crashed") else None,
        }
        part = self.target.with_suffix(".part")
        part.write_text(json.dumps(result), encoding="utf8")
        os.replace(part, self.target)


def plain(text):
    """``text`` as one line of at most 500 characters, without control characters."""
    line = " ".join(str(text)[:5000].split())
    return "".join(c for c in line if c.isprintable())[:500]


def clearer(exercise, text):
    """What Python's message ``text`` means for the learner."""
    if text == f"its cell raised NameError: name '{exercise}' is not defined":
        return f"there is no function {exercise}: keep the name."
    if " raised StdinNotImplementedError: " in text:
        return "it asks for input, and nobody is there to type."
    if " raised ModuleNotFoundError: " in text:
        return f"{text.rstrip('.')}; only what the course installs is there."
    return re.sub(r"^its cell raised (\w+): (.*) \(\d+\.py, line (\d+)\)$", r"\1 at line \3: \2", text)


def facts(item):
    """(exercise, whether it is its check) of a cell; (None, False) for the other cells."""
    given = item.cell.metadata.get("gdcourse", {})
    if "calls" in given:
        return given["exercise"], True
    return item.cell.metadata.get("nbgrader", {}).get("grade_id"), False


def pytest_collection_modifyitems(config, items):
    for item in items:
        book = item.parent
        if not hasattr(book, "grading"):
            book.grading = Notebook(book.path, book.nb, config.option.grading_results)
        is_check = facts(item)[1]
        item.options.update(
            skip=False, check=is_check, check_exception=False
        )  # whatever an answer's comments say
        if is_check:
            item.compare_outputs = lambda fresh, reference, item=item: compare(item, fresh)


def compare(item, fresh):
    """nbval's comparison of a check cell: the check judges the lines that it printed."""
    given, book = item.cell.metadata.gdcourse, item.parent.grading
    text = "".join(out.text for out in fresh if out.output_type == "stream" and out.name == "stdout")
    outcomes = [outcome(line) for line in text.split("\n") if LINE in line][-len(given.calls) :]
    try:
        with at_most(JUDGING):
            verdict = judge(book.check, given.exercise, given.calls, outcomes, book.term)
    except GraderFault:
        raise
    except Exception:
        verdict = "✗", ODD, 0
    book.set(given.exercise, *verdict)
    return verdict[0] == "✓"


def outcome(line):
    """What a line of probes.show says; a line that says nothing is a mistake."""
    try:
        found = json.loads(line[line.index(LINE) + len("gdcourse ") :])
        (kind,) = found
        if kind in ("value", "stub") or kind == "mistake" and isinstance(found[kind], str):
            return found
    except (ValueError, RecursionError):
        pass
    return {"mistake": ODD}


@contextmanager
def at_most(seconds):
    """Raises TimeoutError within it after ``seconds``."""

    def stop(*_):
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    book = item.parent.grading
    if book.verdict:
        pytest.skip(NOT_RUN)
    book.begin_cell(facts(item)[0])


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item):
    item.parent.kernel.start_cell()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item, call):
    """Note what a cell came to."""
    book, (exercise, is_check) = item.parent.grading, facts(item)
    error = call.excinfo.value if call.excinfo else None
    if call.when == "call" and exercise in book.exercises:
        book.exercises[exercise]["seconds"] = round(book.exercises[exercise]["seconds"] + call.duration, 3)
    if call.when == "teardown" or error is None or isinstance(error, pytest.skip.Exception):
        return
    if isinstance(error, Stopped):
        book.stop(error.verdict, error)
        with suppress(Exception):  # it is dead
            item.parent.kernel.stop()
    elif call.when == "setup" or isinstance(error, GraderFault) or not book.current:
        book.verdict, book.reason = "grader fault", plain(f"{item.name}: {type(error).__name__}: {error}")
    elif is_check and book.exercises[exercise]["text"] == NOT_RUN:
        book.set(exercise, "✗", book.raised.get(exercise) or raised(item))
    elif exercise:
        book.raised[exercise] = raised(item)


def raised(item):
    """What a cell that failed says of its error."""
    errors = [out for out in getattr(item, "test_outputs", []) if out.output_type == "error"]
    if not errors:
        return "it sent what is not a notebook's output."
    name = str(errors[-1].get("ename"))
    return STOPPED.get(name) or f"its cell raised {name}: {errors[-1].get('evalue')}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item, nextitem):
    try:
        return (yield)
    finally:
        if nextitem is None or nextitem.parent is not item.parent:
            item.parent.grading.write()
