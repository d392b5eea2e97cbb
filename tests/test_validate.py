"""Answers of every kind are run in the sandbox: right ones get their points, and no attack gains or harms anything."""

import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path

import pytest

from gdcourse import student
from gdcourse.grading import sandbox
from gdcourse.grading.assignment import prepare
from gdcourse.grading.judge import write_calls
from gdcourse.grading.restore import restored
from gdcourse.grading.validate import START_SECONDS, joined, limits_of, read, sweep, validate
from tests.course import ROOT
from tests.processes import processes, wait

OUTER = sandbox.outer
TERM = "2026-autumn"
CHECK = student.checker_of("03_gradient_descent.ipynb")
NAMES = ["one_step_by_hand", "stable_step_by_hand"]  # 1 point and 2 points
RIGHT = {
    NAMES[0]: "def one_step_by_hand():\n    return 2.2, 10.24",
    NAMES[1]: "def stable_step_by_hand():\n    return 1 / 3, 2 / 7, 5 / 7",
}
LIMITS = sandbox.Limits(cell_seconds=8, output=2**20, memory=1280 * 2**20)
pytestmark = pytest.mark.skipif(
    bool(sandbox.probe("bubblewrap")), reason="needs bubblewrap: apt install bubblewrap"
)


def notebook(answers):
    """The graded notebook of two exercises with ``answers``, {exercise: source}."""
    cells = [code("imports", "import numpy as np", {})]
    for name in NAMES:
        space = {}
        exec(RIGHT[name], space)
        calls, outcomes = write_calls(CHECK, name, space[name], TERM)
        nbgrader = {"grade_id": name, "solution": True, "grade": False, "locked": False, "schema_version": 3}
        cells.append(code(name, answers[name], {"nbgrader": nbgrader, "tags": ["nbval-ignore-output"]}))
        show = (
            f"from gdcourse.probes import show as gdcourse_show\ngdcourse_show({name}, {json.dumps(calls)!r})"
        )
        given = {"exercise": name, "points": CHECK.exercises[name][0], "calls": calls}
        cell = code(f"check_{name}", show, {"gdcourse": given, "tags": ["nbval-check-output"]})
        text = "".join(f"gdcourse {json.dumps(outcome)}\n" for outcome in outcomes)
        cell |= {"execution_count": 1, "outputs": [{"output_type": "stream", "name": "stdout", "text": text}]}
        cells.append(cell)
    facts = {"assignment": "03_gradient_descent", "term": TERM}
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {"gdcourse": facts}, "cells": cells}


def code(name, source, metadata):
    empty = {"cell_type": "code", "execution_count": None, "outputs": []}
    return empty | {"id": name, "source": source, "metadata": metadata}


def contained(body):
    """An answer that is right only if the sandbox held: ``body`` ends with a line that says so in ``held``."""
    lines = "".join(f"    {line}\n" for line in body.strip().splitlines())
    return f"def one_step_by_hand():\n{lines}    return (2.2, 10.24) if held else (0, 0)"


