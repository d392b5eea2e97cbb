"""Descent against closed forms, PyTorch and laws that hold for every bowl."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gdcourse.descent import descend, descend_until, largest_stable_lr, standardise

square = lambda x: (x + 1) ** 2
square_slope = lambda x: 2 * x + 2
LIMIT = 6 - 34**0.5  # half mean of squares on x = 1..5


def five_points():
    X = np.column_stack([np.arange(1.0, 6.0), np.ones(5)])
    return X, np.arange(2.0, 7.0)


def half_mean_grad(t):
    X, y = five_points()
    return X.T @ (X @ t - y) / 5


def bowl(seed, d):
    A = np.random.default_rng(seed).normal(size=(d, d))
    return A @ A.T + 0.1 * np.eye(d)


seeds, sizes = st.integers(0, 2**32 - 1), st.integers(1, 6)


@given(st.floats(-5, 5), st.floats(0.01, 1.2))
def test_the_path_on_the_parabola_is_its_closed_form(start, lr):
    k = np.arange(16)
    path = descend(square_slope, start, lr, 15)
    assert np.allclose(path, -1 + (1 - 2 * lr) ** k * (start + 1), atol=1e-9)


def test_fifteen_steps_of_two_tenths_from_five_end_at_the_published_number():
    assert descend(square_slope, 5.0, 0.2, 15)[-1] == pytest.approx(-0.99717889, abs=5e-9)


def test_the_first_row_is_the_start_and_zero_steps_give_only_it():
    assert descend(square_slope, 3.0, 0.1, 0).tolist() == [3.0]
    assert descend(lambda t: t, [[1, 2], [3, 4]], 0.5, 2).shape == (3, 2, 2)


def test_the_start_is_not_changed_and_the_rows_share_no_memory():
    start = np.array([4.0, 4.0])
    path = descend(lambda t: t, start, 0.1, 3)
    assert start.tolist() == [4, 4] and len(np.unique(path[:, 0])) == 4


def test_an_integer_start_is_not_rounded():
    assert descend(square_slope, 5, 0.2, 1)[-1] == pytest.approx(2.6)


def test_the_path_equals_that_of_torch_sgd():
    X, y = (torch.tensor(a) for a in five_points())
    theta = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.SGD([theta], lr=0.1)
    path = descend(half_mean_grad, [0.0, 0.0], 0.1, 50)
    for k in range(50):
        optimiser.zero_grad()
        (((X @ theta - y) ** 2).mean() / 2).backward()
        optimiser.step()
        assert np.allclose(theta.detach().numpy(), path[k + 1], atol=1e-12)


def test_descent_until_stops_at_the_first_small_change():
    path = descend_until(square, square_slope, 5.0, 0.2, 1e-12, 1000)
    change = np.abs(np.diff(square(path)))
    assert change[-1] < 1e-12 and (change[:-1] >= 1e-12).all()
    assert len(path) - 1 == 32


@pytest.mark.parametrize("tol, steps", [(1e-4, 153), (1e-6, 425), (1e-8, 696), (1e-10, 967)])
def test_the_second_worked_example_takes_the_published_counts(tol, steps):
    X, _ = five_points()
    y = 2 * X[:, 0] + 1
    loss, grad = lambda t: 0.5 * np.sum((X @ t - y) ** 2), lambda t: X.T @ (X @ t - y)
    assert len(descend_until(loss, grad, np.zeros(2), 0.01, tol, 2000)) - 1 == steps


def test_too_large_a_step_is_reported_with_its_number():
    with np.errstate(over="ignore"), pytest.raises(ValueError, match="inf at step .* smaller than 1.5"):
        descend_until(square, square_slope, 5.0, 1.5, 1e-12, 10_000)


def test_a_loss_that_is_not_finite_at_the_start_is_not_blamed_on_the_step():
    with pytest.raises(ValueError, match="nan at the start: look at the data"):
        descend_until(lambda t: t * np.nan, lambda t: t, 1.0, 0.1, 1e-6, 10)


def test_running_out_of_steps_is_reported_with_the_loss_reached():
    with pytest.raises(ValueError, match="not converged: loss 13 after 1 steps"):
        descend_until(square, square_slope, 5.0, 0.2, 1e-12, 1)


@pytest.mark.parametrize("lr", [0.0, -0.1, float("nan")])
def test_a_step_that_is_not_positive_is_refused(lr):
    with pytest.raises(ValueError, match="wanted a positive number"):
        descend_until(square, square_slope, 5.0, lr, 1e-12, 10)


def test_the_limit_of_the_worked_examples_is_six_minus_the_root_of_34():
    X, _ = five_points()
    assert largest_stable_lr(X.T @ X / 5) == pytest.approx(LIMIT, rel=1e-13)
    assert largest_stable_lr(X.T @ X) == pytest.approx(0.0338096, abs=5e-8)
    assert largest_stable_lr(2 * X.T @ X / 5) == pytest.approx(0.0845241, abs=5e-8)


@settings(max_examples=40)
@given(seeds, sizes)
def test_below_the_limit_the_error_obeys_its_bound_and_above_it_grows(seed, d):
    H = bowl(seed, d)
    limit, start = largest_stable_lr(H), np.random.default_rng(seed).normal(size=d)
    lam, Q = np.linalg.eigh(H)
    error = np.linalg.norm(descend(lambda t: H @ t, start, 0.9 * limit, 50), axis=1)
    rho = np.abs(1 - 0.9 * limit * lam).max()
    assert rho < 1 and (error <= rho ** np.arange(51) * error[0] * (1 + 1e-9) + 1e-14).all()
    error = np.linalg.norm(descend(lambda t: H @ t, Q[:, -1], 1.1 * limit, 50), axis=1)
    assert error[-1] == pytest.approx(1.2**50, rel=1e-6)


@given(seeds, sizes, st.floats(0.01, 100))
def test_a_loss_times_c_has_its_limit_divided_by_c(seed, d, c):
    H = bowl(seed, d)
    assert largest_stable_lr(c * H) == pytest.approx(largest_stable_lr(H) / c)


@pytest.mark.parametrize("H, message", [
    ([[1.0, 2.0], [0.0, 1.0]], r"shape \(2, 2\) is not symmetric"),
    ([1.0, 2.0], r"shape \(2,\)"),
    ([[-1.0, 0.0], [0.0, -2.0]], "wanted a positive one"),
    ([[0.0]], "wanted a positive one"),
    (np.ones((2, 3)), r"shape \(2, 3\)"),
    ([[1e-9, 5e-9], [0.0, 1e-9]], "is not symmetric"),
])  # fmt: skip
def test_a_matrix_without_a_limit_is_refused(H, message):
    with pytest.raises(ValueError, match=message):
        largest_stable_lr(H)


@given(seeds, st.integers(2, 20), sizes)
def test_standardised_columns_have_mean_zero_and_deviation_one_and_can_be_undone(seed, m, d):
    X = np.random.default_rng(seed).normal(size=(m, d)) * 7 + 100
    Z, mean, std = standardise(X)
    assert np.allclose(Z.sum(axis=0) / m, 0, atol=1e-9) and np.allclose((Z**2).sum(axis=0) / m, 1)
    assert np.allclose(mean + std * Z, X)


def test_standardising_makes_the_bowl_round_and_one_step_enough():
    X, y = five_points()
    Z, mean, std = standardise(X[:, :1])
    A = np.column_stack([Z, np.ones(5)])
    assert np.allclose(A.T @ A / 5, np.eye(2))
    w, b = descend(lambda t: A.T @ (A @ t - y) / 5, [0.0, 0.0], 1.0, 1)[-1]
    assert np.allclose([w / std[0], b - w / std[0] * mean[0]], [1, 1])


@pytest.mark.parametrize("value", [5.0, 0.1])
def test_a_constant_column_is_named_even_when_its_mean_is_rounded(value):
    with pytest.raises(ValueError, match="column 1 is constant"):
        standardise(np.column_stack([np.arange(3.0), np.full(3, value)]))
