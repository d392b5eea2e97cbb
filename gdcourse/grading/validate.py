"""Run restored notebooks in the sandbox, under pytest and nbval, and return what each is worth."""

import copy
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from gdcourse.grading import sandbox as walls
from gdcourse.student import write_notebook

NOT_RUN = "not run"
# Its standard input is a pipe that ends when the grader does: then pytest ends, and the kernel with it.
# jsonschema can do without rfc3987_syntax, whose grammar takes two seconds to build.
PYTEST = """import os, threading; grader = os.dup(0)
threading.Thread(target=lambda: os.read(grader, 1) or os._exit(1), daemon=True).start()
sys.modules['rfc3987_syntax'] = None; import pytest; sys.exit(pytest.main())"""
START = "from ipykernel.kernelapp import launch_new_instance; launch_new_instance()"
CALM = "--IPKernelApp.exec_lines=get_ipython().ask_exit = lambda: None"  # quit() would end the kernel a moment later
START_SECONDS = 60  # for the start and the imports, where many kernels share a processor
OPTIONS = ["-c", "/dev/null", "-p", "gdcourse.grading.plugin", "-p", "nbval.plugin", "-p", "no:cacheprovider"]
OPTIONS += ["--nbval-lax", "--nbval-kernel-name=gdcourse", "--continue-on-collection-errors"]
OPTIONS += ["--tb=no", "--color=no", "-q", "-W", "ignore"]


def validate(notebooks, limits, sandbox="bubblewrap"):
    """{key: result} of {key: notebook}: the marks and points of each exercise, as JSON values.

    ``sandbox`` is what ``sandbox.choose()`` returned, or "none". An answer that stops Python costs its own
    exercise; the rest is run again without it.
    """
    results = run_alone_where_lost(notebooks, limits, sandbox)
    guilty = {key: [] for key in notebooks}
    while rest := cut_short(notebooks, results, guilty):
        for key, later in run_alone_where_lost(rest, limits, sandbox).items():
            results[key] = joined(results[key], later)
    for result in results.values():
        del result["stopped"], result["final"]
    return results


def cut_short(notebooks, results, guilty):
    """The notebooks with answers not run yet, without what stopped Python, which goes into ``guilty``."""
    rest = {}
    for key, result in results.items():
        left = NOT_RUN in (row["text"] for row in result["exercises"].values())
        if left and result["stopped"] not in (None, *guilty[key]):
            guilty[key].append(result["stopped"])
            rest[key] = without(notebooks[key], guilty[key])
    return rest


def limits_of(solved, seconds=20):
    """The limits for the notebook ``solved`` with ``seconds`` for a cell: time for as many answers as it holds.

    Its code calls for more: memory for torch, the cache for a notebook that reads data.
    """
    code = "\n".join(cell["source"] for cell in solved["cells"])
    answers = sum("nbgrader" in cell["metadata"] for cell in solved["cells"])
    limits = walls.Limits(seconds, START_SECONDS + seconds * answers)
    if "torch" in code:
        limits = limits._replace(memory=4 * limits.memory)
    if "fetch" in code or "datasets" in code:
        from gdcourse import fetch

        if fetch.cache().is_dir():
            limits = limits._replace(data=str(fetch.cache().resolve()))
    return limits


def without(notebook, guilty):
    """``notebook`` with nothing in the answer cells of the exercises ``guilty``."""
    book = copy.deepcopy(notebook)
    for cell in book["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade_id") in guilty:
            cell["source"] = "# stopped Python"
    return book


def joined(first, later):
    """The result of a notebook whose rest was run again."""
    out = copy.deepcopy(first)
    for name, row in out["exercises"].items():
        if row["text"] == NOT_RUN:
            out["exercises"][name] = later["exercises"].get(name, row)
    out["stopped"] = later["stopped"]
    out["seconds"] = round(first["seconds"] + later["seconds"], 3)
    if later["verdict"] == "grader fault":
        return out | {key: later[key] for key in ("verdict", "reason", "points")}
    return out | {"points": sum(row["points"] for row in out["exercises"].values())}


def run_alone_where_lost(notebooks, limits, sandbox):
    """The results of a batch; a notebook that was lost with pytest, or whose grading failed, is run again alone."""
    results = run(notebooks, limits, sandbox)
    for key in notebooks:
        lost = not results[key]["final"] or results[key]["verdict"] == "grader fault"
        if lost and len(notebooks) > 1:
            results |= run({key: notebooks[key]}, limits, sandbox)
    return results