BEFORE = RIGHT[NAMES[0]] + "\n"
CASES = {  # name: (the first answer, verdict, points of 3, what its text says)
    "right": (RIGHT[NAMES[0]], "graded", 3, "right, 1 of 1 point."),
    "wrong": ("def one_step_by_hand():\n    return 3.8, 10.24", "graded", 2, "you stepped uphill"),
    "stub": ("def one_step_by_hand():\n    raise NotImplementedError()", "graded", 2, "not done yet."),
    "empty": ("", "graded", 2, "there is no function one_step_by_hand: keep the name."),
    "no Python": ("def one_step_by_hand(:", "graded", 2, "SyntaxError at line 1: "),
    "lone surrogate": ("'\ud800'", "unreadable", 0, None),
    "noisy but right": (
        "import warnings\nimport matplotlib.pyplot as plt\nprint('hello')\nplt.plot([1, 2])\nplt.show()\n"
        "def one_step_by_hand():\n    warnings.warn('mind')\n    plt.plot([1])\n    plt.show()\n"
        "    print('step', end=' ')\n    return 2.2, 10.24",
        "graded", 3, "right",
    ),
    "skipped by a comment": (f"# NBVAL_SKIP\n{BEFORE}", "graded", 3, "right"),
    "exit": ("def one_step_by_hand():\n    exit()\n    return 2.2, 10.24", "graded", 3, "right"),
    "SystemExit": ("import sys\ndef one_step_by_hand():\n    sys.exit()", "graded", 2, "it calls exit()"),
    "input": ("def one_step_by_hand():\n    return input()", "graded", 2, "it asks for input, and nobody is there to type."),
    "no such package": ("import jaxx", "graded", 2, "'jaxx'; only what the course installs is there."),
    "loop": ("while True: pass", "timeout", 2, "stopped after 8 seconds: does a loop never end?"),
    "loop in a call": ("def one_step_by_hand():\n    while True: pass", "timeout", 2, "stopped after 8 seconds"),
    "swallows interrupts": (
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
        "timeout", 2, "stopped after 8 seconds",
    ),
    "os._exit": (f"{BEFORE}import os; os._exit(0)", "crashed", 2, "Python died here"),
    "segfault": (f"{BEFORE}import ctypes; ctypes.string_at(0)", "crashed", 2, "Python died here"),
    "memory": ("def one_step_by_hand():\n    return bytearray(10**11)", "graded", 2, "it raised MemoryError"),
    "forks": (
        contained("""
import os, time
children = 0
try:
    while children < 300:
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
        children += 1
except OSError:
    pass
held = children < 64"""),
        "graded", 3, "right",
    ),
    "output": ("while True: print('x' * 1000)", "crashed", 2, "printed more than 1 MB."),
    "one large output": ("print('x' * 100_000_000)", "crashed", 2, "printed more than 1 MB."),
    "threads that print": (
        f"{BEFORE}import threading\ndef talk():\n    while True: print('x' * 1000)\n"
        "for _ in range(5): threading.Thread(target=talk, daemon=True).start()",
        "crashed", None, "printed more than 1 MB.",
    ),
    "writes to Python's own stdout": (
        contained("import os\nfor fd in 1, 2:\n    os.write(fd, b'x' * 2**18)\nheld = True"), "graded", 3, "right",
    ),
    "disk": (
        contained("""
import os, sys
written = 0
for folder, below, _ in os.walk("/"):
    below[:] = [name for name in below if f"/{name}" not in ("/proc", "/usr", sys.prefix, sys.base_prefix)]
    for k in range(40):
        try:
            with open(f"{folder}/fill{k}", "wb", 0) as file:
                for _ in range(9):
                    written += file.write(bytes(2**20))
        except OSError:
            break
held = 10 * 2**20 < written < 250 * 2**20"""),
        "graded", 3, "right",
    ),
    "network": (
        contained("""
import socket
held = 0
for address in ("1.1.1.1", 53), ("169.254.169.254", 80):
    try:
        socket.create_connection(address, timeout=2)
    except OSError:
        held += 1
held = held == 2"""),
        "graded", 3, "right",
    ),
    "kills its parent": (
        contained("import os\nos.kill(os.getppid(), 9)\nos.kill(1, 9)\nheld = True"), "graded", 3, "right",
    ),
    "reads what judges it": (
        contained("""
import os, gdcourse
package = os.path.dirname(gdcourse.__file__)
held = not any(os.listdir(f"{package}/{name}") for name in ("checks", "grading"))
held &= not any(map(os.path.exists, (f"{package}/../exercises", f"{package}/../tests", "/home", "/etc/passwd")))
found = [f for folder, _, files in os.walk("/") for f in files if f.endswith(".ipynb") and "site-packages" not in folder]
held &= not found"""),
        "graded", 3, "right",
    ),
    "forged messages": (
        "def one_step_by_hand():\n    kernel = get_ipython().kernel\n"
        "    for kind, content in [('status', {}), ('stream', {'name': 3}), ('stream', []), ('nonsense', {}),\n"
        "                          ('error', {'ename': 'x' * 2000, 'evalue': '\\x1b[31m', 'traceback': 7})]:\n"
        "        kernel.session.send(kernel.iopub_socket, kind, content, parent=kernel.get_parent(), ident=b'x')\n"
        "    return 0, 0",
        "graded", 2, None,
    ),
    "forged lines": (
        "def one_step_by_hand():\n    print('gdcourse {\"value\": ')\n    print('gdcourse {\"value\": [2.2, 10.24]}')\n"
        "    return 3.8, 10.24",
        "graded", 2, "you stepped uphill",
    ),
    "a forged probe": (
        "import gdcourse.probes\ngdcourse.probes.attempt = lambda *_: {'value': {'array': ['|O', [2], [2.2, {}]]}}\n"
        + BEFORE,
        "graded", None, "of a kind that the check cannot read",
    ),
}  # fmt: skip


