"""The built site in Chromium, opened as files with the network blocked: light, dark, and phone width."""

import re
from contextlib import contextmanager

import pytest

from gdcourse import doctor, graphs
from tests.course import CHAPTERS, LEARNER

pytest.importorskip("playwright.sync_api", reason='needs: pip install -c constraints.txt -e ".[test]"')
CHROMIUM = doctor.browser()
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt install chromium")

PAGES = [f"book/{stem}" for stem in ("index", "start", "grading", "notation", "coverage", "errata", "status")]
PAGES += [f"{path.parent.name}/{path.stem}" for path in CHAPTERS + LEARNER]


class Visit:
    """One page opened by file://, with what it asked from outside and what it complained of."""

    def __init__(self, browser, path, scheme="light", width=1280):
        self.outside, self.complaints = [], []
        self.context = browser.new_context(
            color_scheme=scheme,
            viewport={"width": width, "height": 900},
            offline=True,
            reduced_motion="reduce",
        )
        self.page = self.context.new_page()
        self.page.on("request", self.note_request)
        self.page.on("console", lambda m: m.type == "error" and self.complaints.append(m.text))
        self.page.on("pageerror", lambda e: self.complaints.append(str(e)))
        self.page.goto(path.resolve().as_uri())
        self.page.wait_for_load_state("load")
        self.page.evaluate("async () => { if (window.MathJax?.startup) await MathJax.startup.promise }")

    def note_request(self, request):
        if not request.url.startswith(("file:", "data:", "blob:")):
            self.outside.append(request.url)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.context.close()


@pytest.fixture(scope="module", params=PAGES)
def desktop(request, browser, book):
    """Each page, light and wide."""
    with Visit(browser, book / f"{request.param}.html") as visit:
        yield visit


@pytest.fixture(scope="module", params=PAGES)
def phone(request, browser, book):
    """Each page, dark and 375 pixels wide."""
    with Visit(browser, book / f"{request.param}.html", scheme="dark", width=375) as visit:
        yield visit


def axe_violations(visit):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    # Formulas: many small boxes, in the colour of the text around them. Code: thousands of words in a few
    # colours, which tests of their own read.
    rest = {"exclude": [["mjx-container"], [".highlight pre"]]}
    found = axe.run(visit.page, context=rest).response["violations"]
    return [(v["id"], len(v["nodes"]), v["nodes"][0]["html"][:200]) for v in found]


def test_a_page_needs_no_network_and_complains_of_nothing(desktop):
    assert desktop.outside == []
    assert desktop.complaints == []


def test_all_mathematics_on_a_page_is_set(desktop):
    formulas = desktop.page.locator(".math").count()
    assert desktop.page.locator("mjx-container").count() == formulas
    assert desktop.page.locator("mjx-merror, [data-mjx-error]").count() == 0
    words = "[...document.querySelectorAll('article p, article li, article td, article summary')]"
    text = desktop.page.evaluate(words + ".map(e => e.innerText).join(' ')")
    assert "$" not in text, text[max(0, text.find("$") - 80) :][:160]


def test_axe_finds_no_violation_in_light(desktop):
    assert axe_violations(desktop) == []


def test_axe_finds_no_violation_in_dark_on_a_phone(phone):
    assert phone.page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert axe_violations(phone) == []


CODE_COLOURS = """() => {
  const pairs = new Set(), clear = "rgba(0, 0, 0, 0)";
  for (const word of document.querySelectorAll(".highlight pre, .highlight pre span")) {
    if (![...word.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
    let ground = word;
    while (getComputedStyle(ground).backgroundColor === clear) ground = ground.parentElement;
    pairs.add(getComputedStyle(word).color + " on " + getComputedStyle(ground).backgroundColor);
  }
  return [...pairs];
}"""


def contrast(pair):
    """WCAG's contrast of `rgb(...) on rgb(...)`, from 1 to 21."""
    light = []
    for colour in pair.split(" on "):
        parts = [int(c) / 255 for c in re.findall(r"\d+", colour)[:3]]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        light.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
    return (max(light) + 0.05) / (min(light) + 0.05)


