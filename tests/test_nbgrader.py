"""nbgrader's own tools take our notebooks as they are."""

import shutil
import subprocess
import sys

import pytest

from tests.course import SOLUTIONS, cells, name

pytest.importorskip("nbgrader")


@pytest.mark.parametrize("path", SOLUTIONS[:1], ids=name)
def test_generate_assignment_makes_the_same_learners_version(path, tmp_path):
    source = tmp_path / "source" / path.stem
    source.mkdir(parents=True)
    shutil.copy(path, source / path.name)
    command = ["generate_assignment", path.stem, "--create", "--CourseDirectory.course_id=scratch"]
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *command],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    released = cells(tmp_path / "release" / path.stem / path.name)
    ours = cells(path.parents[1] / path.name)
    assert [c.source for c in released] == [c.source for c in ours]
