"""nbgrader's own tools take our notebooks as they are."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.course import SOLUTIONS, cells, name

pytest.importorskip("nbgrader")


@pytest.mark.parametrize("path", SOLUTIONS, ids=name)
def test_generate_assignment_makes_the_same_learners_version(path, tmp_path):
    source = tmp_path / "source" / path.stem
    source.mkdir(parents=True)
    shutil.copy(path, source / path.name)
    command = ["generate_assignment", path.stem, "--create", "--CourseDirectory.course_id=scratch"]
    tools = (
        str(Path(sys.executable).parent) + os.pathsep + os.environ["PATH"]
    )  # nbgrader calls alembic by name
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *command],
        cwd=tmp_path,
        env={**os.environ, "PATH": tools},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    released = cells(tmp_path / "release" / path.stem / path.name)
    ours = cells(path.parents[1] / path.name)
    assert [c.source for c in released] == [c.source for c in ours]
