"""One run of grading: canary, intake, restore, validate in batches on any executor, reports."""

import hashlib
import inspect
import json
import secrets
import time
from concurrent.futures import as_completed
from datetime import date
from math import ceil
from pathlib import Path

from tqdm import tqdm

from gdcourse.grading import gradebook, intake, report, similarity
from gdcourse.grading.assignment import prepare
from gdcourse.grading.judge import GraderFault
from gdcourse.grading.restore import Unreadable, read_answers, restored
from gdcourse.grading.validate import NOT_RUN, limits_of, nothing, validate
from gdcourse.student import checker_of

BATCH = 20  # submissions that share one start of pytest, at most


def grade(
    folder, solution, out, executor, term=None, sandbox="bubblewrap", seconds=None, similar=False, workers=1
):
    """Grade the submissions in ``folder`` against the notebook ``solution``; write results and reports to ``out``.

    ``executor`` is any of concurrent.futures, ``seconds`` the limit for a cell, 20 if nothing else is said. The
    inputs are drawn from the word ``term``, at first a random one. ``similar`` adds the answers that are much
    alike. ``workers`` are as many batches as ``executor`` runs at once. ``out`` notes these options for the next
    run, and what it holds of the same file, questions, seconds and sandbox is not run again. Returns the entries
    that the reports show. Raises GraderFault, before anything is graded, when the solution does not get full
    marks or the untouched notebook gets any; ValueError for a folder without submissions, and when ``out`` holds
    another assignment, term or folder's grades.
    """
    begin, out, there = time.time(), Path(out), noted(out)
    term = term or there.get("term") or secrets.token_hex(4)
    seconds, similar = seconds or there.get("seconds") or 20, similar or there.get("similar", False)
    assignment = prepare(solution, term)
    submissions, ignored = intake.collect(folder, assignment.name)
    if not submissions:
        raise ValueError(f"no notebooks and no zip archives in {folder}")
    options = {"sandbox": sandbox, "seconds": seconds, "similar": similar}
    claim(out, folder, assignment, options | {"solutions": str(Path(solution).resolve().parent)})
    limits = limits_of(restored(assignment, assignment.solutions), seconds)
    ask = lambda notebooks: executor.submit(validate, notebooks, limits, sandbox)
    canary(ask, assignment)
    asked = f"{assignment.key()} {seconds} {sandbox}"
    entries = [entry(submission, assignment, asked) for submission in submissions]
    todo = [e for e in entries if not is_done(out, e)]
    with tqdm(total=len(entries), initial=len(entries) - len(todo), unit="file", disable=None) as bar:
        for e, result in results(ask, todo, assignment, workers):
            save(out, e, result)
            bar.update()
    for e in entries:
        e["result"] = json.loads(place(out, e).read_text(encoding="utf8"))["result"]
    about = {"assignment": assignment.name, "title": assignment.title, "term": term, "sandbox": sandbox}
    about |= {"points": assignment.points, "titles": assignment.titles, "ignored": ignored}
    about |= {"stubs": stubs_of(assignment), "public": public(assignment)}
    if similar:
        about["alike"] = {"hint": similarity.HINT, "rows": alike(entries, assignment)}
    report.write(out, about | {"seconds": time.time() - begin, "date": str(date.today())}, entries)
    return entries


def alike(entries, assignment):
    answers = {e["learner"]: e["answers"] for e in entries}
    return similarity.report(answers, stubs_of(assignment), assignment.solutions)


def stubs_of(assignment):
    """{exercise: the source of its answer cell as it was handed out}."""
    cells = assignment.notebook["cells"]
    return {cell["id"]: cell["source"] for cell in cells if cell["id"] in assignment.points}


def public(assignment):
    """The numbers that a learner may read in the messages of the checks: those of their own text."""
    _, function = next(iter(checker_of(f"{assignment.name}.ipynb").exercises.values()))
    return gradebook.public_numbers(inspect.getsource(inspect.getmodule(function)))


def noted(out):
    """What run.json in ``out`` says of the run that it holds; {} where there is none."""
    path = Path(out, "run.json")
    return json.loads(path.read_text(encoding="utf8")) if path.exists() else {}