OTHERWISE = {  # in a container, and why
    "disk": "beside its sockets it may write as much as its memory may hold",
    "kills its parent": "its parent is what ends the container in time",
    "reads what judges it": "it has an /etc/passwd of its own",
}


@pytest.fixture(scope="module", params=sandbox.KINDS)
def results(request):
    if reason := sandbox.probe(request.param):
        pytest.skip(reason)
    books = [(name, notebook(RIGHT | {NAMES[0]: case[0]})) for name, case in CASES.items()]
    with ThreadPoolExecutor(4) as pool:
        batches = pool.map(
            validate, [dict(books[k::4]) for k in range(4)], repeat(LIMITS), repeat(request.param)
        )
    return request.param, {name: result for batch in batches for name, result in batch.items()}


@pytest.mark.parametrize("name", CASES)
def test_each_answer_gets_its_verdict(name, results):
    _, verdict, points, text = CASES[name]
    kind, result = results[0], results[1][name]
    if name in OTHERWISE and kind in sandbox.CONTAINERS:
        pytest.xfail(OTHERWISE[name])
    assert result["verdict"] == verdict, result
    assert points is None or result["points"] == points, result
    assert text is None or text in result["exercises"][NAMES[0]]["text"], result


def test_processes_that_fill_the_memory_together_are_stopped():
    many = (
        "import os, time\nfor _ in range(8):\n    if os.fork() == 0:\n        big = b'x' * (4 * 10**8)\n"
        "        time.sleep(60)\ntime.sleep(60)"
    )
    result = validate({0: notebook(RIGHT | {NAMES[0]: many})}, LIMITS._replace(cell_seconds=60))[0]
    assert (result["verdict"], result["points"]) == ("crashed", 2)
    assert "took more than 2,560 MB of memory" in result["exercises"][NAMES[0]]["text"]


def test_each_answer_that_stops_python_costs_its_own_points_only():
    both = {name: f"{source}\nimport os; os._exit(1)" for name, source in RIGHT.items()}
    rows = validate({0: notebook(both)}, LIMITS)[0]["exercises"].values()
    assert [row["text"] for row in rows] == 2 * ["Python died here: does it call exit, or fill the memory?"]


def test_a_right_answer_counts_after_any_number_of_endless_loops(monkeypatch):
    names = [f"e{k}" for k in range(6)]
    cells = [{"metadata": {"nbgrader": {"grade_id": name}}, "source": "loop"} for name in names]
    monkeypatch.setattr("gdcourse.grading.validate.run", first_loop_stops)
    cells[-1]["source"] = "right"
    assert validate({0: {"cells": cells}}, LIMITS)[0]["points"] == 1


def first_loop_stops(books, *_):
    """What ``run`` returns when each answer "loop" stops Python and each answer "right" is right."""
    out = {}
    for key, book in books.items():
        rows, stopped = {}, None
        for cell in book["cells"]:
            text = "not run" if stopped else cell["source"]
            rows[cell["metadata"]["nbgrader"]["grade_id"]] = {"text": text, "points": int(text == "right")}
            if text == "loop":
                stopped = cell["metadata"]["nbgrader"]["grade_id"]
        points = sum(row["points"] for row in rows.values())
        out[key] = {"verdict": "timeout", "exercises": rows, "stopped": stopped, "final": True}
        out[key] |= {"points": points, "seconds": 1.0}
    return out