def run(notebooks, limits, sandbox):
    """The results of one pytest over ``notebooks``."""
    # What a container's kernel writes beside its sockets is not to fill the disk.
    memory = "/dev/shm" if sandbox in walls.CONTAINERS and os.path.isdir("/dev/shm") else None
    sweep(memory or tempfile.gettempdir())
    folder = walls.make_folder(sandbox, memory)
    try:
        names, unwritten = {}, {}
        results = folder / "results"
        write_kernelspec(folder, limits, sandbox)
        for number, (key, book) in enumerate(notebooks.items()):
            name = f"{number:04}.ipynb"
            try:
                write_notebook(folder / name, book)
                names[key] = name
            except UnicodeEncodeError:
                unwritten[key] = "an answer holds a character that is none"
        said = run_pytest(folder, list(names.values()), limits, sandbox)
        return {
            key: read(results / f"{Path(names[key]).stem}.json", said)
            if key in names
            else nothing("unreadable", unwritten[key]) | {"stopped": None, "final": True}
            for key in notebooks
        }
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(place):
    """Remove what runs that were killed left in the folder ``place``: without a new result for an hour."""
    for mark in Path(place).glob("gdcourse-*/jupyter/kernels/gdcourse"):
        folder = mark.parents[2]
        with suppress(OSError):  # another run sweeps, too
            if time.time() - (folder / "results").stat().st_mtime > 3600:
                shutil.rmtree(folder, ignore_errors=True)


def nothing(verdict, reason):
    """The result of a notebook that did not run."""
    points = None if verdict == "grader fault" else 0
    about = {"verdict": verdict, "reason": reason, "exercises": {}, "points": points}
    return about | {"of": 0, "seconds": 0.0, "notes": []}


def read(path, said):
    try:
        return json.loads(path.read_text(encoding="utf8"))
    except (OSError, ValueError):
        fault = nothing("grader fault", f"pytest left no result: {said}")
        return fault | {"stopped": None, "final": False}


def write_kernelspec(folder, limits, sandbox):
    """The kernel "gdcourse" of Jupyter: Python behind the wall."""
    binds = [("rw", "{sockets}"), ("ro", "{connection_file}")]
    python = walls.python(START, "-f", "{connection_file}", "--HistoryManager.enabled=False", CALM)
    spec = {
        "argv": [*walls.inner(sandbox, limits, binds), *python],
        "display_name": "gdcourse",
        "language": "python",
        "interrupt_mode": "message",
        "metadata": {"kernel_provisioner": {"provisioner_name": "gdcourse-sandbox"}},
    }
    place = folder / "jupyter" / "kernels" / "gdcourse"
    place.mkdir(parents=True)
    (place / "kernel.json").write_text(json.dumps(spec), encoding="utf8")


def run_pytest(folder, names, limits, sandbox):
    """Run one pytest over the notebooks ``names`` in ``folder``; return the last line that it said of a trouble."""
    scratch = "/tmp" if sandbox == "bubblewrap" else str(folder)
    env = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": scratch,
        "TMPDIR": scratch,
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "JUPYTER_PATH": str(folder / "jupyter"),
        "JUPYTER_RUNTIME_DIR": f"{scratch}/runtime",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    options = [*OPTIONS, f"--rootdir={folder}", f"--confcutdir={folder}"]
    options += [f"--grading-results={folder}/results", f"--grading-limits={json.dumps(limits._asdict())}"]
    options += [f"--nbval-cell-timeout={10 * limits.notebook_seconds}"]
    command = [*walls.outer(sandbox, str(folder), limits.data), *walls.python(PYTEST, *options, *names)]
    about = {"env": env, "cwd": folder, "stdin": subprocess.PIPE, "start_new_session": True}
    with open(folder / "said", "w+b") as said:
        with subprocess.Popen(command, stdout=said, stderr=said, **about) as process:
            try:
                process.wait(60 + len(names) * (limits.notebook_seconds + 10))
            except subprocess.TimeoutExpired:
                pass
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
        said.seek(max(0, said.seek(0, 2) - 2000))
        return (said.read().decode(errors="replace").strip().splitlines() or ["nothing"])[-1]
