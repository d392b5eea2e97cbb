"""How a check runs an answer and words a mistake."""

from fractions import Fraction

import numpy as np
import pytest

from gdcourse.checks.core import Checker, Mistake, numbers, run, want_close


@pytest.fixture
def check():
    check = Checker()

    @check.exercise(points=2)
    def double(answer):
        want_close(run(answer, 3.0), 6.0, "double of 3", [(9.0, "that is the square")])

    return check


@pytest.mark.parametrize(
    "answer, mark, says",
    [
        (lambda x: 2 * x, "✓", "right, 2 of 2 points."),
        (lambda x: x * x, "✗", "that is the square"),
        (lambda x: x + 1, "✗", "double of 3: got 4, wanted 6."),
        (lambda x: None, "✗", "it returned None: is a `return` missing?"),
        (lambda: 6, "✗", "it raised TypeError"),
        (lambda x: [6.0], "✗", "wanted shape (), got (1,). Shape () is that of a single number."),
        (lambda x: "six", "✗", "wanted numbers"),
        (lambda x: float("inf"), "✗", "not finite"),
        (6, "✗", "wanted a function, got int"),
    ],
)
def test_an_answer_gets_its_verdict(check, answer, mark, says):
    found = check.verdict("double", answer)
    assert found[0] == mark and says in found[1]
    assert found[2] == (2 if mark == "✓" else 0)


def test_a_stub_is_not_done_yet(check):
    def stub(x):
        raise NotImplementedError()

    assert check.verdict("double", stub) == ("○", "not done yet.", 0)


def test_a_name_that_is_no_exercise_is_refused_with_the_names_there_are(check):
    with pytest.raises(ValueError, match="no exercise 'dubble'; there are: double"):
        check("dubble", lambda x: 2 * x)


def test_an_answer_that_changes_its_input_is_told_so_and_the_input_is_safe():
    given = np.ones(3)

    def shift(x):
        x += 1
        return x

    with pytest.raises(Mistake, match="in place"):
        run(shift, given)
    assert given.tolist() == [1, 1, 1]


def test_an_answer_that_changes_an_array_inside_a_list_is_caught():
    def train(params):
        for W, b in params:
            W -= b
        return params

    with pytest.raises(Mistake, match="in place"):
        run(train, [(np.ones(2), np.ones(2))])
    with pytest.raises(Mistake, match="in place"):
        run(lambda params: params.pop(), [np.ones(2), np.ones(2)])
    assert len(run(lambda params: params[:1], [np.ones(2), np.ones(2)])) == 1


def test_complex_and_ragged_results_are_mistakes_not_crashes():
    for result in (1j, np.array(1 + 0j), [[1], [2, 3]], {}, object(), [None]):
        with pytest.raises(Mistake):
            numbers(result, (), "x")


def test_asking_for_input_is_a_mistake_not_a_stub(check):
    class StdinNotImplementedError(NotImplementedError):
        pass

    def asks(x):
        raise StdinNotImplementedError("raw_input was called")

    assert check.verdict("double", asks)[0] == "✗"


def test_a_fraction_is_a_number():
    want_close((Fraction(9, 2), 3), (4.5, 3), "pair")


def test_an_answer_by_hand_is_not_given_away():
    with pytest.raises(Mistake) as told:
        want_close(7.0, 4.5, "loss", otherwise="not right: write down the residuals first.")
    assert "4.5" not in str(told.value)


def test_an_error_inside_a_library_is_placed_at_the_learners_own_line():
    def answer(X):
        return np.linalg.solve(X, X)  # not square

    with pytest.raises(Mistake, match=r"LinAlgError.*np\.linalg\.solve\(X, X\)"):
        run(answer, np.ones((3, 2)))


def test_shapes_that_do_not_multiply_come_with_advice():
    with pytest.raises(Mistake, match="print the shapes"):
        run(lambda X: X @ X, np.ones((3, 2)))
