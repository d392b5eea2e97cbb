"""What README, CONTRIBUTING and the start page tell a person to type exists."""

import re

import pytest

from gdcourse.__main__ import parser
from tests.course import ROOT

PAGES = ["README.md", "CONTRIBUTING.md", "book/start.md", "book/index.md", "book/grading.md"]
TEXT = {page: (ROOT / page).read_text(encoding="utf8") for page in PAGES}


@pytest.mark.parametrize("page", PAGES)
def test_each_make_target_that_it_names_exists(page):
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf8"), re.M)
    for target in re.findall(r"\bmake (\w+)(?=[`\s])", TEXT[page].replace("make sure", "")):
        assert target in targets, target


@pytest.mark.parametrize("page", PAGES)
def test_each_command_of_the_package_that_it_names_is_understood(page):
    for line in re.findall(r"python -m gdcourse ([^`\n#|]+)", TEXT[page]):
        words = [word for word in line.split() if word not in ("&&", "\\")]
        assert parser().parse_args(words), line


@pytest.mark.parametrize("page", PAGES)
def test_each_file_that_it_links_exists(page):
    for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", TEXT[page]):
        assert ((ROOT / page).parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES)
def test_each_extra_that_it_installs_exists(page):
    project = (ROOT / "pyproject.toml").read_text(encoding="utf8")
    for extras in re.findall(r'-e "\.\[([\w,]+)\]"', TEXT[page]):
        for extra in extras.split(","):
            assert re.search(rf"^{extra} = \[", project, re.M), extra


def test_the_constraints_pin_every_direct_dependency():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf8")
    block = project[project.index("dependencies = [") : project.index("[project.entry-points")]
    pinned = set(re.findall(r"^([\w.-]+)==", (ROOT / "constraints.txt").read_text(encoding="utf8"), re.M))
    wanted = set(re.findall(r'"([a-z][\w-]*)', block))
    normal = {re.sub(r"[-_.]+", "-", p).lower() for p in pinned}
    assert wanted - normal == set()
