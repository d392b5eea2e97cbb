"""Restore: a learner's answers, and nothing else of the file, in the assignment's own notebook."""

import copy
import json
import re

from gdcourse.grading.helpers import helpers_left_out

LARGEST = 100_000  # bytes of an answer
CELLS = 5_000


class Unreadable(Exception):
    """The file is no notebook; the text says why, in one line."""


def restored(assignment, answers):
    """The graded notebook with the ``answers`` {exercise: source} in it; of the rest nothing is the learner's."""
    notebook = copy.deepcopy(assignment.notebook)
    for cell in notebook["cells"]:
        if cell.get("id") in assignment.points:
            cell["source"] = answers.get(cell["id"], cell["source"])
    return notebook


def read_answers(data, assignment):
    """({exercise: source}, notes) of a learner's file, read with patience; nothing of it is run.

    An answer is the last cell with the exercise's grade_id, else the last with its id, of several the last that
    defines the function; where there is none, or only the stub, the last cell elsewhere that does. Raises Unreadable, and nothing else,
    also when the file has no answer cell at all.
    """
    text, notes = decoded(data)
    book = parsed(text)
    if book.get("nbformat") != 4:
        notes.append(f"notebook format {str(book.get('nbformat'))[:10]}, read as if it were 4")
    cells, answers = cells_of(book), {}
    found, moved = found_cells(cells, assignment)
    if not found:
        raise Unreadable(
            f"it holds none of the answer cells of {assignment.name}: is it another assignment's notebook?"
            + other_title(cells, assignment.title)
        )
    if moved:
        notes.append(f"found by the function's name, for the cell has lost its id: {', '.join(moved)}")
    for name in assignment.points:
        source, about = accepted(found.get(name, []), name)
        notes += [f"{name}: {note}" for note in about]
        if source is not None:
            answers[name] = source
    taken = {id(cell) for copies in found.values() for cell in copies}
    others = [source_of(cell) or "" for cell in cells if id(cell) not in taken and is_code(cell)]
    given = [cell["source"] for cell in assignment.notebook["cells"]]
    return answers, (*notes, *helpers_left_out(answers, others, given))


def decoded(data):
    """(text, notes) of the bytes of a file: UTF-8, UTF-16 or UTF-32, with or without a mark, else Latin-1."""
    encoding = json.detect_encoding(data)
    try:
        text = data.decode(encoding)
        return text, [] if encoding.startswith("utf-8") else [f"the file is {encoding}, not UTF-8"]
    except UnicodeDecodeError:
        return data.decode("latin-1"), ["the file is not UTF-8; it was read as Latin-1"]


def parsed(text):
    """The JSON object in ``text``; its numbers are cut to what a notebook's format can be."""
    if not text.strip(" \t\r\n\0"):
        raise Unreadable("the file is empty: was it cut off while it was saved or sent?")
    if text.lstrip().startswith("<"):
        raise Unreadable("this is a web page or XML, not a notebook: download the .ipynb file itself")
    try:
        book = json.loads(
            text, strict=False, parse_int=lambda digits: int(digits[:4]), parse_float=lambda digits: 0.0
        )
    except RecursionError:
        raise Unreadable("the file is damaged: brackets within brackets without end") from None
    except ValueError as error:
        where = f", at line {error.lineno}, column {error.colno}" if hasattr(error, "lineno") else ""
        raise Unreadable(f"the file is damaged: it is no valid JSON{where}") from None
    if not isinstance(book, dict):
        raise Unreadable("the file is not a notebook: it is JSON of another kind")
    return book


def cells_of(book):
    """The cells of a notebook of any format: dicts, those of format 3 in their worksheets."""
    sheets = book["worksheets"] if isinstance(book.get("worksheets"), list) else []
    lists = [sheet.get("cells") for sheet in [book, *sheets] if isinstance(sheet, dict)]
    cells = [cell for cells in lists if isinstance(cells, list) for cell in cells if isinstance(cell, dict)]
    if not cells:
        raise Unreadable("the file is not a notebook: it has no cells")
    if len(cells) > CELLS:
        raise Unreadable(f"the notebook has more than {CELLS:,} cells")
    return cells


def found_cells(cells, assignment):
    """({exercise: [its cells]}, [exercises found by their functions' names])."""
    stubs = {cell.get("id"): cell["source"].strip() for cell in assignment.notebook["cells"]}
    found, moved = by_id(cells, assignment.points), []
    for name, copies in by_definition(cells, assignment.points).items():
        if all((source_of(cell) or "").strip() == stubs[name] for cell in found.get(name, [])):
            copies = [cell for cell in copies if source_of(cell).strip() != stubs[name]]
            if copies:
                found[name] = copies
                moved.append(name)
    return found, moved


def other_title(cells, own):
    """A sentence with the notebook's title, "" when it has none, a long one or its ``own``."""
    title = re.match(r"# (.{1,80})$", source_of(cells[0]) or "", re.M)
    return f' Its title is "{title[1]}".' if title and title[1] != own else ""


def by_id(cells, names):
    """{exercise: [its cells]} by grade_id, or by cell id where no cell has the grade_id."""
    found = {}
    for look in (cell_id, grade_id):
        marked = {}
        for cell in cells:
            mark = look(cell)
            if isinstance(mark, str) and mark in names:
                marked.setdefault(mark, []).append(cell)
        found |= marked
    return found


def cell_id(cell):
    return cell.get("id")


def grade_id(cell):
    metadata = cell.get("metadata")
    mark = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    return mark.get("grade_id") if isinstance(mark, dict) else None


def by_definition(cells, names):
    """{exercise: [cells]} of the code cells that define the exercises' functions."""
    found = {}
    for cell in cells:
        if is_code(cell):
            for name in re.findall(r"^(?:async +)?def +(\w+)\s*\(", source_of(cell) or "", re.M):
                if name in names:
                    found.setdefault(name, []).append(cell)
    return found


def is_code(cell):
    return cell.get("cell_type", "code") == "code"


def source_of(cell):
    """The cell's text, "input" in format 3; None when it is not text."""
    source = cell.get("source", cell.get("input"))
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    return source if isinstance(source, str) else None


def accepted(copies, name):
    """(source, notes) of the cell that counts of those of one answer; None for a source that is not taken."""
    if not copies:
        return None, ["its cell is missing"]
    cell, notes = by_definition(copies, [name]).get(name, copies)[-1], []
    if len(copies) > 1:
        notes.append(f"{len(copies)} copies of its cell, the last one that defines {name} is graded")
    source = source_of(cell)
    if source is None:
        return None, [*notes, "its cell holds no text"]
    if len(source.encode("utf-8", "replace")) > LARGEST:
        return None, [*notes, f"its cell is larger than {LARGEST // 1000} kB, and was not taken"]
    if not is_code(cell):
        notes.append("its cell was turned into text; it is graded as code")
    clean = source.encode("utf-8", "replace").decode("utf-8")
    if clean != source:
        notes.append("characters that are not Unicode were replaced by ?")
    return clean, notes
