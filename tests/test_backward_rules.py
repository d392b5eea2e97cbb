"""The gradient check tells right backward rules from wrong ones; the sum of the outputs as the loss does not."""

import numpy as np
import pytest

from gdcourse.gradcheck import gradient_error, vjp_error
from tests.backward_rules import RULES, WRONG

LIMIT = 1e-7
MISTAKES = [(name, bug) for name, bugs in WRONG.items() for bug in bugs]


def error_of(name, vjp, seed, draws=5):
    f, _, shapes = RULES[name]
    rng = np.random.default_rng(seed)
    return vjp_error(f, vjp, [rng.normal(size=shape) for shape in shapes], rng, draws)


@pytest.mark.parametrize("name", RULES)
def test_a_right_rule_passes_in_200_of_200_checks(name):
    errors = [error_of(name, RULES[name][1], seed) for seed in range(200)]
    assert max(errors) < LIMIT


@pytest.mark.parametrize("name, bug", MISTAKES)
def test_a_wrong_rule_is_caught_in_20_of_20_single_draws(name, bug):
    errors = [error_of(name, WRONG[name][bug], seed, draws=1) for seed in range(20)]
    assert min(errors) > LIMIT


def test_there_are_at_least_24_wrong_rules():
    assert len(MISTAKES) >= 24


@pytest.mark.parametrize(
    "name, bug",
    [
        ("sin", "upstream forgotten"),
        ("sin", "upstream squared"),
        ("square linear", "summed over the wrong axis"),
        ("square transpose", "not transposed back"),
        ("sum of rows", "spread along the wrong axis"),
    ],
)
def test_the_sum_of_the_outputs_as_the_loss_would_let_a_wrong_rule_through(name, bug):
    f, _, shapes = RULES[name]
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=shape) for shape in shapes]
    for i, x in enumerate(inputs):
        put_in = lambda x: [*inputs[:i], x, *inputs[i + 1 :]]
        ones = np.ones_like(f(*inputs))
        error = gradient_error(
            lambda x: f(*put_in(x)).sum(), lambda x: WRONG[name][bug](ones, *put_in(x))[i], x, rng
        )
        assert error < LIMIT
