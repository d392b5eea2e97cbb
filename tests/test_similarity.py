"""Pairs of learners whose answers are suspiciously equal."""

import re

import pytest

from gdcourse import student
from tests.course import ROOT

pytest.importorskip("rapidfuzz", reason="needs RapidFuzz: pip install 'gdcourse[grade]'")
from gdcourse.grading import similarity

SOLVED = student.read_notebook(ROOT / "exercises" / "solutions" / "03_gradient_descent.ipynb")
SOLUTIONS, STUBS = (
    {c["id"]: c["source"] for c in book["cells"] if c["metadata"].get("nbgrader", {}).get("solution")}
    for book in (SOLVED, student.learner_version(SOLVED))
)

ADA = '''def loss_curve(X, y, lr, steps):
    """Losses."""
    theta, losses = np.zeros(X.shape[1]), []
    for k in range(steps + 1):
        r = X @ theta - y
        losses.append(r @ r / (2 * len(y)))
        theta = theta - lr * X.T @ r / len(y)
    return losses'''
BOB = """# my own work

def loss_curve(features, target, rate, count):
    w = np.zeros(features.shape[1])
    out = np.empty(count + 1)
    loss = lambda w: np.mean((features @ w - target) ** 2) / 2
    out[0] = loss(w)
    for step in range(count):
        w -= rate * features.T @ (features @ w - target) / target.size
        out[step + 1] = loss(w)
    return out"""


def renamed(source):
    for old, new in {"theta": "weights", "losses": "history", "r": "residual", "X": "A", "k": "step"}.items():
        source = re.sub(rf"\b{old}\b", new, source)
    return source.replace('"""Losses."""', "# each loss\n").replace("2 *", "2.0 *") + "  # done"


def rows(**sources):
    return similarity.report({who: {"loss_curve": source} for who, source in sources.items()}, STUBS)


def test_new_names_comments_and_layout_do_not_hide_a_copy():
    (row,) = rows(ada=ADA, bob=BOB, eve=renamed(ADA))
    assert row["learners"] == ("ada", "eve")
    assert row["exercises"]["loss_curve"] > 0.95


def test_texts_of_all_kinds_count_alike():
    other = ADA.replace('"""Losses."""', "# one\n    'two'").replace("r @ r", "r @ r * len('a b')")
    assert similarity.tokens(other) == similarity.tokens(ADA.replace("r @ r", 'r @ r * len("c")'))


def test_two_ways_to_the_same_result_are_not_named():
    assert rows(ada=ADA, bob=BOB) == []


def test_stubs_and_short_answers_are_not_named():
    short = "def loss_curve(X, y, lr, steps):\n    return np.zeros(steps + 1)"
    assert rows(ada=STUBS["loss_curve"], bob=STUBS["loss_curve"], eve=short, kim=short) == []


def test_what_many_learners_share_is_one_row_and_no_pair():
    many = {f"l{k:02}": ADA for k in range(similarity.COMMON + 5)}
    group, *others = rows(**many, x=BOB, y=renamed(BOB))
    assert group["learners"] == tuple(many)
    assert group["text"] == "the same answer to loss_curve as each other (15 learners)"
    assert others == rows(x=BOB, y=renamed(BOB))


def test_all_who_gave_the_published_solution_are_one_row():
    given = {f"l{k:02}": SOLUTIONS for k in range(similarity.COMMON + 5)} | {"eve": {"loss_curve": BOB}}
    found = similarity.report(given, STUBS, SOLUTIONS)
    assert [set(row["exercises"]) for row in found] == [{name} for name in found_long(SOLUTIONS)]
    assert all(row["learners"] == tuple(sorted(given.keys() - {"eve"})) for row in found)
    assert found[0]["text"] == "the same answer to loss_curve as the published solution (15 learners)"


def test_what_more_than_half_of_a_small_class_share_is_not_dropped_in_silence():
    many = {f"l{k}": ADA for k in range(6)}
    assert "the same answer to loss_curve as each other (6 learners)" in [
        r["text"] for r in rows(**many, x=BOB)
    ]


def found_long(solutions):
    """The exercises whose solutions are long enough to compare, in order."""
    return [name for name in STUBS if similarity.forms({"": solutions[name]}, STUBS[name])]


def test_one_learner_with_the_published_solution_is_named_and_disguise_does_not_hide_it():
    source = SOLUTIONS["loss_curve"].replace("theta", "weights").replace("losses", "history") + "  # mine"
    given = {"ada": {"loss_curve": source}, "bob": {"loss_curve": BOB}}
    (row,) = similarity.report(given, STUBS, SOLUTIONS)
    assert row["learners"] == ("ada",)
    assert row["text"] == "the same answer to loss_curve as the published solution (1 learner)"


def test_pairs_alike_in_more_answers_come_first():
    given = {"ada": SOLUTIONS, "bob": SOLUTIONS, "eve": {"loss_curve": BOB}, "kim": {"loss_curve": BOB}}
    first, second = similarity.report(given, STUBS)
    assert (first["learners"], second["learners"]) == (("ada", "bob"), ("eve", "kim"))
    assert first["text"].startswith("alike in 4 of 4 answers long enough to compare: loss_curve 100%")


@pytest.mark.parametrize("source", ["def (", "-" * 50_000 + "1", "\0", "f" + "()" * 9_000, "'" * 3])
def test_what_is_no_python_is_left_out(source):
    assert rows(ada=source, bob=source) == []


def test_the_text_says_that_it_is_no_verdict():
    assert "no verdict" in similarity.HINT