def test_a_notebook_that_stops_without_the_guilty_answer_is_not_run_for_ever(monkeypatch):
    monkeypatch.setattr("gdcourse.grading.validate.without", lambda book, _: book)
    monkeypatch.setattr("gdcourse.grading.validate.run", first_loop_stops)
    cells = [{"metadata": {"nbgrader": {"grade_id": name}}, "source": "loop"} for name in NAMES]
    assert validate({0: {"cells": cells}}, LIMITS)[0]["points"] == 0


def test_a_rest_that_leaves_no_result_is_the_graders_fault():
    row = {"text": "not run", "points": 0}
    first = {"exercises": {"e": row}, "stopped": "d", "seconds": 1.0, "verdict": "timeout", "points": 0}
    result = joined(first, read(Path("no such result"), "it died"))
    assert (result["verdict"], result["points"]) == ("grader fault", None)


def test_a_notebooks_seconds_are_its_own():
    slow = RIGHT | {NAMES[0]: f"{RIGHT[NAMES[0]]}\nimport time; time.sleep(5)"}
    begin = time.monotonic()
    results = validate({"slow": notebook(slow), "right": notebook(RIGHT)}, LIMITS)
    assert sum(result["seconds"] for result in results.values()) < time.monotonic() - begin


def test_a_notebook_has_a_limit_of_time_beside_its_cells():
    slow = {name: f"{source}\nimport time; time.sleep(4)" for name, source in RIGHT.items()}
    result = validate({0: notebook(slow)}, LIMITS._replace(notebook_seconds=6))[0]
    assert (result["verdict"], result["points"]) == ("timeout", 1)
    assert result["exercises"][NAMES[1]]["text"] == "stopped after 6 seconds: does a loop never end?"


def test_a_kernel_that_cannot_start_is_the_graders_fault():
    result = validate({0: notebook(RIGHT)}, LIMITS._replace(memory=50 * 2**20))[0]
    assert (result["verdict"], result["points"]) == ("grader fault", None)
    assert "Kernel died" in result["reason"]


def test_other_calls_than_were_written_down_are_the_graders_fault():
    book = notebook(RIGHT)
    book["cells"][2]["metadata"]["gdcourse"]["calls"][0]["args"] = {"tuple": [1]}
    result = validate({0: book}, LIMITS)[0]
    assert (result["verdict"], result["points"]) == ("grader fault", None)
    assert "other questions" in result["reason"]


def test_what_was_earned_is_kept_when_pytest_dies(monkeypatch):
    last = f'"stopped": "{NAMES[1]}"'
    killer = (
        f"exec 3<&0; \"$@\" <&3 & until grep -qs '{last}' results/0000.json; do sleep 0.1; done; kill -9 $!"
    )
    monkeypatch.setattr(sandbox, "outer", lambda *args: ["sh", "-c", killer, "sh", *OUTER(*args)])
    loop = RIGHT | {NAMES[1]: "while True: pass"}
    result = validate({0: notebook(loop)}, LIMITS._replace(cell_seconds=60))[0]
    assert (result["verdict"], result["points"], result["reason"]) == ("crashed", 1, "the grader died here")


def test_a_notebook_that_was_lost_with_its_batch_is_run_again_alone(monkeypatch):
    row = {"text": "right", "points": 1}
    fake = lambda books, *_: {
        key: {
            "final": len(books) == 1,
            "stopped": None,
            "verdict": "graded",
            "exercises": {"e": row},
            "points": len(books),
        }
        for key in books
    }
    monkeypatch.setattr("gdcourse.grading.validate.run", fake)
    assert [result["points"] for result in validate({"a": {}, "b": {}}, LIMITS).values()] == [1, 1]


def test_nobody_else_can_read_the_folder_of_a_run(monkeypatch):
    modes = []

    def outer(kind, folder, data):
        modes.append(os.stat(folder).st_mode & 0o777)
        return OUTER(kind, folder, data)

    monkeypatch.setattr(sandbox, "outer", outer)
    assert validate({0: notebook(RIGHT)}, LIMITS)[0]["points"] == 3
    assert modes == [0o700]