def test_contrast_of_known_colours():
    assert contrast("rgb(0, 0, 0) on rgb(255, 255, 255)") == pytest.approx(21)
    assert contrast("rgb(119, 119, 119) on rgb(255, 255, 255)") == pytest.approx(4.48, abs=0.01)


def faint_code(visit):
    return [pair for pair in visit.page.evaluate(CODE_COLOURS) if contrast(pair) < 4.5]


def test_each_colour_of_code_stands_out_in_light(desktop):
    assert faint_code(desktop) == []


def test_each_colour_of_code_stands_out_in_dark(phone):
    assert faint_code(phone) == []


def test_code_that_is_wider_than_the_page_can_be_scrolled_by_keyboard(phone):
    wide = "[...document.querySelectorAll('.highlight pre')].filter(e => e.scrollWidth > e.clientWidth)"
    assert phone.page.evaluate(wide + ".filter(e => e.tabIndex < 0).length") == 0


def test_nothing_sticks_out_at_phone_width(phone):
    assert phone.page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0


def test_search_finds_the_chapter_that_has_a_word(browser, book):
    with Visit(browser, book / "search.html") as visit:
        visit.page.goto((book / "search.html").resolve().as_uri() + "?q=eigenvector")
        visit.page.wait_for_selector("#search-results li")
        assert "Walk downhill" in visit.page.inner_text("#search-results")


@contextmanager
def shown(browser, path, css):
    """The first figure of a page that ``css`` finds, scrolled to."""
    with Visit(browser, path) as visit:
        figure = visit.page.locator(css).first
        figure.scroll_into_view_if_needed()
        yield figure


@pytest.fixture
def bowl(browser, book):
    with shown(browser, book / "notebooks" / "03_gradient_descent.html", ".gd-bowl") as figure:
        yield figure


def test_the_bowl_is_drawn_and_described(bowl):
    assert bowl.locator("svg").count() >= 1
    assert bowl.get_attribute("aria-label") or bowl.locator("[aria-label]").count()
    assert bowl.locator("[aria-live]").count() >= 1


def test_the_bowl_follows_the_keyboard_on_each_slider(bowl):
    sliders = bowl.locator("input[type=range]")
    assert sliders.count() >= 2
    for k in range(sliders.count()):
        before = bowl.locator("svg").first.inner_html()
        sliders.nth(k).press("ArrowLeft")
        assert bowl.locator("svg").first.inner_html() != before, f"slider {k}"


def test_the_bowl_says_that_a_step_beyond_the_limit_diverges(bowl):
    bowl.locator("input[type=range]").first.press("End")
    bowl.page.wait_for_timeout(800)
    assert "diverge" in bowl.locator("[aria-live]").first.inner_text().lower()


@pytest.fixture
def stepper(browser, book):
    with shown(browser, book / "notebooks" / "09_chain_rule.html", ".gd-graph") as figure:
        yield figure


def press(figure, name):
    figure.get_by_role("button", name=name, exact=True).click()


def said(figure):
    return figure.get_by_role("status").inner_text()


def all_steps(figure):
    """The sentences of the example that is shown."""
    return figure.locator("details:not([hidden]) li").all_text_contents()


def test_step_and_back_change_picture_and_sentence_of_the_graph(stepper):
    picture, sentences = stepper.locator("svg").first, all_steps(stepper)
    before = picture.inner_html()
    press(stepper, "Step")
    assert picture.inner_html() != before and said(stepper) == sentences[1]
    press(stepper, "Back")
    assert picture.inner_html() == before and said(stepper) == sentences[0]


def test_the_end_of_the_graph_shows_the_gradients_that_the_sentence_names(stepper):
    press(stepper, "To the end")
    assert said(stepper) == all_steps(stepper)[-1]
    inputs = stepper.locator("section:not([hidden]) .gd-input")
    assert inputs.count() >= 1
    for k in range(inputs.count()):
        name, _, grad = inputs.nth(k).locator("text").all_text_contents()
        assert f"/d{name} = {grad.removeprefix('grad ')}" in said(stepper)


