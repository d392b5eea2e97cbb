"""The notebooks in a zip archive, member by member: nothing is unpacked to disk, and no size is believed."""

import io
import re
import zipfile
from typing import NamedTuple

MB = 1_000_000
LARGEST = {".ipynb": 5 * MB, ".zip": 50 * MB}  # bytes of a notebook, and of an archive in an archive
ARCHIVE = 500 * MB  # of an archive, and of all that is read out of it
UNPACK = "unpack the archive, and grade the folder"
CONTENTS = 8 * MB  # of an archive's table of contents
MEMBERS = 20_000


class Overfull(Exception):
    """More is in an archive than is taken out of one."""


class Search(NamedTuple):
    """What is looked for, and what is found beside it."""

    assignment: str  # "03_gradient_descent", or "" for any
    ignored: list  # paths of files that are no notebooks


class File(NamedTuple):
    """A notebook, or a file that should be one."""

    trail: tuple  # the folders and archives that lead to it, outermost first, and its name
    changed: tuple  # (year, month, day, hour, minute, second)
    data: bytes | None
    problem: str = ""
    whose: str = ""  # in an archive of several learners, the name that stands for one of them there


def stem(name):
    return re.sub(r"\.(ipynb(\.txt|\.json)?|zip)\Z", "", name, flags=re.I)


def kind(name):
    """What a file's name says it is: ".ipynb" (a browser may append ".txt" or ".json"), ".zip", or "" for else."""
    found = re.search(r"(\.ipynb)(\.txt|\.json)?\Z|(\.zip)\Z", name, re.I)
    return (found[1] or found[3]).lower() if found else ""


def is_hidden(name):
    return name.startswith(".") or name == "__MACOSX"


def shown(name):
    """``name`` with each character that does not print as an escape, and so with no lone surrogate."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name)


def shown_path(trail):
    return re.sub(r"(\.zip)/", r"\1::", "/".join(trail), flags=re.I)


def read(stream, largest, left):
    """All bytes of ``stream``; ValueError beyond ``largest`` of them, Overfull beyond the ``left[0]`` of all."""
    data = bytearray()
    while chunk := stream.read(MB):
        data += chunk
        left[0] -= len(chunk)
        if len(data) > largest:
            raise ValueError(f"larger than {largest // MB} MB")
        if left[0] < 0:
            raise Overfull(f"it holds more than {ARCHIVE // MB} MB")
    return bytes(data)


class Careful:
    """A file for ZipFile, which reads a table of contents at once, however large it claims to be."""

    def __init__(self, file):
        self.file = file

    def __getattr__(self, name):
        return getattr(self.file, name)

    def read(self, size=-1):
        if size > CONTENTS:
            raise ValueError(f"a table of contents of more than {CONTENTS // MB} MB")
        return self.file.read(size)


def members(file, trail, changed, search, left):
    """Each File in the zip archive ``file``, and in archives in it unless ``trail`` leads through one already."""
    try:
        archive = zipfile.ZipFile(Careful(file))
        if len(archive.infolist()) > MEMBERS:
            raise ValueError(f"more than {MEMBERS:,} members: {UNPACK}")
    except Exception as error:  # a damaged archive makes zipfile raise all kinds
        yield File(trail, changed, None, f"the archive could not be read: {shown(str(error))[:200]}")
        return
    there = list(notebooks(archive, trail, search))
    if not there:
        yield File(trail, changed, None, "the archive holds no notebook")
    for (member, parts), whose in zip(there, learners([parts for _, parts in there], search.assignment)):
        here = (*trail, *parts)
        try:
            data = unpacked(archive, member, left)
        except Exception as error:
            if isinstance(error, Overfull) and whose and len(trail) == 1:  # an archive of the class
                raise Overfull(f"{shown_path(trail)}: {error}: {UNPACK}") from None
            why = f"the member could not be read: {shown(str(error))[:200]}"
            yield File(here, member.date_time, None, why, whose)
            continue
        if kind(parts[-1]) == ".zip":
            for found in members(io.BytesIO(data), here, member.date_time, search, [LARGEST[".zip"]]):
                yield found._replace(whose=whose)
        else:
            yield File(here, member.date_time, data, "", whose)


def notebooks(archive, trail, search):
    """(member, its path as a list) of each notebook in ``archive``, and of each archive in one that is in none."""
    wanted = (".ipynb",) if any(kind(part) == ".zip" for part in trail[:-1]) else (".ipynb", ".zip")
    for member in archive.infolist():
        path = member.filename.replace("\\", "/")
        parts = [shown(part) for part in path.split("/") if part not in ("", ".")]
        odd = path.startswith("/") or ".." in parts or re.match("[A-Za-z]:", path) or len(path) > 500
        if odd:
            search.ignored.append(f"{shown_path((*trail, shown(path[:500])))}: refused for its odd path")
        elif member.is_dir() or any(is_hidden(part) for part in parts):
            continue
        elif parts and kind(parts[-1]) in wanted:
            yield member, parts
        else:
            search.ignored.append(shown_path((*trail, *parts)))


def learners(paths, assignment):
    """For each path in an archive the name that stands for its learner, "" for all when it holds one learner.

    >>> learners([["class", "ada", "x.ipynb"], ["class", "bob.ipynb"]], "03_gradient_descent")
    ['ada', 'bob']
    >>> learners([["03_gradient_descent.ipynb"], ["notes.ipynb"]], "03_gradient_descent")
    ['', '']
    """
    while len({path[0] for path in paths}) == 1 and all(len(path) > 1 for path in paths):
        paths = [path[1:] for path in paths]
    firsts = [stem(path[0]) for path in paths]
    one = len(set(firsts)) == 1 or (assignment in firsts and all(len(path) == 1 for path in paths))
    return [""] * len(paths) if one else firsts


def unpacked(archive, member, left):
    """The bytes of ``member``; ValueError for one that is too large, or packed in an unusual way."""
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError("it is packed in an unusual way: use plain zip")
    if member.flag_bits & 1:
        raise ValueError("it is locked by a password: send it without one")
    with archive.open(member) as stream:
        return read(stream, LARGEST[kind(member.filename)], left)
