"""The reports of a run: the grades as tables, a page about the class, a page of feedback for each learner.

Nothing that a learner wrote is markup in a page: Jinja2 escapes it all, and the pages' own policy lets no
script, picture or request through. The pages need no network and no JavaScript.
"""

import functools
import os
import re
from collections import Counter
from math import ceil
from pathlib import Path
from statistics import median
from unicodedata import category

import mistune
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from latex2mathml.converter import convert
from markupsafe import Markup, escape

from gdcourse.grading import gradebook
from gdcourse.grading.gradebook import covered, one_line, safe_name

RAN = ("graded", "timeout", "crashed")  # verdicts on the answers
VERDICTS = ("grader fault", "unreadable", "crashed", "timeout", "graded")  # what needs a look comes first
WORDS = {"✓": "right", "✗": "wrong", "○": "not done"}
MOST = 5  # mistakes shown of an exercise
PAGE = re.compile(r"[a-z0-9-]+-[0-9a-f]{10}\.html")  # what safe_name makes
LINE = re.compile(r" at line \d+ \(`.*`\)")
NUMBERS = re.compile(  # an array of numbers, or one
    r"\[(?:[][\s\d.,+-]|e[-+]|nan|inf)+\]|(?<![\w.])[-+]?(?:\d+(?:[.,]\d+)*(?:e[-+]?\d+)?|nan|inf)\b"
)


def write(out, run, entries):
    """Write grades.csv, index.html, feedback/*.html, and moodle.csv and canvas.csv where they have a row.

    ``run`` holds "assignment", "title", "term", "points" {exercise: points}, "titles" {exercise: heading},
    "stubs" {exercise: source}, "public" {number that a message may show}, "sandbox", "seconds", "date", and perhaps "ignored" [file that is no submission] and "alike" {"hint",
    "rows" of :func:`gdcourse.grading.similarity.report`}. An entry holds
    "learner", "name", "file", "system", "notes", "answers" {exercise: source}, "hints" {exercise: [Markdown]}
    and "result". Pages and tables of an earlier run that are of no use any more are removed.
    """
    feedback = Path(out, "feedback")
    feedback.mkdir(parents=True, exist_ok=True)
    pages = {f"{safe_name(entry['learner'])}.html": entry for entry in entries}
    if len(pages) < len(entries):
        twice = [k for k, n in Counter(entry["learner"] for entry in entries).items() if n > 1]
        raise ValueError(f"more than one submission of {', '.join(twice)}: leave all but one out")
    for name, entry in pages.items():
        write_text(feedback / name, page("feedback.html", run=run, entry=entry, result=entry["result"]))
    for old in feedback.glob("*.html"):
        if old.name not in pages and PAGE.fullmatch(old.name):
            old.unlink()
    for table in (gradebook.grades, gradebook.moodle, gradebook.canvas):
        path, text = Path(out, f"{table.__name__}.csv"), table(run, entries)
        if text:
            write_text(path, text)
        else:
            path.unlink(missing_ok=True)
    write_text(Path(out, "index.html"), page("index.html", run=run, **overview(run, entries)))


def write_text(path, text):
    """Write ``text`` as UTF-8, all of it or nothing: under another name first, then in one move."""
    draft = Path(path).with_name(Path(path).name + ".part")
    draft.write_bytes(text.encode("utf8", errors="replace"))
    os.replace(draft, path)


def overview(run, entries):
    """What the class page shows beside the run itself."""
    ran = [entry["result"] for entry in entries if entry["result"]["verdict"] in RAN]
    seconds = [result["seconds"] for result in ran]
    rank = lambda entry: (VERDICTS.index(entry["result"]["verdict"]), one_line(entry["name"]).casefold())
    return {
        "entries": sorted(entries, key=rank),
        "verdicts": Counter(entry["result"]["verdict"] for entry in entries),
        "ran": len(ran),
        "middle": median([result["points"] for result in ran]) if ran else None,
        "distribution": distribution([result["points"] for result in ran], sum(run["points"].values())),
        "exercises": [exercise(name, run, ran) for name in run["points"]],
        "seconds": {"middle": median(seconds), "most": max(seconds)} if ran else None,
        "files": ["grades.csv"] + [f"{s}.csv" for s in ("moodle", "canvas") if any_of(s, entries)],
    }


