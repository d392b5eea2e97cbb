"""Intake: the notebooks in a folder of submissions, and whose they are; nothing of it is run or unpacked to disk."""

import os
import re
import stat
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from gdcourse.grading.archive import (
    ARCHIVE,
    LARGEST,
    MB,
    UNPACK,
    File,
    Search,
    is_hidden,
    kind,
    members,
    read,
    shown,
    shown_path,
    stem,
)

FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

MOODLE = re.compile(r"(?P<name>.*?)(?:_(?P<id>\d+))?_assignsubmission_(?P<kind>[a-z]+)(?:_(?P<rest>.*))?")
CANVAS = re.compile(
    r"(?:(?P<name>[^\W\d]\w*?)_(?P<late>LATE_)?(?P<id>\d+)|(?P<late2>LATE_)?(?P<anon>anon_[^\W_]+))"
    r"_(?P<upload>\d+)_(?P<rest>.+)"
)


class Submission(NamedTuple):
    """One learner's file for the assignment."""

    learner: str  # no two submissions have the same
    name: str  # as shown
    file: str  # path below the folder, "archive.zip::member" for a member
    data: bytes | None  # None when it could not be read
    problem: str  # "", or in one line why it could not be read
    notes: tuple  # oddities
    system: str  # "moodle", "canvas" or ""


def collect(folder, assignment=""):
    """([Submission] sorted by learner, [what was left out]) of the notebooks in ``folder``.

    They lie in the folder, in a folder for each learner (and one for the assignment in it), or in zip
    archives. Of several files of one learner those named after ``assignment`` come first, then the
    latest. Raises FileNotFoundError or NotADirectoryError when there is no such folder, and Overfull for a
    class's archive that is too large.
    """
    search, best, names = Search(assignment, []), {}, {}
    for file in files(Path(folder), (), search):
        if (found := owned(file, assignment)) is None:
            search.ignored.append(shown_path(file.trail))
            continue
        rank, submission = found
        person = submission.system, submission.learner, submission.name
        names.setdefault(person, []).append(submission.file)
        if person not in best or rank >= best[person][0]:
            best[person] = found
    return distinct([counted(best[person][1], names[person]) for person in best]), search.ignored


def counted(submission, names):
    """``submission`` with a note of the other files of its learner."""
    others = [name for name in names if name != submission.file]
    if not others:
        return submission
    more = ", ..." if len(others) > 3 else ""
    note = f"{len(names)} files: graded is {submission.file}, not {', '.join(others[:3])}{more}"
    return submission._replace(notes=(*submission.notes, note))


def distinct(submissions):
    """``submissions`` sorted by learner; people who share a number are told apart by their names."""
    shared = Counter((s.system, s.learner) for s in submissions)
    out = {}
    for s in sorted(submissions, key=lambda s: (s.system != "moodle", s.system != "canvas", s)):
        learner = s.learner if shared[s.system, s.learner] == 1 else f"{s.name}_{s.learner}"
        while learner in out:
            learner += "_"
        out[learner] = s._replace(learner=learner)
    return sorted(out.values(), key=lambda s: s.learner)


def owned(file, assignment):
    """(rank, Submission) of a file, the highest rank of a learner counts; None for a text typed into Moodle."""
    system, learner, name, notes, upload, own = owner(file)
    if system is None:
        return None
    where, own = shown_path(file.trail), stem(own).lower()
    ours = bool(assignment) and own.startswith(assignment.lower())
    again = re.fullmatch(r"-([1-9])", own[len(assignment) :]) if ours and system == "canvas" else None
    attempt = int(again[1]) + 1 if again else 1
    notes += (f"attempt {attempt}",) * (attempt > 1)
    rank = ours, upload, attempt, file.changed, where
    return rank, Submission(learner, name, where, file.data, file.problem, notes, system)


def owner(file):
    """(system, learner, name, notes, Canvas's upload number, the file's own name), by the names on its trail."""
    trail, own = file.trail, file.trail[-1]
    for part in reversed(trail):
        if m := MOODLE.fullmatch(part):
            system = "moodle" if m["kind"] == "file" else None
            return system, m["id"] or m["name"], m["name"], (), 0, m["rest"] or own
    for part in reversed(trail[1:] if file.whose else trail):
        if kind(part) and (m := CANVAS.fullmatch(part)):
            learner, notes = m["id"] or m["anon"], ("late",) * bool(m["late"] or m["late2"])
            return "canvas", learner, m["name"] or learner, notes, int(m["upload"]), m["rest"]
    first = stem(trail[0])
    if file.whose and kind(trail[0]) == ".zip":
        return "", f"{first}/{file.whose}", file.whose, (), 0, own
    return "", first, first, (), 0, own


def files(folder, trail, search):
    """Each File in ``folder`` and in its folders, two deep; other files are appended to ``search.ignored``."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except PermissionError:
        search.ignored.append(f"{shown_path(trail)}: you may not look into this folder")
        return
    for entry in entries:
        here = (*trail, shown(entry.name))
        if is_hidden(entry.name):
            continue
        if entry.is_dir(follow_symlinks=False):
            if len(here) <= 2:
                yield from files(entry.path, here, search)
            else:
                search.ignored.append(f"{shown_path(here)}: deeper than two folders")
        elif kind(entry.name):
            yield from opened(entry.path, here, search)
        else:
            search.ignored.append(shown_path(here))


def opened(path, trail, search):
    """The File at ``path``, or those in the archive there; a link, pipe, device or large file gets a problem."""
    largest = ARCHIVE if kind(path) == ".zip" else LARGEST[".ipynb"]
    changed = ()
    try:
        with open(path, "rb", opener=lambda path, _: os.open(path, FLAGS)) as file:
            about = os.fstat(file.fileno())
            changed = time.localtime(min(max(about.st_mtime, 0), 2**32))[:6]
            if not stat.S_ISREG(about.st_mode):
                raise ValueError("a pipe or a device, not a file")
            if about.st_size > largest:
                hint = f": {UNPACK}" if largest == ARCHIVE else ""
                raise ValueError(f"larger than {largest // MB} MB{hint}")
            if kind(path) == ".zip":
                yield from members(file, trail, changed, search, [ARCHIVE])
            else:
                yield File(trail, changed, read(file, largest, [largest]))
    except (OSError, ValueError) as error:
        link = "a link, which is not followed" if os.path.islink(path) else ""
        why = link or getattr(error, "strerror", None) or str(error)
        yield File(trail, changed, None, f"the file could not be read: {why}")
