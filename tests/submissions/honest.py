"""Submissions of learners who mean well: right, wrong, oddly packed and broken ones."""

import base64
import os

from tests.bank import ch03 as bank
from tests.course import ROOT, zipped
from tests.submissions.make import (
    NAME,
    SOLUTIONS,
    WORTH,
    cell_of,
    encoded,
    from_bank,
    in_archive,
    in_folder,
    only,
    raw,
    row,
    saved,
    suffixed,
)

# Right answers.

GOOD = SOLUTIONS["loss_curve"]
row("right", "the solutions", saved(SOLUTIONS), right=WORTH)
for k in range(3):
    answers = {name: from_bank("RIGHT", name, k) for name in WORTH}
    row("right", f"right answers of the bank, {k + 1}", saved(answers), right=WORTH)

for name, source in {
    "a warning on stderr": "import warnings\nimport sys\nwarnings.warn('careful')\nprint('oh', file=sys.stderr)\n" + GOOD,
    "prints in the answer": GOOD.replace("    theta,", "    print('start', X.shape)\n    theta,"),
    "prints without a line's end": GOOD.replace("    theta,", "    print('.', end='')\n    theta,"),
    "prints 1,000 lines a call": GOOD.replace("    theta,", "    print('\\n'.join(map(str, range(1000))))\n    theta,"),
    "warns in the answer": GOOD.replace("    theta,", "    import warnings; warnings.warn('slow')\n    theta,"),
    "plots": GOOD + "\nimport matplotlib.pyplot as plt\nplt.plot(loss_curve(np.eye(3), np.ones(3), 0.1, 9))\nplt.show()",
    "prints a line that begins with gdcourse {": "print('gdcourse {\"value\": 1}')\n" + GOOD,
    "tries its answer with the check that is not there": GOOD + "\ncheck('loss_curve', loss_curve)",
    "begins with %%time": "%%time\n" + GOOD,
    "uses a line magic": "%matplotlib inline\n" + GOOD,
    "calls quit() below its answer": GOOD + "\nquit()",
    "asks for input below its answer": GOOD + "\nsteps = input('how many? ')",
    "divides by zero loudly": "np.seterr(all='raise')\n" + GOOD,
    "a callable object": GOOD.replace("def loss_curve", "def curve") + "\nclass Curve:\n    def __call__(self, *args):\n"
    "        return curve(*args)\nloss_curve = Curve()",
    "decorated with a cache": "import functools\ndef seen(f):\n    @functools.wraps(f)\n    def g(*args):\n"
    "        return f(*args)\n    return g\n@seen\n" + GOOD,
    "letters of every script": "# Größe 大小 מידה 🙂\nμ = 1\n" + GOOD,
}.items():  # fmt: skip
    row("right", name, saved({"loss_curve": source} | only("stable_lr")), right=["loss_curve", "stable_lr"])


# Wrong answers.

for k in range(max(map(len, bank.WRONG.values()))):
    there = {name: mistakes[k][1] for name, mistakes in bank.WRONG.items() if k < len(mistakes)}
    answers = {name: from_bank("WRONG", name, k) for name in there}
    row("wrong", f"mistake {k + 1} of the bank, each exercise", saved(answers), says=there)

not_done = {name: "not done yet" for name in WORTH}
row("wrong", "the untouched notebook", saved({}), says=not_done)
row("wrong", "three of eight done", saved(only(*list(WORTH)[:3])), right=list(WORTH)[:3])
for name, source, says in [
    ("an empty cell", "", "loss_curve"),
    ("a syntax error", "def loss_curve(X, y, lr, steps:\n    return 1", ""),
    ("another function's name", GOOD.replace("loss_curve", "loss_kurve"), "loss_curve"),
    ("a number, no function", "loss_curve = 3", "wanted a function, got int"),
    ("raises at the call", "def loss_curve(X, y, lr, steps):\n    return X @ X", "raised ValueError"),
    ("calls exit()", "def loss_curve(X, y, lr, steps):\n    import sys; sys.exit(0)", ""),
    (
        "not a number",
        "def loss_curve(X, y, lr, steps):\n    return [float('nan')] * (steps + 1)",
        "not finite",
    ),
    (
        "an integer of 10,000 digits",
        "def loss_curve(X, y, lr, steps):\n    return [10**10000] * (steps + 1)",
        "",
    ),
    ("a generator", "def loss_curve(X, y, lr, steps):\n    yield from range(steps + 1)", "wanted numbers"),
    (
        "a function that returns itself",
        "def loss_curve(X, y, lr, steps):\n    return loss_curve",
        "wanted numbers",
    ),
    ("a set, a module and a type", "def loss_curve(X, y, lr, steps):\n    return [{1}, np, int, b'']", ""),
    (
        "a list that holds itself",
        "def loss_curve(*args):\n    a = []\n    a.append(a)\n    return a",
        "without end",
    ),
    (
        "10^9 numbers",
        "def loss_curve(*args):\n    return np.broadcast_to(0.0, (10**9,))",
        "1,000,000,000 numbers",
    ),
    ("ones of 8 GB", "def loss_curve(*args):\n    return np.ones(10**9)", "Memory"),
]:
    row(
        "wrong",
        name,
        saved({"loss_curve": source} | only("stable_lr")),
        right=["stable_lr"],
        says={"loss_curve": says},
    )


