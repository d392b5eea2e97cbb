"""Our grader beside nbgrader and otter on the same answers, in one run: CPU seconds a submission.

    python tests/bench_grading.py [--submissions 20] [--otter PATH/TO/otter] [--out book]

Three exercises of "Walk downhill" (one by hand, two of code); half of the learners are right, half wrong. Each grader
starts from nothing, kernels included, and grades all on one processor; ours in its sandbox. The kernels of a sandbox are
hidden from their parents, so the seconds are those that a control group counts (Linux, as root). otter-grader needs an
environment of its own that has this package too; without ``--otter`` it is left out. Writes throughput.csv.
"""

import argparse
import copy
import csv
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tqdm import tqdm

from gdcourse.student import learner_version, read_notebook, write_notebook

ROOT = Path(__file__).parents[1]
NAME, EXERCISES = "03_gradient_descent", ("one_step_by_hand", "loss_curve", "descend_line")
GROUPS = (("/sys/fs/cgroup/cpuacct", "cpuacct.usage"), ("/sys/fs/cgroup", "cpu.stat"))


def source_notebook():
    """The solution notebook with three of its exercises."""
    book = read_notebook(ROOT / "exercises" / "solutions" / f"{NAME}.ipynb")
    kept = {"title", "imports", *EXERCISES, *(f"check_{name}" for name in EXERCISES)}
    prompts = {a["id"] for a, b in zip(book["cells"], book["cells"][1:]) if b["id"] in EXERCISES}
    return book | {"cells": [cell for cell in book["cells"] if cell["id"] in kept | prompts]}


def submission(right):
    """A learner's notebook with the solutions, or with each sign turned round."""
    solved = source_notebook()
    book = learner_version(solved)
    for cell, answer in zip(book["cells"], solved["cells"]):
        if cell["id"] in EXERCISES:
            cell["source"] = answer["source"] if right else answer["source"].replace("-", "+")
    return book


def cpu_seconds(command, folder, env=None):
    """CPU seconds of ``command`` and all that it starts; RuntimeError when it fails."""
    parent, counter = next(pair for pair in GROUPS if os.path.isdir(pair[0]))
    group = Path(tempfile.mkdtemp(prefix="gdcourse-", dir=parent))
    join = ["sh", "-c", f'echo $$ > {group}/cgroup.procs; exec "$@"', "sh"]
    done = subprocess.run([*join, *map(str, command)], cwd=folder, env=env, capture_output=True, text=True)
    for _ in range(50):  # the last processes may still be going
        if not (group / "cgroup.procs").read_text():
            break
        time.sleep(0.1)
    text = (group / counter).read_text()
    group.rmdir()
    if done.returncode:
        raise RuntimeError(f"{command[:4]} failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return int(text) / 1e9 if counter == "cpuacct.usage" else int(text.split()[1]) / 1e6


def ours(folder, books):
    solutions, subs = folder / "solutions", folder / "submissions"
    solutions.mkdir(parents=True), subs.mkdir()
    write_notebook(solutions / f"{NAME}.ipynb", source_notebook())
    for k, book in enumerate(books):
        write_notebook(subs / f"learner{k:02}.ipynb", book)
    command = [
        sys.executable,
        "-m",
        "gdcourse",
        "grade",
        subs,
        "--assignment",
        NAME,
        "--solutions",
        solutions,
    ]
    return cpu_seconds([*command, "--out", folder / "grades", "--workers", "1"], folder)


def nbgrader(folder, books):
    source = folder / "source" / NAME
    source.mkdir(parents=True)
    write_notebook(source / f"{NAME}.ipynb", source_notebook())
    tool = [sys.executable, "-m", "nbgrader"]
    env = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run(
        [*tool, "generate_assignment", NAME, "--create"], cwd=folder, env=env, check=True, capture_output=True
    )
    for k, book in enumerate(books):
        place = folder / "submitted" / f"learner{k:02}" / NAME
        place.mkdir(parents=True)
        write_notebook(place / f"{NAME}.ipynb", book)
    return cpu_seconds([*tool, "autograde", NAME], folder, env)


def otter(folder, books, program):
    """otter's own notebook with the same texts, answers and checks; one ``otter run`` a submission, as it wants it."""
    (folder / "out").mkdir(parents=True)
    raw = lambda text: {"cell_type": "raw", "id": f"raw{raw.count()}", "metadata": {}, "source": text}
    raw.count = iter(range(1000)).__next__
    book = copy.deepcopy(source_notebook())
    cells = [
        raw(
            "# ASSIGNMENT CONFIG\nrequirements: ''\ngenerate: true\nexport_cell: false\ntests:\n  files: false"
        )
    ]
    for cell in book["cells"]:
        name = cell["id"].removeprefix("check_")
        cell["metadata"] = {}
        if cell["id"] in EXERCISES:
            cell["source"] = cell["source"].replace("### ", "# ")  # its own marks
            cells += [
                raw(f"# BEGIN QUESTION\nname: {name}"),
                raw("# BEGIN SOLUTION"),
                cell,
                raw("# END SOLUTION"),
            ]
        elif name in EXERCISES:
            cell |= {"source": f'assert check.verdict("{name}", {name})[0] == "✓"', "outputs": []}
            cells += [raw("# BEGIN TESTS"), cell, raw("# END TESTS"), raw("# END QUESTION")]
        else:
            cells.append(cell)
    write_notebook(folder / "master.ipynb", book | {"cells": cells})
    subprocess.run([program, "assign", "master.ipynb", "dist"], cwd=folder, check=True, capture_output=True)
    (archive,) = folder.glob("dist/autograder/*.zip")
    total = 0.0
    for answers in books:
        given = read_notebook(folder / "dist" / "student" / "master.ipynb")
        sources = {cell["id"]: cell["source"] for cell in answers["cells"]}
        for cell in given["cells"]:
            name = next((n for n in EXERCISES if f"def {n}(" in cell["source"]), None)
            cell["source"] = sources.get(name, cell["source"])
        write_notebook(folder / "master.ipynb", given)
        total += cpu_seconds([program, "run", "-a", archive, "-o", folder / "out", "master.ipynb"], folder)
    return total


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--submissions", type=int, default=20)
    parser.add_argument("--otter", help="otter's program, in an environment of its own")
    parser.add_argument("--out", default=ROOT / "book", type=Path)
    args = parser.parse_args()
    contenders = {"gdcourse, in a sandbox": ours, "nbgrader autograde": nbgrader}
    if args.otter:
        contenders["otter run"] = lambda folder, books: otter(folder, books, args.otter)
    books, rows = [submission(right=k % 2 == 0) for k in range(args.submissions)], []
    with tempfile.TemporaryDirectory() as scratch:
        os.chmod(scratch, 0o755)
        for name, grader in tqdm(contenders.items(), "graders"):
            rows.append((name, grader(Path(scratch, name.split(",")[0]), books) / len(books)))
    with open(args.out / "throughput.csv", "w", newline="", encoding="utf8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["grader", "submissions", "seconds", "ratio"])
        for name, seconds in rows:
            writer.writerow([name, len(books), f"{seconds:.2f}", f"{seconds / rows[0][1]:.1f}"])
            print(f"{name:<24} {seconds:.2f} CPU seconds a submission, {seconds / rows[0][1]:.1f} times ours")


if __name__ == "__main__":
    main()
