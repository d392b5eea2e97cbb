"""The reports of an invented class in Chromium: light and wide, dark and at phone width, the network blocked."""

import pytest

pytest.importorskip("jinja2", reason='needs: pip install -c constraints.txt -e ".[grade]"')
pytest.importorskip("mistune", reason='needs: pip install -c constraints.txt -e ".[grade]"')

from gdcourse.grading import report
from tests.class_of_forty import RUN, entries
from tests.test_browser import Visit, axe_violations, pytestmark  # noqa: F401

CLASS = entries()
WHO = {"right": 4, "hostile": 37, "wrong": 1, "timeout": 5, "unreadable": 20, "grader fault": 23}
PAGES = {name: f"feedback/{report.safe_name(CLASS[k]['learner'])}.html" for name, k in WHO.items()}
PAGES["class"] = "index.html"


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("grades")
    report.write(folder, RUN | {"sandbox": "none"}, CLASS)
    return folder


@pytest.fixture(scope="module", params=PAGES)
def page(request, out):
    return out / PAGES[request.param]


@pytest.fixture(
    scope="module", params=[("light", 1280), ("dark", 375)], ids=["light and wide", "dark and narrow"]
)
def visit(request, browser, page):
    scheme, width = request.param
    with Visit(browser, page, scheme=scheme, width=width) as visit:
        visit.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        yield visit


def test_a_report_asks_nothing_from_outside_and_complains_of_nothing(visit):
    assert visit.outside == [] and visit.complaints == []


def test_no_code_of_a_learner_ran(visit):
    assert visit.page.title() in ("Feedback: Walk downhill", "Class page: Walk downhill")
    assert visit.page.evaluate("document.querySelectorAll('script, img, iframe').length") == 0


def test_axe_finds_no_violation_in_a_report(visit):
    assert axe_violations(visit) == []


def test_nothing_sticks_out_of_a_report(visit):
    assert visit.page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0


def test_a_report_is_dark_where_the_reader_wants_it_dark(visit):
    dark = visit.page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    ground = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(20, 27, 36)" if dark else "rgb(253, 252, 249)")