def any_of(system, entries):
    return any(entry["system"] == system for entry in entries)


def distribution(points, total):
    """[(label, how many, share of the largest in percent)] of at most 21 groups from 0 to ``total`` points.

    >>> distribution([0, 2, 2.5, 3], 3)
    [('0', 1, 50), ('1', 0, 0), ('2', 2, 100), ('3', 1, 50)]
    """
    width = max(1, ceil(total / 20))
    counts = Counter(int(p // width) for p in points)
    most = max(counts.values(), default=1)
    groups = []
    for k in range(int(total // width) + 1):
        low, high = k * width, min((k + 1) * width - 1, total)
        label = f"{low:g}" if low == high else f"{low:g} to {high:g}"
        groups.append((label, counts[k], round(100 * counts[k] / most)))
    return groups


def exercise(name, run, ran):
    """What the class did in one exercise: how many right, wrong and not done, their time, their mistakes."""
    results = [result["exercises"][name] for result in ran if name in result["exercises"]]
    marks = Counter(result["mark"] for result in results)
    return {
        "title": run["titles"].get(name, name),
        "of": run["points"][name],
        "counts": {word: marks[mark] for mark, word in WORDS.items()},
        "shares": {word: 100 * marks[mark] / max(1, len(results)) for mark, word in WORDS.items()},
        "seconds": median([result["seconds"] for result in results]) if results else None,
        "mistakes": mistakes([one_line(result["text"]) for result in results if result["mark"] == "✗"]),
    }


def mistakes(texts):
    """[(message, how many)], the most frequent first; those that differ in numbers only are one, with … there.

    >>> mistakes(["f(2): got 3.2, wanted 4.", "f(2): got -7, wanted 4.", "it raised KeyError: 'w'."])
    [('f(2): got …, wanted 4.', 2), ("it raised KeyError: 'w'.", 1)]
    """
    groups = {}
    for text in texts:
        text = LINE.sub("", text)
        groups.setdefault(tuple(NUMBERS.split(text)), []).append(NUMBERS.findall(text))
    ranked = sorted(groups.items(), key=lambda group: -len(group[1]))
    return [(filled(words, numbers), len(numbers)) for words, numbers in ranked]


def filled(words, numbers):
    """The text of ``words`` with the numbers between them, … where the rows of ``numbers`` differ."""
    between = [column[0] if len(set(column)) == 1 else "…" for column in zip(*numbers)]
    return "".join(word + number for word, number in zip(words, [*between, ""]))


def lines(source):
    """The lines of a learner's code; � stands for what does not show or turns the direction of writing."""
    hidden = ("Cc", "Cf", "Cs")
    plain = source.replace("\r\n", "\n").rstrip("\n")
    return [
        "".join("�" if category(c) in hidden and c != "\t" else c for c in line) for line in plain.split("\n")
    ]


def message(text):
    """One line of text as HTML, what stands between backticks as code."""
    parts = one_line(text).split("`")
    if len(parts) % 2 == 0:  # a backtick without its partner
        return escape("`".join(parts))
    code = Markup("<code>{}</code>")
    return Markup("").join(code.format(part) if k % 2 else part for k, part in enumerate(parts))


def duration(seconds):
    """Seconds as text.

    >>> [duration(s) for s in (0.84, 42, 754, 8000)]
    ['0.8 s', '42 s', '12 min 34 s', '2 h 13 min']
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


class Hints(mistune.HTMLRenderer):
    """Markdown of ours to HTML, formulas to MathML."""

    def inline_math(self, text):
        return convert(text)

    def block_math(self, text):
        return f"<p>{self.inline_math(text)}</p>"


PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
hint = functools.cache(mistune.create_markdown(renderer=Hints(escape=True), plugins=["math"]))
PAGES.filters |= {"one_line": one_line, "lines": lines, "message": message, "duration": duration}
PAGES.filters |= {"covered": covered, "hint": lambda text: Markup(hint(text)), "safe_name": safe_name}
PAGES.globals |= {"WORDS": WORDS, "VERDICTS": VERDICTS, "RAN": RAN, "MOST": MOST, "FAULT": gradebook.FAULT}


def page(template, **values):
    return PAGES.get_template(template).render(values)
