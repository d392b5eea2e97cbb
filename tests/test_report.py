"""The reports of a run: the tables, the class page and the feedback pages of an invented class."""

import csv
import html
import io
import os
import re
from html.parser import HTMLParser

import pytest

pytest.importorskip("jinja2", reason='needs: pip install -c constraints.txt -e ".[grade]"')
pytest.importorskip("mistune", reason='needs: pip install -c constraints.txt -e ".[grade]"')

from gdcourse.grading import gradebook, report
from tests.class_of_forty import POINTS, RIGHT, RUN, STUBS, entries, entry

CLASS = entries()
FAULT, UNREADABLE = CLASS[23], CLASS[20]


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """The reports of the class."""
    folder = tmp_path_factory.mktemp("grades")
    report.write(folder, RUN, CLASS)
    return folder


def feedback(out, of):
    return (out / "feedback" / f"{report.safe_name(of['learner'])}.html").read_text(encoding="utf8")


def table(out, name):
    """The rows of a table as a spreadsheet reads them."""
    return list(csv.reader(io.StringIO((out / name).read_text(encoding="utf-8-sig"), newline="")))


def as_dicts(rows):
    return [dict(zip(rows[0], row)) for row in rows[1:]]


class Tags(HTMLParser):
    """Collects the tags of a page, and their attributes."""

    def __init__(self, text):
        super().__init__()
        self.names, self.attributes = set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)
        self.attributes += attrs


def all_pages(out):
    pages = [out / "index.html", *(out / "feedback").iterdir()]
    assert len(pages) == 1 + len(CLASS)
    return [page.read_text(encoding="utf8") for page in pages]


def test_nothing_that_a_learner_wrote_is_markup(out):
    for text in all_pages(out):
        tags = Tags(text)
        assert not tags.names & {"script", "img", "iframe", "object", "embed", "link", "base", "form", "svg"}
        assert text.count("<style>") == text.count("</main>") == 1
        assert not [name for name, _ in tags.attributes if name.startswith("on")]
        links = [value for name, value in tags.attributes if name in ("href", "src", "action")]
        assert all(re.fullmatch(r"#exercise-\d+|(feedback/)?[a-z0-9-]+\.(html|csv)", link) for link in links)


def test_each_page_forbids_scripts_requests_and_search_engines(out):
    for text in all_pages(out):
        attributes = [value for _, value in Tags(text).attributes]
        assert "default-src 'none'; style-src 'unsafe-inline'" in attributes and "noindex" in attributes


def test_a_page_shows_no_control_character_and_nothing_that_turns_the_direction_of_writing(out):
    for text in all_pages(out):
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", text)


def test_the_code_stands_on_the_page_line_by_line_as_it_was_handed_in(out):
    shown = re.search(r"<pre>(.*?)</pre>", feedback(out, CLASS[0]), re.S)[1]
    assert html.unescape(shown) == "".join(f"<span>{line}</span>" for line in RIGHT.rstrip().split("\n"))


def test_a_feedback_page_shows_nothing_else_of_the_notebook(tmp_path):
    secret = entry(0, "Ada Lovelace") | {"notebook": {"cells": ["hidden 4711"]}, "key": "4711"}
    report.write(tmp_path, RUN, [secret])
    assert "4711" not in feedback(tmp_path, secret)


def test_hints_are_folded_and_stand_below_what_is_not_right_only(out):
    for of in CLASS:
        if of["result"]["verdict"] in report.RAN:
            sections = re.findall(r"<section.*?</section>", feedback(out, of), re.S)
            marks = [outcome["mark"] for outcome in of["result"]["exercises"].values()]
            assert [s.count("<details><summary>Hint") for s in sections] == [3 * (m != "✓") for m in marks]


def test_a_hint_is_set_as_markdown_without_markup_of_its_own():
    assert report.hint("A *plan* in `code`").strip() == "<p>A <em>plan</em> in <code>code</code></p>"
    assert "<b>" not in report.hint("a <b>bold</b> plan")


def test_a_formula_of_a_hint_is_set_as_mathematics():
    assert "<mfrac><mrow><mn>1</mn></mrow><mrow><mi>m</mi></mrow></mfrac>" in report.hint(r"$\frac{1}{m}$")