# Right answers in odd packaging: all keep their points.


def odd(name, edit=None, encoding="ascii"):
    """The solutions of two exercises in a notebook changed by ``edit``."""
    row("odd packaging", name, saved(only(*TWO), edit, encoding), right=TWO)


TWO = ["loss_curve", "steepest_path"]
FILE = encoded(only(*TWO))


def every_answer(change):
    """An edit that calls ``change(cell)`` for each answer cell."""

    def edit(book):
        for name in WORTH:
            change(cell_of(book, name))

    return edit


def duplicated(first=None):
    """An edit that puts each answer cell in twice, the first one with the source ``first``."""

    def edit(book):
        copies = [
            cell | {"source": first or cell["source"]} for cell in book["cells"] if cell.get("id") in TWO
        ]
        book["cells"] = copies + book["cells"]

    return edit


def without(keep):
    def edit(book):
        book["cells"] = [cell for cell in book["cells"] if keep(cell)]

    return edit


def with_outputs(*outputs):
    return every_answer(lambda cell: cell.update(outputs=list(outputs), execution_count=7))


def version_3(book):
    def old(cell):
        kind = {"input": cell["source"], "language": "python"} if cell["cell_type"] == "code" else {}
        return {
            "cell_type": cell["cell_type"],
            "metadata": cell["metadata"],
            "source": cell["source"],
            **kind,
        }

    return {
        "nbformat": 3,
        "nbformat_minor": 0,
        "metadata": {},
        "worksheets": [{"cells": list(map(old, book["cells"]))}],
    }


def lost(*keys):
    """An edit that takes ids or metadata from the answer cells."""
    return every_answer(lambda cell: [cell.pop(key) for key in keys] and cell.setdefault("metadata", {}))


script = {"output_type": "display_data", "metadata": {}, "data": {"text/html": "<script>alert(1)</script>"}}
picture = {
    "output_type": "display_data",
    "metadata": {},
    "data": {"image/png": base64.b64encode(bytes(2**21)).decode()},
}

odd("its answer cells twice", duplicated())
odd("a wrong copy before each answer cell", duplicated("loss_curve = steepest_path = None"))
odd("its check cells deleted", without(lambda cell: not cell.get("id", "").startswith("check_")))
odd("all deleted but the answers", without(lambda cell: cell.get("id") in TWO))
odd("its cells in reverse order", lambda book: book["cells"].reverse())
odd(
    "another kernel's name",
    lambda book: book["metadata"].update(kernelspec={"name": "julia-1.9", "display_name": "J"}),
)
odd("no kernel's name", lambda book: book.update(metadata={}))
odd("metadata of the notebook a list", lambda book: book.update(metadata=[]))
odd("metadata of the cells a list", every_answer(lambda cell: cell.update(metadata=[1])))
odd("metadata of the cells null", every_answer(lambda cell: cell.update(metadata=None)))
odd("answers turned into text cells", every_answer(lambda cell: cell.update(cell_type="markdown")))
odd("answers turned into raw cells", every_answer(lambda cell: cell.update(cell_type="raw")))
odd("grade ids lost", lost("metadata"))
odd("cell ids lost", lost("id"))
odd("all ids lost", lost("id", "metadata"))
odd(
    "sources as lists of lines",
    every_answer(lambda c: c.update(source=c["source"].splitlines(keepends=True))),
)
odd(
    "lines that end as on Windows",
    every_answer(lambda cell: cell.update(source=cell["source"].replace("\n", "\r\n"))),
)
odd("indented with tabs", every_answer(lambda cell: cell.update(source=cell["source"].replace("    ", "\t"))))
odd("outputs with scripts", with_outputs(script))
odd("outputs of 4 MB", lambda book: cell_of(book, "loss_curve").update(outputs=[picture]))
odd("outputs that are no outputs", with_outputs(1, None, {"output_type": "evil"}))
odd("text cells with scripts", lambda book: book["cells"].insert(
    0, {"cell_type": "markdown", "metadata": {}, "source": "<script>alert(1)</script><img src=x onerror=alert(2)>"}))  # fmt: skip
odd("cells that are no cells", lambda book: book["cells"].extend([None, 7, [], {"cell_type": "code"}]))
odd("nbformat 3", version_3)
odd("nbformat 99", lambda book: book.update(nbformat=99))
odd(
    "a lone surrogate in a comment",
    every_answer(lambda cell: cell.update(source=cell["source"] + "\n# \ud800")),
)
odd("a byte order mark", encoding="utf-8-sig")
odd("UTF-16", encoding="utf-16")
odd("latin-1", every_answer(lambda cell: cell.update(source=cell["source"] + "\n# größer")), "latin-1")
odd("a key twice", lambda book: book["metadata"].update({"a": float("nan"), "b": 10**4000}))
odd("an answer's helper in the answer cell", lambda book: cell_of(book, "loss_curve").update(
    source="def half(r):\n    return r @ r / (2 * len(r))\n" + GOOD.replace("r @ r / (2 * len(y))", "half(r)")))  # fmt: skip