def test_the_graph_obeys_the_keyboard_alone(stepper):
    sentences = all_steps(stepper)
    stepper.get_by_role("button", name="Step", exact=True).focus()
    for key, step in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("End", -1), ("Home", 0)):
        stepper.page.keyboard.press(key)
        assert said(stepper) == sentences[step], key


def test_the_graph_marks_the_edge_in_use_by_more_than_colour(stepper):
    while "through this edge" not in said(stepper):
        press(stepper, "Step")
    now, other = stepper.locator("section:not([hidden]) .gd-edge").evaluate_all(
        """edges => [true, false].map(wanted => {
             const style = getComputedStyle(edges.find(e => e.matches(".gd-now") === wanted).querySelector("path"));
             return [style.strokeDasharray !== "none", parseFloat(style.strokeWidth)]; })"""
    )
    assert now[0] and not other[0] and now[1] > other[1]


def test_each_example_of_the_graph_can_be_chosen_and_fits_or_scrolls(browser, book):
    with Visit(browser, book / "notebooks" / "09_chain_rule.html", scheme="dark", width=375) as visit:
        figure = visit.page.locator(".gd-graph").first
        titles = figure.locator("option").all_text_contents()
        assert len(titles) == figure.locator("section").count()
        for title in titles:
            figure.locator("select").select_option(label=title)
            assert figure.locator("svg:visible").count() == 1
            assert title in figure.locator("summary:visible").inner_text()
            smallest = """svg => 14 * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width"""
            assert figure.locator("svg:visible").evaluate(smallest) >= 11
            assert visit.page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0


@pytest.fixture(scope="module")
def two_graphs(tmp_path_factory):
    """A bare page with two steppers."""
    edges = {"a": [], "b": [("a", 1.0), ("a", 1.0)], "c": [("b", 1.0), ("b", 1.0)]}
    example = {"edges": edges, "values": {"a": 1.0, "b": 2.0, "c": 4.0}}
    figure = graphs.stepper({"diamond": example}).data
    page = tmp_path_factory.mktemp("graphs") / "two.html"
    page.write_text(
        f"<!doctype html><meta charset='utf8'><title>two</title>{figure}{figure}", encoding="utf8"
    )
    return page


def test_two_graphs_on_one_page_do_not_disturb_each_other(browser, two_graphs):
    with Visit(browser, two_graphs) as visit:
        first, second = (visit.page.locator(".gd-graph").nth(k) for k in (0, 1))
        before = second.inner_html()
        press(first, "To the end")
        assert said(first) == "Done: dc/da = 4."
        assert second.inner_html() == before
        press(second, "Step")
        assert said(first) == "Done: dc/da = 4." and said(second) == "Forward: a = 1, an input."
        assert visit.complaints == []


def test_without_javascript_the_graph_shows_its_last_state_and_all_steps_as_text(browser, two_graphs):
    context = browser.new_context(java_script_enabled=False, offline=True)
    page = context.new_page()
    page.goto(two_graphs.as_uri())
    figure = page.locator(".gd-graph").first
    assert figure.locator(".gd-grad").all_text_contents() == ["grad 4", "grad 2", "grad 1"]
    figure.locator("summary").click()
    assert figure.locator("li").last.inner_text() == "Done: dc/da = 4."
    context.close()


@pytest.mark.parametrize(
    "page, figure", [("09_chain_rule", ".gd-graph"), ("03_gradient_descent", ".gd-bowl")]
)
def test_a_figure_keeps_plain_keys_to_itself_and_lets_shortcuts_through(browser, book, page, figure):
    with Visit(browser, book / "notebooks" / f"{page}.html") as visit:
        visit.page.evaluate("""
            window.heard = [];
            document.addEventListener("keydown", e => { window.heard.push(e.key); e.preventDefault(); });
        """)
        visit.page.locator(f"{figure} button").first.focus()
        for key in ("ArrowRight", "x", "Control+s"):
            visit.page.keyboard.press(key)
        assert visit.page.evaluate("window.heard") in (["Control", "s"], ["s"])
