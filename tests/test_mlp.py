"""The multi-layer perceptron against hand arithmetic, PyTorch and laws that hold for every net."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdcourse.mlp import backward, forward, init_mlp, softmax_cross_entropy, tanh_slope, update

seeds = st.integers(0, 10_000)
widths = st.lists(st.integers(1, 6), min_size=2, max_size=5)


def random_net(sizes, seed, m=5):
    """A net with random biases too, m samples, and a random delta for its output."""
    rng = np.random.default_rng(seed)
    params = [(W, rng.normal(size=b.shape)) for W, b in init_mlp(sizes, rng)]
    return params, rng.normal(size=(m, sizes[0])), rng.normal(size=(m, sizes[-1]))


@given(widths, seeds)
def test_each_layer_has_one_row_of_weights_for_each_output(sizes, seed):
    params = init_mlp(sizes, np.random.default_rng(seed))
    assert [W.shape for W, _ in params] == list(zip(sizes[1:], sizes))
    assert [b.tolist() for _, b in params] == [[0.0] * n for n in sizes[1:]]


def test_start_weights_spread_like_one_over_the_root_of_the_inputs():
    (W, _), (V, _) = init_mlp((400, 100, 500), np.random.default_rng(0))
    assert W.std() == pytest.approx(1 / 20, rel=0.05)
    assert V.std() == pytest.approx(1 / 10, rel=0.05)


def test_the_same_seed_gives_the_same_start_and_the_layers_differ():
    first, second = (init_mlp((3, 3, 3), np.random.default_rng(1)) for _ in range(2))
    assert all(np.array_equal(a, b) for pair in zip(first, second) for a, b in zip(*pair))
    assert not np.array_equal(first[0][0], first[1][0])


def test_tanh_slope_is_one_over_cosh_squared():
    z = np.linspace(-3, 3, 13).reshape(1, 13)
    np.testing.assert_allclose(tanh_slope(z), 1 / np.cosh(z) ** 2, rtol=1e-12)


def test_forward_of_a_net_worked_out_by_hand():
    params = [(np.array([[1.0, -1.0]]), np.array([0.5])), (np.array([[2.0], [-3.0]]), np.array([0.0, 1.0]))]
    z, trace = forward(params, np.array([[3.0, 1.0], [0.0, 4.0]]), act=lambda z: np.maximum(z, 0))
    assert trace[0][1].tolist() == [[2.5], [-3.5]]  # 3 - 1 + 1/2 and 0 - 4 + 1/2
    assert trace[1][0].tolist() == [[2.5], [0.0]]
    assert z.tolist() == [[5.0, -6.5], [0.0, 1.0]]  # no activation after the last layer


@given(widths, seeds)
def test_a_sample_does_not_see_the_other_rows_of_its_batch(sizes, seed):
    params, X, _ = random_net(sizes, seed)
    together, _ = forward(params, X)
    alone = np.concatenate([forward(params, row[None])[0] for row in X])
    np.testing.assert_allclose(together, alone, rtol=1e-9, atol=1e-12)


@given(widths, seeds)
def test_without_activation_a_net_is_one_matrix(sizes, seed):
    params, X, _ = random_net(sizes, seed)
    W, b = np.eye(sizes[0]), np.zeros(sizes[0])
    for V, c in params:
        W, b = V @ W, V @ b + c
    np.testing.assert_allclose(forward(params, X, act=lambda z: z)[0], X @ W.T + b, rtol=1e-9, atol=1e-9)


@given(widths, seeds)
def test_the_trace_holds_what_went_in_and_what_came_out_of_each_layer(sizes, seed):
    params, X, _ = random_net(sizes, seed)
    z, trace = forward(params, X)
    assert trace[0][0] is X and trace[-1][1] is z
    for (_, below), (a, _) in zip(trace, trace[1:]):
        np.testing.assert_array_equal(a, np.tanh(below))


@pytest.mark.parametrize("X", [np.ones((5, 3)), np.ones(2), np.ones((1, 5, 2)), 3.0])
def test_samples_that_do_not_fit_raise_with_both_shapes(X):
    with pytest.raises(ValueError, match=r"inputs \(.*\), W \(1, 2\), b \(1,\); wanted \(m, n_in\)"):
        forward(init_mlp((2, 1), np.random.default_rng(0)), X)


@pytest.mark.parametrize("b", [np.zeros((4, 1)), np.zeros(1), np.zeros(3)])
def test_a_bias_that_does_not_belong_to_the_outputs_raises(b):
    with pytest.raises(ValueError, match=r"W \(4, 3\), b .*wanted"):
        forward([(np.ones((4, 3)), b)], np.ones((4, 3)))


def test_a_second_layer_that_does_not_fit_the_first_raises():
    params = [(np.ones((4, 3)), np.zeros(4)), (np.ones((2, 5)), np.zeros(2))]
    with pytest.raises(ValueError, match=r"inputs \(6, 4\), W \(2, 5\)"):
        forward(params, np.ones((6, 3)))


def test_samples_may_be_a_list_of_lists():
    params, X, _ = random_net((3, 2), 0)
    np.testing.assert_array_equal(forward(params, X.tolist())[0], forward(params, X)[0])


def test_backward_of_one_tanh_unit_worked_out_by_hand():
    params = [(np.array([[0.5]]), np.array([0.0])), (np.array([[3.0]]), np.array([0.0]))]
    X = np.array([[0.0], [0.0]])  # z = 0: tanh has slope 1 there and value 0
    grads = backward(params, forward(params, X)[1], np.array([[1.0], [10.0]]))
    assert [(dW.tolist(), db.tolist()) for dW, db in grads] == [([[0.0]], [33.0]), ([[0.0]], [11.0])]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("sizes", [(3, 2), (3, 5, 2), (4, 2, 6, 3, 5)])
@pytest.mark.parametrize("name", ["tanh", "sigmoid", "relu"])
def test_backward_equals_autograd_for_every_weight_and_bias(name, sizes, seed):
    torch = pytest.importorskip("torch")
    sigmoid = lambda z: 1 / (1 + np.exp(-z))
    act, slope = {
        "tanh": (np.tanh, tanh_slope),
        "sigmoid": (sigmoid, lambda z: sigmoid(z) * (1 - sigmoid(z))),
        "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0) * 1.0),
    }[name]
    params, X, delta = random_net(sizes, seed)
    leaves = [[torch.tensor(p, requires_grad=True) for p in pair] for pair in params]
    a = torch.tensor(X)
    for W, b in leaves:
        z = torch.nn.functional.linear(a, W, b)
        a = getattr(torch, name)(z)
    z.backward(torch.tensor(delta))
    for pair, mine in zip(leaves, backward(params, forward(params, X, act)[1], delta, slope)):
        for leaf, grad in zip(pair, mine):
            np.testing.assert_allclose(grad, leaf.grad.numpy(), rtol=1e-9, atol=1e-12)


@given(widths, seeds)
def test_gradients_have_the_shapes_of_the_parameters(sizes, seed):
    params, X, delta = random_net(sizes, seed)
    grads = backward(params, forward(params, X)[1], delta)
    assert [(dW.shape, db.shape) for dW, db in grads] == [(W.shape, b.shape) for W, b in params]


@given(widths, seeds)
def test_the_gradient_of_a_batch_is_the_sum_over_its_samples(sizes, seed):
    params, X, delta = random_net(sizes, seed)
    whole = backward(params, forward(params, X)[1], delta)
    single = [backward(params, forward(params, x[None])[1], d[None]) for x, d in zip(X, delta)]
    for l, (dW, db) in enumerate(whole):
        np.testing.assert_allclose(dW, sum(g[l][0] for g in single), rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(db, sum(g[l][1] for g in single), rtol=1e-9, atol=1e-11)


@given(widths, seeds)
def test_backward_is_linear_in_delta(sizes, seed):
    params, X, delta = random_net(sizes, seed)
    trace = forward(params, X)[1]
    once, thrice = backward(params, trace, delta), backward(params, trace, -3 * delta)
    for pair, other in zip(once, thrice):
        for g, h in zip(pair, other):
            np.testing.assert_allclose(h, -3 * g, rtol=1e-9, atol=1e-11)


def test_backward_twice_gives_the_same_and_changes_nothing():
    params, X, delta = random_net((3, 4, 2), 0)
    kept = [p.copy() for pair in params for p in pair], X.copy(), delta.copy()
    trace = forward(params, X)[1]
    first, second = (backward(params, trace, delta) for _ in range(2))
    assert all(np.array_equal(g, h) for pair in zip(first, second) for g, h in zip(*pair))
    assert all(np.array_equal(p, old) for p, old in zip([p for pair in params for p in pair], kept[0]))
    assert np.array_equal(X, kept[1]) and np.array_equal(delta, kept[2])


def test_a_delta_of_another_shape_raises_with_both_shapes():
    params, X, _ = random_net((3, 2), 0)
    with pytest.raises(ValueError, match=r"delta \(5,\) .*; wanted \(5, 2\)"):
        backward(params, forward(params, X)[1], np.ones(5))


def test_a_trace_of_another_net_raises():
    params, X, delta = random_net((3, 4, 2), 0)
    _, trace = forward(params, X)
    with pytest.raises(ValueError, match="a trace of 1 layers; wanted .* and 2 layers"):
        backward(params, trace[1:], delta)


def test_update_refuses_gradients_of_another_number_of_layers():
    params, X, delta = random_net((3, 4, 2), 0)
    grads = backward(params, forward(params, X)[1], delta)
    for wrong in (grads[:1], [], grads + grads):
        with pytest.raises(ValueError):
            update(params, wrong, 0.1)


def test_update_takes_one_step_and_leaves_the_old_parameters_alone():
    params = [(np.array([[1.0, 2.0]]), np.array([3.0]))]
    grads = [(np.array([[10.0, -10.0]]), np.array([1.0]))]
    ((W, b),) = update(params, grads, 0.1)
    np.testing.assert_allclose(W, [[0.0, 3.0]])
    np.testing.assert_allclose(b, [2.9])
    assert params[0][0].tolist() == [[1.0, 2.0]] and params[0][1].tolist() == [3.0]


def test_cross_entropy_worked_out_by_hand():
    loss, delta = softmax_cross_entropy(np.log([[3.0, 1.0, 6.0], [1.0, 1.0, 2.0]]), np.array([1, 2]))
    assert loss == pytest.approx((np.log(10) + np.log(2)) / 2)
    np.testing.assert_allclose(delta, [[0.15, -0.45, 0.3], [0.125, 0.125, -0.25]])


@given(seeds, st.integers(1, 6), st.integers(2, 6), st.floats(0.01, 300))
def test_cross_entropy_equals_pytorch_with_its_gradient(seed, m, c, scale):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(seed)
    z, y = rng.normal(size=(m, c)) * scale, rng.integers(c, size=m)
    leaf = torch.tensor(z, requires_grad=True)
    want = torch.nn.functional.cross_entropy(leaf, torch.tensor(y))
    want.backward()
    loss, delta = softmax_cross_entropy(z, y)
    assert loss == pytest.approx(want.item(), rel=1e-9, abs=1e-12)
    np.testing.assert_allclose(delta, leaf.grad.numpy(), rtol=1e-9, atol=1e-12)


@given(seeds, st.floats(-1e4, 1e4))
def test_the_same_number_on_all_logits_of_a_row_changes_nothing(seed, shift):
    rng = np.random.default_rng(seed)
    z, y = rng.normal(size=(4, 3)), rng.integers(3, size=4)
    (loss, delta), (moved, other) = softmax_cross_entropy(z, y), softmax_cross_entropy(z + shift, y)
    assert moved == pytest.approx(loss, rel=1e-9, abs=1e-9)
    np.testing.assert_allclose(other, delta, atol=1e-9)
    np.testing.assert_allclose(delta.sum(axis=1), 0, atol=1e-12)


def test_rows_with_logits_far_apart_stay_finite():
    loss, delta = softmax_cross_entropy(np.array([[1000.0, 0.0], [-1000.0, -998.0]]), np.array([1, 1]))
    assert loss == pytest.approx((1000 + np.log1p(np.exp(-2))) / 2)
    assert np.isfinite(delta).all()


def test_cross_entropy_leaves_the_logits_alone():
    z = np.ones((2, 3))
    softmax_cross_entropy(z, [0, 2])
    assert (z == 1).all()


@pytest.mark.parametrize("y", [[0], [0.0, 1.0], [[0, 1]], [True, False]])
def test_labels_that_are_not_one_integer_a_row_raise(y):
    with pytest.raises(ValueError, match=r"z \(2, 3\), y .*wanted \(m, c\), and m integers"):
        softmax_cross_entropy(np.zeros((2, 3)), y)


def test_labels_that_are_no_class_raise_and_say_what_they_are():
    with pytest.raises(ValueError, match="labels from 1 to 3; wanted 0 to 2"):
        softmax_cross_entropy(np.zeros((3, 3)), [1, 2, 3])
    with pytest.raises(ValueError, match="labels from -1 to 0; wanted 0 to 2"):
        softmax_cross_entropy(np.zeros((2, 3)), [0, -1])


def test_an_empty_batch_has_no_mean_loss():
    with pytest.raises(ValueError, match="wanted"):
        softmax_cross_entropy(np.zeros((0, 3)), np.zeros(0, int))


def test_training_solves_xor():
    X, y = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])
    params = init_mlp((2, 8, 2), np.random.default_rng(0))
    for _ in range(300):
        z, trace = forward(params, X)
        loss, delta = softmax_cross_entropy(z, y)
        params = update(params, backward(params, trace, delta), 1.0)
    assert loss < 0.05 and z.argmax(axis=1).tolist() == y.tolist()
