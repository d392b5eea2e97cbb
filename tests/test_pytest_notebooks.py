"""gdcourse.pytest_notebooks: what happens to notebooks whose data are not installed."""

import subprocess
import sys

import nbformat
import pytest

from gdcourse import fetch
from gdcourse.pytest_notebooks import lacks


def notebook(folder, *sources):
    cells = [nbformat.v4.new_code_cell(source, execution_count=1) for source in sources]
    path = folder / "page.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


@pytest.fixture
def nothing_installed(tmp_path, monkeypatch):
    monkeypatch.setenv("GDCOURSE_DATA", str(tmp_path / "empty"))


def test_a_notebook_that_lacks_a_set_is_skipped_and_the_command_is_named(tmp_path, nothing_installed):
    path = notebook(tmp_path, 'from gdcourse import fetch\nfetch.need("minilm", "e5")')
    command = [sys.executable, "-m", "pytest", "--nbval", "-p", "gdcourse.pytest_notebooks", "-rs", path.name]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert "1 skipped" in run.stdout and run.returncode == 0
    assert (
        f"minilm, e5 are not in {tmp_path / 'empty'}; run: python -m gdcourse data install minilm e5"
        in run.stdout
    )


def test_a_notebook_that_needs_nothing_is_run(tmp_path, nothing_installed):
    path = notebook(tmp_path, "assert False")
    command = [sys.executable, "-m", "pytest", "--nbval", "-p", "gdcourse.pytest_notebooks", path.name]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True).returncode == 1


def test_only_the_missing_sets_are_named(tmp_path, nothing_installed, monkeypatch):
    monkeypatch.setattr(fetch, "is_installed", lambda name: name == "minilm")
    path = notebook(tmp_path, 'fetch.need("minilm", "e5")')
    assert lacks(path) == (f"e5 is not in {tmp_path / 'empty'}; run: python -m gdcourse data install e5")


def test_a_notebook_that_lacks_transformers_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    path = notebook(tmp_path, "import transformers")
    assert lacks(path) == 'needs transformers: python -m pip install -c constraints.txt -e ".[finetune]"'


def test_a_file_that_is_no_notebook_is_left_to_nbval(tmp_path):
    path = tmp_path / "broken.ipynb"
    path.write_text("[1, 2")
    assert lacks(path) is None
