import subprocess
import sys
from pathlib import Path

import hypothesis
import pytest

from gdcourse import doctor
from tests.course import ROOT

# The same examples at each run, and no time limit: a busy machine is no fault of the code.
hypothesis.settings.register_profile("course", deadline=None, derandomize=True)
hypothesis.settings.load_profile("course")


def build_book(out, *options):
    """Build the site with warnings as errors; return the folder that holds index.html."""
    pytest.importorskip(
        "jupyter_book", reason='needs Jupyter Book: pip install -c constraints.txt -e ".[book]"'
    )
    command = ["build", ".", "--toc", "book/_toc.yml", "--path-output", str(out), "-W", "-n", "--keep-going"]
    build = subprocess.run(
        [Path(sys.executable).with_name("jupyter-book"), *command, *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert build.returncode == 0, build.stdout[-3000:] + build.stderr[-3000:]
    return out / "_build" / "html"


@pytest.fixture(scope="session")
def book(tmp_path_factory):
    """The site, built once."""
    return build_book(tmp_path_factory.mktemp("book"))


FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--no-first-run"]  # fmt: skip


@pytest.fixture(scope="session")
def browser():
    """Chromium; one for all tests of a process, for Playwright bears no second one beside it."""
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=doctor.browser(), args=FLAGS)
        yield browser
        browser.close()