def claim(out, folder, assignment, options):
    """Make ``out`` and its run.json; ValueError when it holds another assignment, term or folder's grades."""
    about = {"assignment": assignment.name, "term": assignment.term}
    about |= {"submissions": str(Path(folder).resolve())}
    there = noted(out)
    if there and any(there[name] != value for name, value in about.items()):
        raise ValueError(
            f"{out} holds the grades of {there['assignment']}, term {there['term']}, for the submissions in "
            f"{there['submissions']}: name another folder"
        )
    (out / "results").mkdir(parents=True, exist_ok=True)
    report.write_text(out / "run.json", json.dumps(about | options, indent=1))


def canary(ask, assignment):
    """GraderFault unless the solution gets full marks here and now, and the untouched notebook none."""
    asked = {"solution": restored(assignment, assignment.solutions), "untouched": assignment.notebook}
    found = ask(asked).result()
    for name, wanted in (("solution", sum(assignment.points.values())), ("untouched", 0)):
        if found[name]["verdict"] != "graded" or found[name]["points"] != wanted:
            texts = [f"{k}: {row['text']}" for k, row in found[name]["exercises"].items()]
            raise GraderFault(
                f"nothing is graded, for the {name} notebook should get {wanted} points and got "
                f"{found[name]['points']}, {found[name]['verdict']}. {found[name]['reason']}\n"
                + "\n".join(texts)
            )


def entry(submission, assignment, asked):
    """What the reports say of a submission; "notebook" is what is to be run, None for an unreadable file.

    Its "key" changes with the file and with ``asked``, what all submissions are asked.
    """
    about = {name: getattr(submission, name) for name in ("learner", "name", "file", "system")}
    about |= {"notes": list(submission.notes), "hints": assignment.hints, "answers": {}, "notebook": None}
    content = submission.data
    try:
        if content is None:
            raise Unreadable(submission.problem)
        about["answers"], notes = read_answers(content, assignment)
        about["notes"] += notes
        about["notebook"] = restored(assignment, about["answers"])
    except Unreadable as why:
        about["problem"], content = str(why), content or str(why).encode()
    about["key"] = hashlib.sha256(content + asked.encode()).hexdigest()
    return about


def place(out, entry):
    """The file of the entry's result."""
    return Path(out, "results", f"{report.safe_name(entry['learner'])}.json")


def is_done(out, entry):
    """True when ``out`` holds the result of the same content, and the grader was not at fault."""
    try:
        there = json.loads(place(out, entry).read_text(encoding="utf8"))
        return there["key"] == entry["key"] and there["result"]["verdict"] != "grader fault"
    except (OSError, ValueError, LookupError):
        return False


def results(ask, entries, assignment, workers):
    """(entry, result) of each entry, as they come; when a batch is lost with its worker, the grader is at fault."""
    for e in entries:
        if e["notebook"] is None:
            yield e, filled(nothing("unreadable", e["problem"]), assignment)
    readable = [e for e in entries if e["notebook"]]
    size = min(BATCH, max(1, ceil(len(readable) / workers)))
    batches = [dict(enumerate(readable[k : k + size])) for k in range(0, len(readable), size)]
    jobs = {ask({str(k): e["notebook"] for k, e in batch.items()}): batch for batch in batches}
    for job in as_completed(jobs):
        error = job.exception()
        fault = nothing("grader fault", f"{type(error).__name__}: {error}")
        for k, e in jobs[job].items():
            yield e, filled(fault if error else job.result()[str(k)], assignment)


def filled(result, assignment):
    """``result`` with a row for each exercise."""
    blank = {"mark": "✗", "text": NOT_RUN, "points": 0, "seconds": 0.0}
    rows = {name: result["exercises"].get(name, blank | {"of": of}) for name, of in assignment.points.items()}
    return result | {"exercises": rows, "of": sum(assignment.points.values())}


def save(out, entry, result):
    kept = {name: entry[name] for name in ("learner", "name", "file", "key", "notes")}
    report.write_text(place(out, entry), json.dumps(kept | {"result": result}, indent=1))
