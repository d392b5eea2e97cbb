"""An invented class of forty for the tests of the reports, some with hostile names, codes and messages."""

import sys

from gdcourse.grading import report

POINTS = {"loss_curve": 2, "largest_rate": 3, "fit_standardised": 4, "find_the_bug": 1}
TITLES = {
    "loss_curve": "Record the loss",
    "largest_rate": "The largest rate that converges",
    "fit_standardised": "Fit on standardised inputs, with `np.std`",
    "find_the_bug": "Find the bug",
}
HINTS = {
    name: [
        "How long is the list after `steps` steps? Try $\\frac{1}{m}X^\\top(X\\theta-y)$.",
        "A *plan*: first the loss, **then** the step.",
        "`losses.append(loss)` stands before the update.",
    ]
    for name in POINTS
}
STUBS = {name: f"def {name}():\n    raise NotImplementedError()" for name in POINTS}
RUN = {
    "assignment": "03_gradient_descent",
    "title": "Walk downhill",
    "term": "2026-autumn",
    "points": POINTS,
    "titles": TITLES,
    "stubs": STUBS,
    "public": {"1e-300"},
    "sandbox": "bubblewrap",
    "seconds": 214.3,
    "date": "2026-11-22",
    "ignored": ["notes.docx", "<b>bold</b>.pdf"],
}
NAMES = """Ada Lovelace, Emmy Noether, Srinivasa Ramanujan, Sofya Kovalevskaya, Évariste Galois, 王贞仪,
Maryam Mirzakhani, Kurt Gödel, Katherine Johnson, Alan Turing, Hypatia, Leonhard Euler, Mary Somerville,
Carl Friedrich Gauß, Grace Hopper, John von Neumann, Julia Robinson, Paul Erdős, Sophie Germain,
Augustin-Louis Cauchy, Ida Rhodes, Niels Henrik Abel, Dorothy Vaughan, Bernhard Riemann, عمر خیام,
Émilie du Châtelet, George Boole, Karen Uhlenbeck, Andrey Markov, Hertha Ayrton""".replace("\n", " ").split(
    ", "
)
HOSTILE = [
    "<script>document.title = 'broken'</script>",
    "=HYPERLINK(\"http://evil.example\", \"grade\")",
    "\t=1+1",
    "@SUM(A1:A9)",
    "../../etc/passwd",
    "'; DROP TABLE learners; --",
    "\u202eecalevoL adA",
    "{{ 7 * 7 }}",
    "\" onmouseover=\"alert(1)\" x=\"",
    "lone \ud800 surrogate \x00\x1b[31m and\r\na break",
]  # fmt: skip
RIGHT = "def loss_curve(X, y, lr, steps):\n    losses = []\n    for _ in range(steps + 1):\n        r = X @ theta - y\n\n        losses.append(r @ r / len(y) / 2)\n    return losses\n"
EVIL = (
    "</pre></main><script>document.title = 'broken'</script><img src=http://evil.example/x.png "
    "onerror=\"document.title = 'broken'\">\n# <iframe src='javascript:alert(1)'></iframe> \u202e {{ 7 * 7 }}\n"
    f"{'x' * 400}\n<style>@import 'http://evil.example/x.css';</style>\x00\x1b[31m"
)
WRONG = {
    "loss_curve": ["the loss after 0 steps: got 3.25, wanted 2.", "the loss after 0 steps: got -1e+03, wanted 2.",
                   "it returned None: is a `return` missing?"],
    "largest_rate": ["it raised LinAlgError: Singular matrix at line 7 (`np.linalg.inv(X)`).",
                     "it raised LinAlgError: Singular matrix at line 9 (`inv(H)`)."],
    "fit_standardised": ["w, b: got [1.5, 2.  ], wanted [3., 4.].", "w, b: got [0., nan], wanted [3., 4.].",
                         f"it raised ValueError: {EVIL[:300]} at line 2 (`raise ValueError({EVIL[:40]})`)."],
    "find_the_bug": ["line 3 is right: look at the sign of the step."],
}  # fmt: skip


def outcome(name, k):
    """The k-th learner's outcome of an exercise."""
    mark = "✓" if k % 7 in (0, 1, 2, 6) else "○" if (k + len(name)) % 5 == 0 else "✗"
    wrong = WRONG[name][k % len(WRONG[name])]
    text = {"✓": f"right, {POINTS[name]} of {POINTS[name]} points.", "○": "not done yet.", "✗": wrong}[mark]
    return {
        "mark": mark,
        "text": text,
        "points": POINTS[name] * (mark == "✓"),
        "of": POINTS[name],
        "seconds": k / 9,
    }


def result(k):
    outcomes = {name: outcome(name, k + len(name)) for name in POINTS}
    verdict, reason = {
        5: ("timeout", "stopped after 20 seconds: does a loop never end?"),
        12: ("crashed", "Python died here: `import os; os._exit(0)`"),
        20: ("unreadable", "it is not a notebook: Expecting value: line 1 column 1 (char 0) <script>"),
        31: ("unreadable", "it is a symbolic link"),
        23: ("grader fault", "KilledWorker: the machine was switched off"),
    }.get(k, ("graded", ""))
    points = sum(o["points"] for o in outcomes.values())
    if verdict in ("unreadable", "grader fault"):
        points = 0 if verdict == "unreadable" else None
        outcomes = {name: o | {"mark": "✗", "text": "", "points": 0} for name, o in outcomes.items()}
    return {"verdict": verdict, "reason": reason, "exercises": outcomes, "points": points,
            "of": sum(POINTS.values()), "seconds": 0.4 + k / 7}  # fmt: skip


def entry(k, name):
    system = ("", "moodle", "canvas")[k % 3] if k < len(NAMES) else ""
    return {
        "learner": str(100000 + k) if system else name,
        "name": name,
        "file": f"{name}_{100000 + k}_assignsubmission_file_/03.ipynb",
        "system": system,
        "notes": ["late", "attempt 3 of 3"] if k % 8 == 3 else [f"cell {EVIL}"] if k == 33 else [],
        "answers": {exercise: EVIL if k % 4 == 1 else RIGHT for exercise in POINTS},
        "hints": HINTS,
        "result": result(k),
    }


def entries():
    """The forty entries."""
    return [entry(k, name) for k, name in enumerate(NAMES + HOSTILE)]


if __name__ == "__main__":  # to look at: python -m tests.class_of_forty OUT
    report.write(sys.argv[1], RUN, entries())
