"""The learner's notebook: made from the solution notebook, and checked at home."""

import copy
import importlib.util
import json
import os
import re
import tempfile
from pathlib import Path

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
STUB = ["# YOUR CODE HERE", "raise NotImplementedError()"]  # what nbgrader puts in, too


def read_notebook(path):
    """The notebook at ``path`` as a dict, each cell's source one string.

    Raises FileNotFoundError when there is none, ValueError when the file is not a notebook.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is a folder; name one notebook" if path.is_dir() else f"no notebook at {path}"
        )
    try:
        book = json.loads(path.read_text(encoding="utf-8-sig"))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        why = f": {error}" if getattr(error, "pos", 1) else ""  # at 0 it is no JSON at all
        raise ValueError(f"{path} is not a notebook{why}") from None
    if not isinstance(book, dict) or not isinstance(book.get("cells"), list):
        raise ValueError(f"{path} is not a notebook: it has no list of cells")
    for cell in book["cells"]:
        source = cell.get("source") if isinstance(cell, dict) else None
        if isinstance(source, list) and all(isinstance(line, str) for line in source):
            source = "".join(source)
        if (
            not isinstance(source, str)
            or "cell_type" not in cell
            or not isinstance(cell.get("metadata"), dict)
        ):
            raise ValueError(f"{path} is not a notebook: it has a cell without source, type or metadata")
        cell["source"] = source
    return book


def write_notebook(path, book):
    """Write ``book`` in the one form that the repository keeps: sources as lines, one-space indent."""
    book = copy.deepcopy(book)
    for cell in book["cells"]:
        cell["source"] = cell["source"].splitlines(keepends=True)
    text = json.dumps(book, indent=1, sort_keys=True, ensure_ascii=False)
    Path(path).write_text(text + "\n", encoding="utf8", newline="\n")


def without_solution(source):
    """``source`` with each solution region replaced by a stub at its indent.

    Raises ValueError when a region is not closed, or one opens within another.

    >>> print(without_solution("def f():\\n    ### BEGIN SOLUTION\\n    return 1\\n    ### END SOLUTION"))
    def f():
        # YOUR CODE HERE
        raise NotImplementedError()
    """
    kept, inside = [], False
    for line in source.splitlines():
        mark = line.strip()
        if mark in (BEGIN, END) and inside == (mark == BEGIN):
            raise ValueError(f"unbalanced {mark!r} in an answer cell")
        if mark == BEGIN:
            indent = line[: len(line) - len(line.lstrip())]
            kept += [indent + text for text in STUB]
        if mark in (BEGIN, END):
            inside = mark == BEGIN
        elif not inside:
            kept.append(line)
    if inside:
        raise ValueError(f"unbalanced {BEGIN!r} in an answer cell")
    return "\n".join(kept)


def learner_version(book):
    """The learner's notebook of a solution notebook: stubs for solutions, no outputs, checks locked."""
    book = copy.deepcopy(book)
    for cell in book["cells"]:
        kind = cell["metadata"].get("nbgrader", {})
        if kind.get("solution"):
            cell["source"] = without_solution(cell["source"])
        if kind.get("locked"):
            cell["metadata"] |= {"deletable": False, "editable": False}
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    return book


def write_learner_versions(folder):
    """Write ``folder/NN_name.ipynb`` for each ``folder/solutions/NN_name.ipynb``; return the paths."""
    written = []
    for path in sorted(Path(folder, "solutions").glob("*.ipynb")):
        target = Path(folder, path.name)
        write_notebook(target, learner_version(read_notebook(path)))
        written.append(target)
    if not written:
        raise FileNotFoundError(f"no solution notebooks in {Path(folder, 'solutions')}")
    return written


def checker_of(path):
    """The checks that belong to a notebook, by the two digits its name begins with.

    Raises ValueError when there is no such chapter.
    """
    digits = re.match(r"\d\d(?=_)", Path(path).name)
    module = f"gdcourse.checks.ch{digits[0]}" if digits else None
    if module is None or importlib.util.find_spec(module) is None:
        there = sorted(p.stem[2:] for p in (Path(__file__).parent / "checks").glob("ch*.py"))
        raise ValueError(
            f"{Path(path).name}: unknown chapter; its name should begin with {' or '.join(there)}"
        )
    return importlib.import_module(module).check


STOPPED = {  # errors whose names tell a learner nothing
    "KeyboardInterrupt": "stopped after {} seconds: does a loop never end?",
    "SystemExit": "it calls exit(): return a value instead.",
}


def check_notebook(path, timeout=20):
    """Run a learner's notebook from top to bottom and return [(mark, name, text, points)], one an exercise.

    A cell that runs longer than ``timeout`` seconds, as many as grading gives it, is interrupted. The file is only read. Raises
    what :func:`read_notebook` and :func:`checker_of` raise, ValueError when the notebook has no
    exercises, and ImportError without nbclient.
    """
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import DeadKernelError
    from tqdm import tqdm
    from traitlets.config import Config

    book = nbformat.from_dict(read_notebook(path))
    exercises = checker_of(path).exercises
    if not any("nbgrader" in cell.metadata for cell in book.cells):
        raise ValueError(f"{path} has no exercises; did you mean exercises/{Path(path).name}?")
    sockets = tempfile.TemporaryDirectory()  # files, where they can be: two kernels may take one port
    config = (
        {"KernelManager": {"transport": "ipc", "ip": f"{sockets.name}/kernel"}} if os.name == "posix" else {}
    )
    client = NotebookClient(
        book,
        config=Config(config),
        kernel_name="python3",
        timeout=timeout,
        interrupt_on_timeout=True,
        allow_errors=True,
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(Path(path).resolve().parent)}},
    )
    unread = "its check cell printed no verdict: take it from a fresh copy of the notebook."
    with sockets, client.setup_kernel():
        for k, cell in enumerate(tqdm(book.cells, desc="running", unit="cell", leave=False, disable=None)):
            try:
                client.execute_cell(cell, k)
            except DeadKernelError:
                unread = f"not run: Python died in the cell before it, at {cell.source[:40]!r}."
                break
    outputs = {c.metadata.get("nbgrader", {}).get("grade_id"): c.get("outputs", []) for c in book.cells}
    return [read_verdict(name, exercises[name][0], outputs, unread, timeout) for name in exercises]


def read_verdict(name, points, outputs, unread, timeout):
    """(mark, name, text, points earned) of one exercise from the outputs of its cells, by grade_id.

    The verdict is the last line of its form, below whatever the answer itself prints; ``unread`` is
    the text for a check cell that printed none, ``timeout`` the seconds after which a cell is stopped.
    """
    if f"check_{name}" not in outputs:
        return "✗", name, "its check cell is missing: take it from a fresh copy of the notebook.", 0
    for output in outputs.get(name, []) + outputs[f"check_{name}"]:
        if output["output_type"] == "error":
            stopped = STOPPED.get(output["ename"], "").format(timeout)
            return "✗", name, stopped or f"{output['ename']}: {output['evalue']}", 0
    printed = "".join(o["text"] for o in outputs[f"check_{name}"] if o.get("name") == "stdout")
    lines = re.findall(rf"^([✓✗○]) {re.escape(name)}: (.*)$", printed, re.M)
    if not lines:
        return "✗", name, unread, 0
    mark, text = lines[-1]
    return mark, name, text.strip(), points * (mark == "✓")
