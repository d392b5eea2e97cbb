"""The built site: whole, offline, with a text for each picture and a place for each source row."""

import csv
import re
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest
import yaml

from tests.conftest import build_book
from tests.course import CHAPTERS, LEARNER, ROOT, SOLUTIONS, name

LOADS = {
    ("script", "src"),
    ("img", "src"),
    ("iframe", "src"),
    ("source", "src"),
    ("link", "href"),
    ("object", "data"),
}
NOT_LOADED = {"canonical", "next", "prev", "search", "index", "genindex", "author", "license"}


class Page(HTMLParser):
    """What a built page loads, links to, shows as pictures, and its ids."""

    def __init__(self, path):
        super().__init__()
        self.loads, self.links, self.pictures, self.ids = [], [], [], set()
        self.text = path.read_text(encoding="utf8")
        self.feed(self.text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.ids.add(attributes.get("id"))
        if tag == "a" and "href" in attributes:
            self.links.append(attributes["href"])
        if tag == "img":
            self.pictures.append(attributes.get("alt"))
        for attribute, value in attributes.items():
            if (tag, attribute) in LOADS and not (tag == "link" and attributes.get("rel") in NOT_LOADED):
                self.loads.append(value)


@pytest.fixture(scope="module")
def pages(book):
    return {path.relative_to(book).as_posix(): Page(path) for path in book.rglob("*.html")}


def test_every_chapter_and_exercise_has_a_page(pages):
    for path in CHAPTERS + LEARNER:
        assert f"{path.parent.name}/{path.stem}.html" in pages


def test_no_page_loads_anything_from_outside(pages, book):
    for title, page in pages.items():
        for address in page.loads:
            assert not re.match(r"(?:https?:)?//", address), f"{title} loads {address}"
    for sheet in book.rglob("*.css"):
        style = sheet.read_text(encoding="utf8", errors="replace")
        assert not re.search(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", style), sheet


def test_every_link_inside_the_site_has_its_target(pages, book):
    for title, page in pages.items():
        for address in page.links:
            if re.match(r"[a-z]+:|//", address):
                continue
            target, _, anchor = unquote(address).partition("#")
            path = (book / title).parent / target if target else book / title
            path = path.resolve()
            assert path.is_file(), f"{title}: {address}"
            if anchor and path.suffix == ".html":
                assert anchor in pages[path.relative_to(book.resolve()).as_posix()].ids, f"{title}: {address}"


def test_every_picture_has_a_text(pages):
    for title, page in pages.items():
        for alt in page.pictures:
            assert alt is not None and not re.search(r"\.(png|gif|svg)$|^_images|^\.\.", alt), (
                f"{title}: {alt!r}"
            )


def test_each_chapter_page_has_minutes_exercises_and_a_download(pages):
    for path in CHAPTERS:
        text = pages[f"notebooks/{path.stem}.html"].text
        assert re.search(r"About \d\d+ minutes", text)
        assert f"../exercises/{path.stem}.html" in text
        assert re.search(rf"_downloads/\w+/{path.stem}\.ipynb", text)


def test_each_exercise_page_has_hints_and_solutions_folded(pages):
    for path in LEARNER:
        text = pages[f"exercises/{path.stem}.html"].text
        folded = re.findall(r"<details.*?</details>", text, re.S)
        assert sum("Hint 1: nudge" in block for block in folded) == text.count("Hint 1: nudge") > 0
        assert sum("Solution:" in block for block in folded) == text.count("Hint 1: nudge")
        assert "SOLUTION" not in text


def test_chapter_numbers_have_no_gap(pages):
    shown = re.findall(
        r'class="reference internal" href="[^"]*notebooks/\d\d[^>]*>\s*(\d+)\. ',
        pages["book/index.html"].text,
    )
    assert [int(n) for n in dict.fromkeys(shown)] == list(range(1, len(CHAPTERS) + 1))


def test_the_launch_buttons_are_set_from_the_configuration(tmp_path):
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf8"))
    config["launch_buttons"]["jupyterhub_url"] = "https://hub.example.edu"  # a class sets its own
    config["repository"]["url"] = "https://github.com/somebody/fork"
    config["sphinx"]["local_extensions"] = {"course": str(ROOT / "book" / "_ext")}
    (tmp_path / "config.yml").write_text(yaml.safe_dump(config), encoding="utf8")
    site = build_book(tmp_path, "--config", str(tmp_path / "config.yml"))
    text = (site / "notebooks" / "01_least_squares.html").read_text(encoding="utf8")
    notebook = "notebooks/01_least_squares.ipynb"
    assert f"https://mybinder.org/v2/gh/somebody/fork/main?urlpath=lab/tree/{notebook}" in text
    assert f"https://colab.research.google.com/github/somebody/fork/blob/main/{notebook}" in text
    assert (
        "https://hub.example.edu/hub/user-redirect/git-pull?repo=https%3A//github.com/somebody/fork" in text
    )


def test_mathematics_fonts_and_scripts_are_pruned(book):
    files = [path for path in (book / "_static" / "mathjax").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 2_000_000
    assert any(path.name == "tex-chtml.js" for path in files)


def test_the_status_page_times_every_notebook_and_none_takes_longer_than_its_part_may():
    with open(ROOT / "book" / "status.csv", encoding="utf8") as file:
        rows = {row["notebook"]: row for row in csv.DictReader(file)}
    assert list(rows) == [name(path) for path in CHAPTERS + SOLUTIONS]
    for row in rows.values():
        limit = 300 if re.search(r"/(1[7-9]|2\d)_", row["notebook"]) else 60  # language models, PyTorch
        assert 0 < float(row["seconds"]) <= limit, row["notebook"]


# The map of the source articles.

SOURCES = yaml.safe_load((ROOT / "book" / "sources.yml").read_text(encoding="utf8"))
OWNED = {  # rows that the first chapters own, as ranges
    "C": [
        (6, 6),
        (21, 68),
        (190, 197),
        (101, 111),
        (114, 119),
        (122, 122),
        (141, 141),
        (150, 150),
        (158, 182),
        (186, 187),
        (188, 189),
        (211, 211),
        (217, 219),
        (228, 232),
        (241, 241),
        (244, 247),
        (267, 273),
        (277, 278),
        (281, 283),
        (287, 293),
    ],
    "E": [
        (1, 22),
        (24, 36),
        (43, 44),
        (53, 53),
        (56, 68),
        (78, 80),
        (82, 84),
        (86, 104),
        (109, 114),
        (151, 151),
    ],
}


def test_every_row_of_the_sources_has_a_line():
    want = [f"C{n:03}" for n in range(1, 294)] + [f"E{n:03}" for n in range(1, 155)]
    assert list(SOURCES) == want


def test_every_row_that_a_written_chapter_owns_is_mapped():
    for letter, ranges in OWNED.items():
        for first, last in ranges:
            for n in range(first, last + 1):
                if (letter, n) != ("C", 53):  # cross-entropy: classification
                    assert "at" in SOURCES[f"{letter}{n:03}"], f"{letter}{n:03}"


def test_a_row_has_a_place_or_the_chapter_it_waits_for():
    for key, row in SOURCES.items():
        assert row["status"] == ("shown" if "at" in row else "planned"), key
        assert ("at" in row) != ("chapter" in row), key
        assert "at" not in row or key[0] == "C" or {"wrong", "right"} <= set(row), key


def test_the_anchor_of_each_mapped_row_exists_in_the_built_book(pages):
    for key, row in SOURCES.items():
        if "at" in row:
            page, _, anchor = row["at"].partition("#")
            assert anchor in pages[f"{page}.html"].ids, f"{key}: {row['at']}"