def test_a_learner_sees_no_number_of_the_hidden_inputs(tmp_path):
    rows = {name: {"mark": "✗", "text": "at x = 0.731: got 4, wanted 6.", "points": 0, "of": of, "seconds": 0.1}
            for name, of in POINTS.items()}  # fmt: skip
    entry = CLASS[0] | {
        "result": CLASS[0]["result"] | {"verdict": "graded", "exercises": rows},
        "system": "moodle",
    }
    report.write(tmp_path, RUN, [entry])
    assert "at x = …: not the right value." in feedback(tmp_path, entry)
    assert RUN["term"] not in feedback(tmp_path, entry)  # whoever knows the word can draw the inputs
    comments = [row["Feedback comments"] for row in as_dicts(table(tmp_path, "moodle.csv"))]
    assert all(
        "0.731" not in text and "wanted" not in text for text in [feedback(tmp_path, entry), *comments]
    )


def test_a_grader_fault_is_no_grade_anywhere(out):
    row = next(row for row in as_dicts(table(out, "grades.csv")) if row["verdict"] == "grader fault")
    assert [row[name] for name in [*POINTS, "points"]] == [""] * (len(POINTS) + 1)
    assert FAULT["learner"] not in [
        row[1] for row in table(out, "canvas.csv")
    ]  # an empty cell would clear a grade
    of_moodle = FAULT | {"system": "moodle"}
    row = next(csv.DictReader(io.StringIO(gradebook.moodle(RUN, [of_moodle]).lstrip("\ufeff"))))
    assert row["Grade"] == "" and row["Feedback comments"].startswith("Not graded yet")
    text = feedback(out, FAULT)
    assert "costs you no points" in text and "0 of" not in text and "✗" not in text


def test_no_cell_of_a_table_is_a_formula(out):
    cells = [
        cell for name in ("grades", "moodle", "canvas") for row in table(out, f"{name}.csv") for cell in row
    ]
    texts = [cell for cell in cells if not re.fullmatch(r"-?\d+(\.\d+)?", cell)]
    assert not [cell for cell in texts if re.match(r"\W*?[=+\-@\t\r]", cell) and cell[0] in " \t\r\n=+-@"]
    assert {"'=1+1", "'@SUM(A1:A9)"} <= set(texts)


@pytest.mark.parametrize(
    "start", ["", " ", "\t", "\r", "\n", "\x00 ", "\u200b", "\ufeff", "\u00a0", "\u200d"]
)
@pytest.mark.parametrize("sign", "=+-@＝＋－＠")
def test_a_text_that_begins_like_a_formula_gets_an_apostrophe(start, sign):
    assert gradebook.cell(f"{start}{sign}1+1") == f"'{sign}1+1"


def test_a_table_has_one_line_a_row_and_opens_in_excel_with_its_accents(out):
    data = (out / "grades.csv").read_bytes()
    assert data.startswith(b"\xef\xbb\xbf") and "Évariste" in data.decode("utf-8-sig")
    assert data.count(b"\n") == 1 + len(CLASS)


def test_the_table_of_grades_has_the_points_of_each_exercise(out):
    row, result = as_dicts(table(out, "grades.csv"))[1], CLASS[1]["result"]
    assert [row[name] for name in POINTS] == [str(result["exercises"][name]["points"]) for name in POINTS]
    assert (row["learner"], row["points"], row["of"]) == (CLASS[1]["learner"], str(result["points"]), "10")


def test_the_table_for_moodle_has_what_its_import_asks_for_and_moodles_learners_only(out):
    rows = as_dicts(table(out, "moodle.csv"))
    assert {"Identifier", "Grade", "Last modified (grade)", "Feedback comments"} <= set(rows[0])
    of_moodle = [of for of in CLASS if of["system"] == "moodle"]
    assert [row["Identifier"] for row in rows] == [f"Participant {of['learner']}" for of in of_moodle]
    assert [row["Grade"] for row in rows] == [str(of["result"]["points"]) for of in of_moodle]


def test_a_comment_for_moodle_holds_no_markup_but_line_breaks(out):
    comments = [row["Feedback comments"] for row in as_dicts(table(out, "moodle.csv"))]
    assert any("&lt;script&gt;" in comment for comment in comments)
    assert all(Tags(comment).names <= {"br"} for comment in comments)


