"""Finite differences, the complex step and the gradient check, against hand arithmetic and PyTorch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdcourse.gradcheck import (
    central_difference,
    complex_step,
    forward_difference,
    gradient_error,
    numerical_gradient,
    vjp_error,
)

moderate = st.floats(-10, 10)
steps = st.floats(0.01, 2)


@given(moderate, moderate, moderate, moderate, steps)
def test_forward_difference_of_a_parabola_is_off_by_exactly_a_times_h(a, b, c, x, h):
    slope = forward_difference(lambda t: a * t * t + b * t + c, x, h)
    assert slope == pytest.approx(2 * a * x + b + a * h, abs=1e-8)


@given(moderate, moderate, moderate, moderate, steps)
def test_central_difference_of_a_parabola_has_no_truncation_error(a, b, c, x, h):
    slope = central_difference(lambda t: a * t * t + b * t + c, x, h)
    assert slope == pytest.approx(2 * a * x + b, abs=1e-8)


def test_forward_error_falls_with_h_and_central_error_with_h_squared():
    error = lambda slope, h: abs(slope(np.exp, 0.0, h) - 1.0)
    assert error(forward_difference, 1e-2) / error(forward_difference, 1e-3) == pytest.approx(10, rel=0.01)
    assert error(central_difference, 1e-2) / error(central_difference, 1e-3) == pytest.approx(100, rel=0.01)


@given(st.lists(moderate, min_size=2, max_size=6), moderate)
def test_complex_step_of_a_polynomial_is_exact_to_rounding(coefficients, x):
    want = np.polyval(np.polyder(coefficients), x)
    scale = np.polyval(np.polyder(np.abs(coefficients)), abs(x))
    assert abs(complex_step(lambda t: np.polyval(coefficients, t), x) - want) <= 1e-14 * scale + 1e-30


def test_complex_step_beats_every_difference_on_a_hard_function():
    f = lambda x: np.exp(x) / np.sqrt(np.sin(x) ** 3 + np.cos(x) ** 3)  # Squire and Trapp's example
    slope = 4.05342789389862  # its derivative at 1.5, worked out in 40 digits
    assert complex_step(f, 1.5) == pytest.approx(slope, rel=1e-14)


def test_numerical_gradient_equals_autograd_for_a_matrix_of_parameters():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    A, theta = rng.normal(size=(4, 3)), rng.normal(size=(3, 2))
    t = torch.tensor(theta, requires_grad=True)
    torch.tanh(torch.tensor(A) @ t).pow(2).sum().backward()
    measured = numerical_gradient(lambda t: np.sum(np.tanh(A @ t) ** 2), theta)
    assert measured.shape == (3, 2)
    np.testing.assert_allclose(measured, t.grad.numpy(), rtol=1e-8, atol=1e-9)


def test_numerical_gradient_calls_the_function_twice_for_each_coordinate():
    calls = []
    numerical_gradient(lambda t: calls.append(1) or 0.0, np.ones(7))
    assert len(calls) == 14


def test_numerical_gradient_takes_whole_numbers_and_leaves_theta_alone():
    theta = np.array([1, 2])
    np.testing.assert_allclose(numerical_gradient(lambda t: t[0] * t[1], theta), [2, 1], rtol=1e-9)
    assert theta.tolist() == [1, 2]


def quadratic(seed, d=4):
    """A loss 1/2 t^T A t, its gradient A t, and a random point."""
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(d, d))
    A = A @ A.T + np.eye(d)
    return (lambda t: 0.5 * t @ A @ t), (lambda t: A @ t), rng.normal(size=d), rng


@pytest.mark.parametrize("seed", range(10))
def test_a_right_gradient_has_an_error_near_rounding(seed):
    f, grad, theta, rng = quadratic(seed)
    assert gradient_error(f, grad, theta, rng) < 1e-8


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("factor, error", [(-1, 2), (2, 0.5), (0.5, 0.5), (0, 1), (4, 0.75)])
def test_a_multiple_of_the_gradient_has_the_error_that_arithmetic_gives(seed, factor, error):
    f, grad, theta, rng = quadratic(seed)
    assert gradient_error(f, lambda t: factor * grad(t), theta, rng) == pytest.approx(error, rel=1e-5)


@pytest.mark.parametrize("seed", range(10))
def test_one_forgotten_entry_is_found(seed):
    f, grad, theta, rng = quadratic(seed)
    assert gradient_error(f, lambda t: grad(t) * [1, 1, 1, 0], theta, rng) > 1e-4


@pytest.mark.parametrize("seed", range(10))
def test_two_swapped_entries_are_found(seed):
    f, grad, theta, rng = quadratic(seed)
    assert gradient_error(f, lambda t: grad(t)[[1, 0, 2, 3]], theta, rng) > 1e-4


def test_a_gradient_that_is_nan_does_not_pass():
    f, grad, theta, rng = quadratic(0)
    assert not gradient_error(f, lambda t: grad(t) * np.nan, theta, rng) < 1e-7
    assert not gradient_error(f, lambda t: grad(t) * [1, 1, 1, np.nan], theta, rng) < 1e-7


def test_a_loss_that_is_nan_does_not_pass():
    _, grad, theta, rng = quadratic(0)
    assert not gradient_error(lambda t: np.nan, grad, theta, rng) < 1e-7


def test_a_gradient_of_another_shape_raises_with_both_shapes():
    f, grad, theta, rng = quadratic(0)
    with pytest.raises(ValueError, match=r"shape \(4, 1\); wanted \(4,\)"):
        gradient_error(f, lambda t: grad(t)[:, None], theta, rng)


@pytest.mark.parametrize("unit", [1e-150, 1e-16, 1e16, 1e150])
def test_a_loss_in_another_unit_gets_the_same_verdict(unit):
    f, grad, theta, rng = quadratic(0)
    scaled = lambda t: unit * f(t)
    assert gradient_error(scaled, lambda t: unit * grad(t), theta, rng) < 1e-7
    assert gradient_error(scaled, lambda t: -unit * grad(t), theta, rng) == pytest.approx(2, rel=1e-5)


def test_a_level_direction_does_not_make_a_right_gradient_look_wrong():
    errors = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        theta = rng.normal(size=5)
        errors.append(gradient_error(lambda t: np.cosh(t).sum(), np.sinh, theta, rng))
    assert max(errors) < 1e-8


def test_a_gradient_that_changes_its_argument_cannot_move_the_point_of_the_check():
    def grad(t):
        t *= 2
        return t

    assert gradient_error(lambda t: 0.5 * t @ t, grad, np.ones(3), np.random.default_rng(0)) > 0.1


def test_a_level_loss_with_a_zero_gradient_passes():
    assert gradient_error(lambda t: 1.0, np.zeros_like, np.ones(3), np.random.default_rng(0)) == 0


def test_the_check_leaves_theta_alone_and_takes_matrices():
    theta = np.arange(6).reshape(2, 3)
    rng = np.random.default_rng(0)
    assert gradient_error(lambda t: np.sum(t**3), lambda t: 3 * t**2, theta, rng) < 1e-7
    assert theta.tolist() == [[0, 1, 2], [3, 4, 5]]


def test_the_check_costs_two_calls_of_the_loss_for_each_direction():
    calls = []
    f = lambda t: calls.append(1) or float(t @ t)
    gradient_error(f, lambda t: 2 * t, np.ones(50), np.random.default_rng(0), draws=3)
    assert len(calls) == 6


def test_the_same_generator_gives_the_same_verdict():
    f, grad, theta, _ = quadratic(0)
    first, second = (gradient_error(f, grad, theta, np.random.default_rng(5)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("seed", range(6))
def test_a_single_direction_gives_an_error_that_is_never_negative(seed):
    f, grad, theta, rng = quadratic(seed)
    assert gradient_error(f, lambda t: 0 * grad(t), theta, rng, draws=1) == pytest.approx(1)


def test_the_largest_error_of_all_directions_is_reported():
    f, grad, theta, _ = quadratic(0)
    wrong = lambda t: grad(t) * [1, 1, 1, 0]
    few, many = (gradient_error(f, wrong, theta, np.random.default_rng(1), draws=n) for n in (1, 20))
    assert many > few


def test_theta_may_be_a_list():
    error = gradient_error(lambda t: t @ t, lambda t: 2 * t, [1, 2], np.random.default_rng(0))
    assert error < 1e-7


# A backward rule with several inputs.


def product_vjp(u, x, y):
    return u * y, u * x


def test_a_backward_rule_is_checked_in_each_of_its_inputs():
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=(3, 2)), rng.normal(size=(3, 2))]
    f = lambda x, y: x * y
    assert vjp_error(f, product_vjp, inputs, rng) < 1e-9
    assert vjp_error(f, lambda u, x, y: (u * y, 0 * y), inputs, rng) > 0.01
    assert vjp_error(f, lambda u, x, y: (0 * x, u * x), inputs, rng) > 0.01


def test_a_rule_wrong_in_a_small_input_beside_a_large_one_is_caught():
    rng = np.random.default_rng(0)
    f = lambda x, y: 1e3 * x + y
    rule = lambda u, x, y: (1e3 * u, -u)
    assert vjp_error(f, rule, [np.ones(4), np.ones(4)], rng) > 1e-5


def test_a_backward_rule_of_a_scalar_function_is_checked():
    rng = np.random.default_rng(0)
    assert vjp_error(lambda x: (x**2).sum(), lambda u, x: (2 * u * x,), [np.ones((2, 3))], rng) < 1e-9


def test_an_input_that_has_no_effect_does_not_make_a_right_rule_look_wrong():
    rng = np.random.default_rng(0)
    f = lambda x, y: np.sin(x) + 0 * y
    assert vjp_error(f, lambda u, x, y: (u * np.cos(x), 0 * y), [np.ones(3), np.ones(3)], rng) < 1e-9


@pytest.mark.parametrize(
    "vjp, message",
    [
        (lambda u, x, y: u * y, "a tuple with one gradient for each of the 2 inputs"),
        (lambda u, x, y: (u * y,), "a tuple with one gradient for each of the 2 inputs"),
        (lambda u, x, y: (u * y, u.sum()), r"gradient 1 has shape \(\); wanted \(3,\), that of input 1"),
    ],
)
def test_a_rule_that_returns_something_else_is_told_what_is_wanted(vjp, message):
    with pytest.raises(ValueError, match=message):
        vjp_error(lambda x, y: x * y, vjp, [np.ones(3), np.ones(3)], np.random.default_rng(0))


def test_a_rule_that_returns_nan_fails():
    error = vjp_error(np.sin, lambda u, x: (u * np.nan,), [np.ones(3)], np.random.default_rng(0))
    assert not error < 1e-7


def test_a_rule_that_changes_its_arguments_cannot_move_the_point_of_the_check():
    def rule(u, x):
        u *= 2
        x *= 2
        return (u / 2 * np.cos(x / 2),)

    x = np.ones(3)
    assert vjp_error(np.sin, rule, [x], np.random.default_rng(0)) < 1e-9
    assert x.tolist() == [1, 1, 1]


def test_each_round_draws_another_upstream_gradient():
    seen = []
    rule = lambda u, x: (seen.append(u) or u * np.cos(x),)
    vjp_error(np.sin, rule, [np.ones(3)], np.random.default_rng(0), draws=4)
    assert len({tuple(u) for u in seen}) == 4


@pytest.mark.parametrize("shapes", [[(0, 3), (3, 2)], [(2, 0), (0, 3)]])
def test_a_check_of_nothing_is_refused(shapes):
    rule = lambda u, x, y: (u @ y.T, x.T @ u)
    with pytest.raises(ValueError, match="empty"):
        vjp_error(lambda x, y: x @ y, rule, [np.ones(s) for s in shapes], np.random.default_rng(0))
