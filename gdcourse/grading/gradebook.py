"""Grades as CSV text: a table for the instructor, and what Moodle and Canvas import.

Each begins with a byte order mark: Excel needs it to read UTF-8, Moodle and Canvas skip it. A text that a
spreadsheet would take for a formula gets an apostrophe in front; our own numbers stay numbers. A grader fault
leaves the grade empty.
"""

import csv
import hashlib
import html
import io
import re
from unicodedata import category, normalize

JOINERS = "\u200c\u200d"  # without them some names in Persian and Hindi are misspelt
FORMULA = tuple("=+-@＝＋－＠")
RAISED = re.compile(r"it raised |its cell raised |\w+ at line \d+: ")
FRONT = re.compile(r"([^\W\d]+ at line \d{1,4}: )?")  # what the plugin says of a cell that is no Python
ADVICE = "print the shapes on both sides of @|only what the course installs is there"
PLACE = re.compile(rf"( at line \d+ \(`[^`]*`\))?(; ({ADVICE}))?\.?$")  # of "it raised"
DIGITS = re.compile(r"[-+]?\.?\d([\d.e+-]*\d)?", re.I)
LONG = re.compile(r"-?(\d+\.\d{2,}(e[-+]?\d+)?|\d+(\.\d)?e[-+]?\d+|\d{4,}(\.\d)?)")
VALUE = re.compile(r"(?<![\w`])\[[^\]]*\]|(?<!\w)'[^']*'|\"[^\"]*\"")  # of an array or a text
FAULT = "Not graded yet: the grading failed on our side. It will be done again, and costs you no points."


def one_line(text, most=500):
    """``text`` as one line of visible characters, at most ``most`` of them; None for no limit.

    Control characters, lone surrogates and marks that turn the direction of writing are dropped.

    >>> one_line(" Ada\\r\\n\\x1b[31m \\u202eLovelace")
    'Ada [31m Lovelace'
    """
    words = " ".join(str(text).split())
    kept = (c for c in words if category(c) not in ("Cc", "Cf", "Cs") or c in JOINERS)
    return "".join(kept).lstrip(JOINERS + " ")[:most]


def covered(text, public=()):
    """``text`` of a check as its learner may see it: without the numbers that belong to the hidden inputs.

    Arrays and texts in it lose all their numbers, the rest of it the long ones, but for those in ``public``.
    An error's message may hold any: it loses all its digits, but not the place in the learner's code.

    >>> covered("double of 2.513: got 7.539, wanted 5.026.")
    'double of …: not the right value.'
    >>> covered("at w = [3, -2] you divide by 0.731: add 1e-300.", {"1e-300"})
    'at w = […, …] you divide by …: add 1e-300.'
    """
    text = one_line(text)
    if RAISED.match(text):
        return covered_error(text)
    text = re.sub(r": got .*, wanted .*", ": not the right value.", text)
    text = VALUE.sub(lambda value: DIGITS.sub("…", value[0]), text)
    return LONG.sub(lambda number: number[0] if number[0].lstrip("-") in public else "…", text)


def public_numbers(source):
    """The numbers that stand in ``source``, as texts without their signs.

    >>> sorted(public_numbers("use 1e-300, not -0.25"))
    ['0.25', '1e-300']
    """
    return {number[0].lstrip("-") for number in LONG.finditer(source)}


def covered_error(text):
    """An error's ``text``, its message without digits and cut at 100 characters.

    >>> covered_error("it raised ValueError: [7 12] at line 3 (`a[7]`).")
    'it raised ValueError: [… …] at line 3 (`a[7]`).'
    """
    front = FRONT.match(text)[0]
    place = PLACE.search(text)[0] if text.startswith("it raised ") else ""
    said = DIGITS.sub("…", text.removeprefix(front).removesuffix(place))
    kind, colon, message = said.partition(":")
    return front + kind[:100] + colon + message[:101] + place


