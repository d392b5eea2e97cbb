"""nbgrader's own tools take our notebooks as they are."""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.course import SOLUTIONS, cells, name

pytest.importorskip("nbgrader")


def nbgrader(folder, *command):
    tools = str(Path(sys.executable).parent) + os.pathsep + os.environ["PATH"]  # it calls alembic by name
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *command, "--CourseDirectory.course_id=scratch"],
        cwd=folder,
        env={**os.environ, "PATH": tools},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", SOLUTIONS, ids=name)
def test_generate_assignment_makes_the_same_learners_version(path, tmp_path):
    source = tmp_path / "source" / path.stem
    source.mkdir(parents=True)
    shutil.copy(path, source / path.name)
    nbgrader(tmp_path, "generate_assignment", path.stem, "--create")
    released = cells(tmp_path / "release" / path.stem / path.name)
    ours = cells(path.parents[1] / path.name)
    assert [c.source for c in released] == [c.source for c in ours]


def test_autograde_takes_a_learners_notebook(tmp_path):
    path = SOLUTIONS[0]
    for learner, book in (("source", path), ("ada", path), ("bob", path.parents[1] / path.name)):
        place = Path("source", path.stem) if learner == "source" else Path("submitted", learner, path.stem)
        (tmp_path / place).mkdir(parents=True)
        shutil.copy(book, tmp_path / place / path.name)
    nbgrader(tmp_path, "generate_assignment", path.stem, "--create")
    nbgrader(tmp_path, "autograde", path.stem)
    nbgrader(tmp_path, "export")
    with open(tmp_path / "grades.csv", encoding="utf8") as file:
        scores = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}
    assert scores == {
        "ada": sum(
            cell.metadata.nbgrader.get("points", 0)
            for cell in cells(path, "code")
            if "nbgrader" in cell.metadata
        ),
        "bob": 0,
    }
