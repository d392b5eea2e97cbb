"""The least-squares losses, gradients and solvers, against hand arithmetic, PyTorch, SciPy and NIST."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gdcourse import datasets
from gdcourse import objectives as ob

LOSSES = {
    "half sum": (ob.half_sum_squares, ob.half_sum_squares_grad),
    "half mean": (ob.half_mean_squares, ob.half_mean_squares_grad),
    "mean": (ob.mean_squares, ob.mean_squares_grad),
}
SOLVERS = [ob.solve_normal, ob.solve_qr]


def draw(seed, m=9, d=4):
    rng = np.random.default_rng(seed)
    return rng.normal(size=d), rng.normal(size=(m, d)), rng.normal(size=m)


def line(data):
    return ob.with_intercept(data.X), data.y


def digits_kept(got, certified):
    return -np.log10(np.max(np.abs(got / certified - 1)))


def test_the_intercept_column_is_last_and_all_ones():
    x = np.array([3.0, 5.0, 7.0])
    assert np.array_equal(ob.with_intercept(x), [[3, 1], [5, 1], [7, 1]])
    assert np.array_equal(ob.with_intercept(np.array([[1, 2], [3, 4]])), [[1, 2, 1], [3, 4, 1]])


@pytest.mark.parametrize("shape", [(), (2, 2, 2)])
def test_with_intercept_refuses_other_numbers_of_axes_and_names_the_shape(shape):
    with pytest.raises(ValueError, match=r"x has shape \(.*\); wanted \(m,\) or \(m, d\)"):
        ob.with_intercept(np.zeros(shape))


def test_residuals_are_prediction_minus_target():
    r = ob.residuals(np.array([2.0, 1.0]), np.array([[1.0, 1.0], [3.0, 1.0]]), np.array([1.0, 9.0]))
    assert np.array_equal(r, [2, -2])


@pytest.mark.parametrize("theta, X, y", [
    ((2,), (5, 2), (5, 1)),  # would broadcast to (5, 5)
    ((2, 1), (5, 2), (5,)),  # would broadcast to (5, 5)
    ((3,), (5, 2), (5,)),
    ((2,), (5, 2), (4,)),
    ((5,), (5,), (5,)),
    ((2,), (5, 2), (1,)),  # would broadcast to (5,)
])  # fmt: skip
def test_residuals_refuse_shapes_that_do_not_fit_and_say_which(theta, X, y):
    with pytest.raises(ValueError) as error:
        ob.residuals(np.zeros(theta), np.zeros(X), np.zeros(y))
    assert all(str(shape) in str(error.value) for shape in (theta, X, y, "(m, d)"))


@pytest.mark.parametrize("data, losses, gradient", [
    (datasets.line_one(), (45, 9, 18), (-70, -20)),
    (datasets.line_two(), (142.5, 28.5, 57), (-125, -35)),
])  # fmt: skip
def test_values_at_zero_on_the_worked_examples_equal_hand_arithmetic(data, losses, gradient):
    X, y = line(data)
    for (loss, grad), want, c in zip(LOSSES.values(), losses, (1, 1 / 5, 2 / 5)):
        assert loss(np.zeros(2), X, y) == pytest.approx(want, rel=1e-14)
        assert grad(np.zeros(2), X, y) == pytest.approx(c * np.array(gradient), rel=1e-14)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("seed", range(3))
def test_gradient_is_the_slope_measured_by_differences(name, seed):
    loss, grad = LOSSES[name]
    theta, X, y = draw(seed)
    measured = [(loss(theta + e, X, y) - loss(theta - e, X, y)) / 2 for e in np.eye(4)]  # exact: quadratic
    assert grad(theta, X, y) == pytest.approx(measured, rel=1e-9, abs=1e-12)


def test_mean_squares_and_its_gradient_equal_pytorch():
    torch = pytest.importorskip("torch")
    theta, X, y = draw(7)
    t = torch.tensor(theta, requires_grad=True)
    loss = torch.nn.functional.mse_loss(torch.tensor(X) @ t, torch.tensor(y))
    loss.backward()
    assert ob.mean_squares(theta, X, y) == pytest.approx(loss.item(), rel=1e-12)
    assert ob.mean_squares_grad(theta, X, y) == pytest.approx(t.grad.numpy(), rel=1e-12)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_and_gradients_take_lists(name):
    loss, grad = LOSSES[name]
    theta, X, y = draw(1)
    assert loss(theta.tolist(), X.tolist(), y.tolist()) == loss(theta, X, y)
    assert np.array_equal(grad(theta.tolist(), X.tolist(), y.tolist()), grad(theta, X, y))


def test_losses_are_plain_floats():
    theta, X, y = draw(0)
    assert all(type(loss(theta, X, y)) is float for loss, _ in LOSSES.values())


@pytest.mark.parametrize("solve", SOLVERS)
def test_solvers_return_the_lines_of_the_worked_examples(solve):
    assert solve(*line(datasets.line_one())) == pytest.approx([1, 1], abs=1e-12)
    assert solve(*line(datasets.line_two())) == pytest.approx([2, 1], abs=1e-12)


@pytest.mark.parametrize("solve", SOLVERS)
def test_solvers_agree_with_scipy(solve):
    linalg = pytest.importorskip("scipy.linalg")
    _, X, y = draw(3, m=30, d=5)
    assert solve(X, y) == pytest.approx(linalg.lstsq(X, y)[0], rel=1e-9)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(3, 8))
def test_residual_of_the_solution_is_orthogonal_to_every_column(seed, d, extra):
    _, X, y = draw(seed, m=d + extra, d=d)
    for solve in SOLVERS:
        r = X @ solve(X, y) - y
        assert X.T @ r == pytest.approx(np.zeros(d), abs=1e-6)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_loss_rises_from_the_solution_by_half_the_squared_shift_of_predictions(seed, other):
    theta, X, y = draw(seed)
    best = np.linalg.lstsq(X, y)[0]
    theta = theta + np.random.default_rng(other).normal(size=4)
    rise = np.sum((X @ (theta - best)) ** 2) / 2
    assert ob.half_sum_squares(theta, X, y) == pytest.approx(ob.half_sum_squares(best, X, y) + rise, rel=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.floats(-100, 100))
def test_shifting_the_targets_moves_the_intercept_alone(seed, shift):
    _, X, y = draw(seed, m=20, d=2)
    A = ob.with_intercept(X)
    for solve in SOLVERS:
        assert solve(A, y + shift) == pytest.approx(solve(A, y) + [0, 0, shift], abs=1e-8)


def test_qr_keeps_more_certified_digits_of_longley_than_the_normal_equations():
    X, y = line(datasets.longley())
    normal, qr = (digits_kept(solve(X, y), datasets.longley_certified()) for solve in SOLVERS)
    assert 5 < normal < 9 < qr


def test_qr_keeps_certified_digits_of_filip_where_the_normal_equations_keep_none():
    data = datasets.filip()
    X = np.vander(data.X[:, 0], 11, increasing=True)
    assert digits_kept(ob.solve_qr(X, data.y), datasets.filip_certified()) > 5
    assert digits_kept(ob.solve_normal(X, data.y), datasets.filip_certified()) < 1


@pytest.mark.parametrize("solve", SOLVERS)
def test_solvers_refuse_a_column_of_zeros(solve):
    X = np.zeros((4, 2))
    X[:, 0] = 1
    with pytest.raises(np.linalg.LinAlgError):
        solve(X, np.ones(4))