def test_the_table_for_canvas_has_its_head_and_canvas_learners_only(out):
    rows = table(out, "canvas.csv")
    assert rows[0] == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Walk downhill"]
    assert rows[1] == ["    Points Possible", "", "", "", "", "10"]
    assert [row[1] for row in rows[2:]] == [
        of["learner"] for of in CLASS if of["system"] == "canvas" and of is not FAULT
    ]


def test_a_later_run_leaves_no_page_and_no_table_of_those_who_are_gone(tmp_path):
    report.write(tmp_path, RUN, CLASS)
    (tmp_path / "feedback" / "mine.html").write_text("not ours")
    report.write(tmp_path, RUN, [CLASS[0]])
    assert not (tmp_path / "moodle.csv").exists() and not (tmp_path / "canvas.csv").exists()
    there = {path.name for path in (tmp_path / "feedback").iterdir()}
    assert there == {"mine.html", f"{report.safe_name(CLASS[0]['learner'])}.html"}


def test_the_same_grades_give_the_same_files(out, tmp_path):
    report.write(tmp_path, RUN, entries())
    for path in (path for path in out.rglob("*") if path.is_file()):
        assert (tmp_path / path.relative_to(out)).read_bytes() == path.read_bytes()


def test_a_run_that_is_stopped_in_the_middle_of_a_file_leaves_the_old_one(tmp_path, monkeypatch):
    report.write_text(tmp_path / "grades.csv", "old")
    monkeypatch.setattr(os, "replace", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        report.write_text(tmp_path / "grades.csv", "new")
    assert (tmp_path / "grades.csv").read_text() == "old"


def test_two_submissions_of_one_learner_are_refused(tmp_path):
    with pytest.raises(ValueError, match="more than one submission of Ada Lovelace"):
        report.write(tmp_path, RUN, [CLASS[0], CLASS[0]])


def test_each_name_gives_a_plain_file_name_of_its_own():
    names = ["Ada", "ada", "Adá", "../Ada", "a" * 300, "a" * 301, "", "con", "عمر", "\ud800", "\x00"]
    safe = [report.safe_name(name) for name in names]
    assert len(set(safe)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9-]{0,39}-[0-9a-f]{10}", name) for name in safe)


def with_long_messages(**changes):
    """The first entry, with a message of 480 characters, full of markup, in each exercise."""
    texts = {name: f"{name} & {'<' * 440} the end of {name}" for name in POINTS}
    rows = {name: {"mark": "✗", "text": texts[name], "points": 0, "of": 1, "seconds": 0.1} for name in POINTS}
    return CLASS[0] | {"result": CLASS[0]["result"] | {"exercises": rows}} | changes


def test_a_comment_for_moodle_has_every_exercise_and_ends_in_no_entity(tmp_path):
    report.write(tmp_path, RUN, [with_long_messages(system="moodle")])
    ((comment,),) = [[row["Feedback comments"]] for row in as_dicts(table(tmp_path, "moodle.csv"))]
    assert [f"the end of {name}" in comment for name in POINTS] == [True] * len(POINTS)
    assert re.sub(r"&(amp|lt|gt|quot|#x27);", "", comment).count("&") == 0


def test_single_messages_of_a_table_are_cut_not_all_of_them(tmp_path):
    notes = ["a" * 600, "b" * 600, "late"]
    report.write(tmp_path, RUN, [with_long_messages(notes=notes, name="c" * 600, file="d" * 600)])
    (row,) = as_dicts(table(tmp_path, "grades.csv"))
    assert row["notes"] == f"{'a' * 500}; {'b' * 500}; late"
    assert len(row["name"]) == len(row["file"]) == 500


@pytest.mark.parametrize(
    "text, shown",
    [
        ("it raised ValueError: 731 -24 +9.5 1e-05 at line 3 (`a = b[12]`).",
         "it raised ValueError: … … … … at line 3 (`a = b[12]`)."),
        ("it raised ValueError: shapes (7,3) and (4,) at line 2 (`X @ w`); print the shapes on both sides of @.",
         "it raised ValueError: shapes (…,…) and (…,) at line 2 (`X @ w`); print the shapes on both sides of @."),
        ("it raised KeyError: 'w'.", "it raised KeyError: 'w'."),
        ("it raised ModuleNotFoundError: No module named 'a7' at line 2 (`import a7`); only what the course installs is there.",
         "it raised ModuleNotFoundError: No module named 'a…' at line 2 (`import a7`); only what the course installs is there."),
        ("SyntaxError at line 3: '[' does not match '(' on line 2", "SyntaxError at line 3: '[' does not match '(' on line …"),
        ("MyError at line 3: 731 24", "MyError at line 3: … …"),
        ("E731 at line 3: 24", "E… at line …: …"),
        ("it raised MyError731: no.", "it raised MyError…: no."),
        ("it raised ValueError: at line 1 (`731`) at line 3 (`raise`).",
         "it raised ValueError: at line … (`…`) at line 3 (`raise`)."),
        ("its cell raised ValueError: 731 at line 1 (`24`).", "its cell raised ValueError: … at line … (`…`)."),
        (f"it raised ValueError: {'ab' * 300} at line 3 (`x`", f"it raised ValueError: {'ab' * 50}"),
        (f"it raised ValueError: {'ab' * 99} at line 3 (`x`).", f"it raised ValueError: {'ab' * 50} at line 3 (`x`)."),
        ("f(3): wanted 2 numbers, got 4.", "f(3): wanted 2 numbers, got 4."),
        ("b: wanted numbers of shape (), got '1234567 -0.5'.", "b: wanted numbers of shape (), got '… …'."),
        ("theta of whole numbers [ 3, -2]: use `x[0]`.", "theta of whole numbers [ …, …]: use `x[0]`."),
        ("a floor of 1e-8 passes 1e-7: use 1e-300, 12.61 - 12.", "a floor of … passes …: use 1e-300, 12.61 - 12."),
    ],
)  # fmt: skip
def test_an_errors_message_is_shown_without_digits_and_its_place_with_them(text, shown):
    assert gradebook.covered(text, gradebook.public_numbers("use 1e-300\n12.61 - 12")) == shown


def test_the_inputs_that_an_error_tells_are_on_no_page_of_the_learner(tmp_path):
    text = f"it raised ValueError: {' '.join(str(k) for k in range(731, 800))} at line 2 (`raise ValueError(X)`)."
    rows = {name: {"mark": "✗", "text": text, "points": 0, "of": 1, "seconds": 0.1} for name in POINTS}
    of = CLASS[0] | {"result": CLASS[0]["result"] | {"exercises": rows}, "system": "moodle"}
    report.write(tmp_path, RUN, [of])
    for shown in (feedback(tmp_path, of), (tmp_path / "moodle.csv").read_text(encoding="utf8")):
        assert "731" not in shown and "at line 2" in shown


def test_an_answer_that_is_not_in_the_file_is_not_called_untouched(tmp_path):
    rows = {
        name: {"mark": "○", "text": "not done yet.", "points": 0, "of": 1, "seconds": 0.1} for name in POINTS
    }
    answers = {"loss_curve": STUBS["loss_curve"], "largest_rate": RIGHT}
    of = CLASS[0] | {"result": CLASS[0]["result"] | {"exercises": rows}, "answers": answers}
    report.write(tmp_path, RUN, [of])
    assert feedback(tmp_path, of).count("still as it was handed out") == 1
    assert feedback(tmp_path, of).count("It raises <code>NotImplementedError</code>: take that line out") == 1
    assert feedback(tmp_path, of).count("No answer of yours was found") == len(POINTS) - 2


def test_answers_that_are_much_alike_are_listed_with_at_most_twenty_names(tmp_path):
    rows = [
        {
            "learners": tuple(f"l{k:02}" for k in range(22)),
            "text": "the same answer to loss_curve as each other",
        },
        {"learners": ("ada", "eve"), "text": "alike in 2 of 3 answers"},
    ]
    report.write(tmp_path, RUN | {"alike": {"hint": "A hint.", "rows": rows}}, CLASS[:1])
    text = re.sub("</?bdi>", "", (tmp_path / "index.html").read_text(encoding="utf8"))
    assert "l18, l19 and 2 more: the same answer to loss_curve as each other.</li>" in text
    assert "<li>ada, eve: alike in 2 of 3 answers.</li>" in text


def test_on_a_narrow_screen_the_class_page_says_that_its_tables_go_on(out):
    text = (out / "index.html").read_text(encoding="utf8")
    tables = re.findall(
        r'<p class="sideways muted">Scroll the table sideways.*?</p>\s*<div class="wide"', text
    )
    assert len(tables) == text.count('<div class="wide"') == 2
    assert "@media screen and (max-width: 48rem) { .sideways { display: block; } }" in text


def test_long_notes_are_folded_on_the_class_page_and_short_ones_are_not(out):
    cells = re.findall(r'<td class="notes">(.*?)</td>', (out / "index.html").read_text(encoding="utf8"), re.S)
    assert "late; attempt 3 of 3" in cells
    (long,) = [cell for cell in cells if len(cell) > 100]
    assert re.fullmatch(r"<details><summary>.{1,80}…</summary>.*</details>", long)


def learners(out):
    """The names in the class page's last table, in order."""
    last = (out / "index.html").read_text(encoding="utf8").split("<h2>Everyone</h2>")[1]
    return [html.unescape(name) for name in re.findall(r"<bdi>(.*?)</bdi></a></th>", last)]


def test_the_class_page_lists_everyone_and_first_what_needs_a_look(out):
    shown = learners(out)
    assert len(shown) == len(CLASS)
    assert shown[0] == FAULT["name"] and UNREADABLE["name"] in shown[1:3]


def test_the_class_page_counts_verdicts_points_and_marks(out):
    text = (out / "index.html").read_text(encoding="utf8")
    for name, count in (("Submissions", 40), ("Unreadable", 2), ("Grader fault", 1), ("Timeout", 1)):
        assert f"<dt>{name}</dt><dd>{count}</dd>" in text
    groups = re.findall(r'<tr><th scope="row">(\d+)</th><td class="number">(\d+)</td>', text)
    ran = [of["result"] for of in CLASS if of["result"]["verdict"] in report.RAN]
    assert {int(p): int(n) for p, n in groups} == {p: sum(r["points"] == p for r in ran) for p in range(11)}
    right = sum(result["exercises"]["loss_curve"]["mark"] == "✓" for result in ran)
    assert f"{right} ({100 * right / len(ran):.0f} %)" in text


def test_the_class_page_counts_as_mistakes_what_is_wrong_only(out):
    part = (out / "index.html").read_text(encoding="utf8").split("mistakes</h2>")[1].split("<h2>")[0]
    ran = [of["result"]["exercises"] for of in CLASS if of["result"]["verdict"] in report.RAN]
    wrong = sum(outcome["mark"] == "✗" for outcomes in ran for outcome in outcomes.values())
    assert sum(int(count) for count in re.findall(r"<b>(\d+) ×</b>", part)) == wrong
    assert "points." not in part and "not done" not in part


def test_mistakes_that_differ_in_their_numbers_are_one_and_the_most_frequent_is_first():
    texts = ["w: got [1.5, 2.  ], wanted 3.", "it returned None.", "w: got [0., nan, 1e-05], wanted 3."]
    assert report.mistakes(texts) == [("w: got …, wanted 3.", 2), ("it returned None.", 1)]


def test_a_mistake_is_one_wherever_it_was_raised():
    texts = [
        "it raised KeyError: 'w' at line 3 (`d['w']`).",
        "it raised KeyError: 'w' at line 12 (`p['w']`).",
    ]
    assert report.mistakes(texts) == [("it raised KeyError: 'w'.", 2)]


@pytest.mark.parametrize("total", [0, 1, 10, 20, 21, 38, 100])
def test_each_number_of_points_falls_into_one_group(total):
    points = [k / 2 for k in range(2 * total + 1)]
    groups = report.distribution(points, total)
    assert sum(count for _, count, _ in groups) == len(points) and len(groups) <= 21
    assert max(share for *_, share in groups) == 100


def test_a_run_without_a_sandbox_says_so_on_every_page(tmp_path):
    report.write(tmp_path, RUN | {"sandbox": "none"}, CLASS[:2])
    assert "Graded without a sandbox" in (tmp_path / "index.html").read_text(encoding="utf8")
    assert all("without a sandbox" in feedback(tmp_path, of) for of in CLASS[:2])


def test_a_run_in_a_sandbox_carries_no_warning(out):
    assert not [text for text in all_pages(out) if "without a sandbox" in text]


def test_an_unreadable_file_gets_the_reason_and_what_to_do(out):
    text = feedback(out, UNREADABLE)
    assert "Expecting value" in text and "What to do" in text and "<section" not in text


def test_a_class_of_nobody_has_a_page(tmp_path):
    report.write(tmp_path, RUN, [])
    assert "<dt>Submissions</dt><dd>0</dd>" in (tmp_path / "index.html").read_text(encoding="utf8")