def cell(value):
    """``value`` as a cell: a number as it is, None empty, a text that no spreadsheet computes.

    >>> [cell(-2.5), cell(None), cell(" =1+1")]
    [-2.5, '', "'=1+1"]
    """
    if value is None or isinstance(value, (int, float)):
        return "" if value is None else value
    text = one_line(value, most=None)
    return "'" + text if text.startswith(FORMULA) else text


def as_csv(head, rows):
    """CSV text of the rows ``head``, which are ours, and of ``rows``, whose texts may be a learner's."""
    file = io.StringIO()
    csv.writer(file).writerows(head + [[cell(value) for value in row] for row in rows])
    return "\ufeff" + file.getvalue()


def earned(result, name):
    """The points of one exercise; None where there are none to tell."""
    if result["verdict"] == "grader fault" or name not in result["exercises"]:
        return None
    return result["exercises"][name]["points"]


def safe_name(learner):
    """A file name for a learner, different for each, of a-z, 0-9 and hyphens.

    Its last ten digits tell two learners apart whose names look alike. They are no secret: who knows the
    identifier can work them out, so publish a page to its learner only, never the folder.

    >>> safe_name("../Ada Lovelace")
    'ada-lovelace-504198ca2b'
    """
    plain = normalize("NFKD", learner).encode("ascii", errors="ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain)[:40].strip("-") or "learner"
    return f"{slug}-{hashlib.sha256(learner.encode('utf8', errors='surrogatepass')).hexdigest()[:10]}"


def grades(run, entries):
    """The whole table: a row a submission, a column an exercise."""
    head = ["learner", "name", "file", "verdict", "reason", *run["points"], "points", "of", "notes", "page"]
    rows = []
    for entry in entries:
        result, notes = entry["result"], "; ".join(map(one_line, entry["notes"]))
        marks = [earned(result, name) for name in run["points"]]
        texts = [entry["learner"], entry["name"], entry["file"], result["verdict"], result["reason"]]
        page = f"feedback/{safe_name(entry['learner'])}.html"
        rows.append([*map(one_line, texts), *marks, result["points"], result["of"], notes, page])
    return as_csv([head], rows)


def moodle(run, entries):
    """Moodle's grading worksheet, to be uploaded in the assignment: "" when no submission is from Moodle.

    Moodle looks for the columns Identifier, Grade and Last modified (grade), under their English names.
    With the last one empty it replaces no grade that is there, unless told to update modified records.
    """
    head = ["Identifier", "Full name", "Grade", "Maximum Grade", "Last modified (grade)", "Feedback comments"]
    rows = []
    for entry in entries:
        if entry["system"] == "moodle":
            result = entry["result"]
            who = [f"Participant {entry['learner']}", entry["name"]]
            rows.append([*who, result["points"], result["of"], "", comment(run, result)])
    return as_csv([head], rows) if rows else ""


def comment(run, result):
    """What Moodle shows the learner, as HTML: a line for the total, one an exercise."""
    if result["verdict"] == "grader fault":
        return FAULT
    shown = lambda text: covered(text, run["public"])
    lines = [f"{result['points']} of {result['of']} points. {shown(result['reason'])}"]
    for name, outcome in result["exercises"].items():
        if outcome["text"]:
            lines.append(f"{run['titles'].get(name, name)}: {shown(outcome['text'])}")
    return "<br>".join(html.escape(line.strip()) for line in lines)


def canvas(run, entries):
    """A table for Canvas's gradebook import: "" when no submission is from Canvas.

    Canvas finds a learner by ID, and the assignment by the column's title, which must be its name there. A
    learner whom a grader fault left without points has no row: an empty cell would clear an older grade.
    """
    blank = [""] * 4
    head = [["Student", "ID", "SIS User ID", "SIS Login ID", "Section", run["title"]]]
    head.append(["    Points Possible", *blank, sum(run["points"].values())])
    rows = [
        [entry["name"], entry["learner"], *blank[1:], entry["result"]["points"]]
        for entry in entries
        if entry["system"] == "canvas" and entry["result"]["points"] is not None
    ]
    return as_csv(head, rows) if rows else ""