row("odd packaging", "a folder a learner", in_folder("work.ipynb", FILE), right=TWO)
row("odd packaging", "a name with blanks and umlauts", lambda path: suffixed(path, " für Müller (1).ipynb").write_bytes(FILE), right=TWO)  # fmt: skip
row(
    "odd packaging",
    "a name of 200 letters",
    lambda path: suffixed(path, "x" * 150 + ".ipynb").write_bytes(FILE),
    right=TWO,
)
MOODLE = "Ada Lovelace_123456_assignsubmission_file_"
row(
    "odd packaging",
    "an archive from Moodle, a folder a learner",
    in_archive({f"{MOODLE}/{NAME}.ipynb": FILE}),
    right=TWO,
)
row("odd packaging", "an archive from Moodle, flat", in_archive({f"Alan Turing_123457_assignsubmission_file_{NAME}.ipynb": FILE}), right=TWO)  # fmt: skip
row("odd packaging", "an archive from Canvas, late, second attempt", in_archive({
    f"hoppergrace_LATE_12345_67890_{NAME}.ipynb": encoded({}), f"hoppergrace_LATE_12345_67891_{NAME}-1.ipynb": FILE,
}), right=TWO)  # fmt: skip
row("odd packaging", "an archive in an archive", in_archive({"Emmy Noether_123458_assignsubmission_file_/work.zip": zipped({f"{NAME}.ipynb": FILE})}), right=TWO)  # fmt: skip
row("odd packaging", "an archive with folders of a Mac", in_archive({
    f"Niels Bohr_123459_assignsubmission_file_/{NAME}.ipynb": FILE,
    f"__MACOSX/Niels Bohr_123459_assignsubmission_file_/._{NAME}.ipynb": b"\0\5\x16\7",
    f"Niels Bohr_123459_assignsubmission_file_/.ipynb_checkpoints/{NAME}-checkpoint.ipynb": encoded({}),
}), right=TWO)  # fmt: skip


# Files that hold no notebook, or none that can be read: not one costs the others anything.


def broken(name, build):
    row("broken file", name, build, "unreadable")


def pipe(path):
    os.mkfifo(suffixed(path, ".ipynb"))


def link(target):
    return lambda path: suffixed(path, ".ipynb").symlink_to(target)


def large(path):
    with suffixed(path, ".ipynb").open("wb") as file:  # 50 MB of nothing, and a notebook
        file.write(FILE)
        file.truncate(50_000_000)


def locked(data):
    """The archive ``data`` with its first member marked as encrypted."""
    flag = data.index(b"PK\1\2") + 8
    return data[:6] + b"\1\0" + data[8:flag] + b"\1\0" + data[flag + 2 :]


broken("an empty file", raw(b""))
broken("cut off in the middle", raw(FILE[: len(FILE) // 2]))
broken("with the marks of a merge", raw(FILE.replace(b'"cells": [', b'"cells": [\n<<<<<<< HEAD\n', 1)))
broken("a PDF", raw(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + bytes(range(256)) * 40))
broken("zeros", raw(bytes(10_000)))
broken("a list", raw(b"[]"))
broken("a number", raw(b"3"))
broken("no cells", raw(b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}}'))
broken("100,000 nested brackets", raw(b"[" * 100_000 + b"]" * 100_000))
broken("2 MB of opening brackets", raw(b"[" * 2_000_000))
broken("cells nested without end", raw(b'{"cells":' * 100_000))
broken("an integer of 100,000 digits", raw(b'{"cells": [' + b"9" * 100_000 + b"]}"))
broken("50 MB", large)
broken("a link to the solutions", link(ROOT / "exercises" / "solutions" / f"{NAME}.ipynb"))
broken("a link to /etc/shadow", link("/etc/shadow"))
broken("a link to itself", lambda path: link(suffixed(path, ".ipynb"))(path))
broken("a FIFO", pipe)
broken("an archive that is none", lambda path: suffixed(path, ".zip").write_bytes(b"PK\3\4" + bytes(1000)))
broken(
    "an archive cut off",
    lambda path: suffixed(path, ".zip").write_bytes(zipped({f"{MOODLE}/x.ipynb": FILE})[:900]),
)
broken("an encrypted member", lambda path: suffixed(path, ".zip").write_bytes(locked(zipped({"Max Born_654321_assignsubmission_file_/x.ipynb": FILE}))))  # fmt: skip
broken(
    "a member of 50 MB",
    in_archive({"Blaise Pascal_123460_assignsubmission_file_/x.ipynb": bytes(50_000_000)}),
)
broken("zip slip", in_archive({"../../../owned.ipynb": FILE}))
broken("a member with an absolute name", in_archive({"/tmp/gdcourse-owned.ipynb": FILE}))

for name, source in {"a number for a source": 7, "a source of 200 kB": GOOD + "\n#" + "x" * 200_000}.items():
    edit = lambda book, source=source: cell_of(book, "loss_curve").update(source=source)
    row("broken file", name, saved(only("stable_lr"), edit), right=["stable_lr"])