def leave_run(folder, hours):
    """What a run that was killed ``hours`` ago leaves."""
    (folder / "jupyter/kernels/gdcourse").mkdir(parents=True)
    (folder / "results").mkdir()
    os.utime(folder / "results", 2 * (time.time() - 3600 * hours,))


def test_what_killed_runs_left_is_swept_away_and_nothing_else(tmp_path):
    leave_run(tmp_path / "gdcourse-dead", hours=2)
    leave_run(tmp_path / "gdcourse-live", hours=0)
    (tmp_path / "gdcourse-grades/results").mkdir(parents=True)
    os.utime(tmp_path / "gdcourse-grades/results", (0, 0))
    sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"gdcourse-live", "gdcourse-grades"}


def test_a_grader_that_is_killed_takes_its_sandbox_along(tmp_path):
    sleeps = "import subprocess\nsubprocess.run(['sleep', '471148'])"
    code = (
        "from tests.test_validate import *\n"
        f"validate({{0: notebook(RIGHT | {{NAMES[0]: {sleeps!r}}})}}, LIMITS._replace(cell_seconds=100))"
    )
    env = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=env) as grader:
        wait(lambda: processes("sleep 471148"), 100)
        grader.kill()
    wait(lambda: not processes("sleep 471148", str(tmp_path)), 20)


def test_nothing_is_left_over(tmp_path, monkeypatch):
    leave_run(tmp_path / "gdcourse-dead", hours=2)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    orphan = (
        f"{RIGHT[NAMES[0]]}\nimport subprocess; subprocess.Popen(['sleep', '98765'], start_new_session=True)"
    )
    assert validate({0: notebook(RIGHT | {NAMES[0]: orphan})}, LIMITS)[0]["points"] == 3
    lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert not list(tmp_path.iterdir()) and not any(b"98765" in line for line in lines)


def test_without_a_sandbox_the_limits_hold_too():
    books = {"right": notebook(RIGHT), "loop": notebook(RIGHT | {NAMES[0]: "while True: pass"})}
    results = validate(books, LIMITS._replace(cell_seconds=4), "none")
    assert (results["right"]["points"], results["loop"]["points"]) == (3, 2)


def test_a_notebook_that_needs_it_has_more_memory_and_reads_the_data(tmp_path):
    (tmp_path / "set").write_text("x")
    tmp_path.chmod(0o755)
    held = f"import resource\nheld = resource.getrlimit(resource.RLIMIT_AS)[0] == 2**33 and open('{tmp_path}/set').read() == 'x'"
    limits = LIMITS._replace(memory=2**33, data=str(tmp_path))
    assert validate({0: notebook(RIGHT | {NAMES[0]: contained(held)})}, limits)[0]["points"] == 3


@pytest.mark.parametrize("name", ["20_pytorch", "21_one_gpu", "22_finetuning"])
def test_the_solutions_that_need_torch_get_full_marks_in_the_sandbox(name):
    pytest.importorskip("torch", reason='needs: python -m pip install -c constraints.txt -e ".[torch]"')
    assignment = prepare(ROOT / "exercises" / "solutions" / f"{name}.ipynb", TERM)
    solved = restored(assignment, assignment.solutions)
    result = validate({0: solved}, limits_of(solved))[0]
    assert result["points"] == sum(assignment.points.values()), result


def test_torch_raises_the_limits():
    answer = {"metadata": {"nbgrader": {}}, "source": "import torch"}
    assert limits_of({"cells": [answer]}).memory == 4 * sandbox.Limits().memory
    assert limits_of(notebook(RIGHT)).memory == sandbox.Limits().memory


def test_the_limit_of_a_notebook_follows_from_that_of_a_cell():
    limits = limits_of(notebook(RIGHT), seconds=90)
    assert (limits.cell_seconds, limits.notebook_seconds) == (90, 2 * 90 + START_SECONDS)
    assert sandbox.cpu(limits) > 2 * limits.notebook_seconds
