"""Run notebooks from top to bottom in fresh kernels, store them in normal form, and note their run times.

    python book/_ext/run.py [NOTEBOOK ...]        (all chapters and solutions where none is named)

The times go to book/status.csv, which the status page shows.
"""

import csv
import subprocess
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from tqdm import tqdm

ROOT = Path(__file__).parents[2]
STATUS = ROOT / "book" / "status.csv"
KEEP = [
    "--keep-output",
    "--keep-count",
    "--keep-id",
    "--extra-keys",
    "metadata.language_info metadata.widgets",
]


def run(path):
    """Run the notebook at ``path`` and store its outputs; return (code cells, seconds)."""
    book = nbformat.read(path, as_version=4)
    where = {"metadata": {"path": path.parent}}
    start = time.perf_counter()
    NotebookClient(
        book,
        kernel_name="python3",
        timeout=300,
        coalesce_streams=True,
        store_widget_state=False,
        resources=where,
    ).execute()
    seconds = time.perf_counter() - start
    for cell in book.cells:
        cell.metadata.pop("execution", None)  # time stamps
    nbformat.write(book, path)
    subprocess.run([sys.executable, "-m", "nbstripout", *KEEP, path], check=True)
    return sum(cell.cell_type == "code" for cell in book.cells), seconds


def read_status():
    with open(STATUS, encoding="utf8") as file:
        return {row["notebook"]: row for row in csv.DictReader(file)}


def main(names):
    paths = [Path(name).resolve() for name in names]
    paths = paths or sorted([*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("exercises/solutions/*.ipynb")])
    if missing := [str(path) for path in paths if path.suffix != ".ipynb" or not path.is_file()]:
        sys.exit(f"no notebook at {', '.join(missing)}")
    status = read_status()
    for path in tqdm(paths, unit="notebook"):
        cells, seconds = run(path)
        name = path.relative_to(ROOT).as_posix()
        status[name] = {"notebook": name, "cells": cells, "seconds": f"{seconds:.1f}"}
    with open(STATUS, "w", encoding="utf8", newline="") as file:
        table = csv.DictWriter(file, ["notebook", "cells", "seconds"], lineterminator="\n")
        table.writeheader()
        order = sorted(status, key=lambda name: (name.startswith("exercises"), name))
        table.writerows(status[name] for name in order if (ROOT / name).is_file())


if __name__ == "__main__":
    main(sys.argv[1:])
