"""Value against torch, and its depth and memory."""

import gc
import math
import weakref

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gdcourse.scalar import Value, dot, topological_order

FUNCTIONS = {
    "add": lambda x, y: x + y + 1 + x, "mul": lambda x, y: 2 * x * y * x, "sub": lambda x, y: 3 - x - y - 1, "div": lambda x, y: 1 / x + y / x / 2,
    "neg": lambda x, y: -x * y, "pow": lambda x, y: x**3 + y**-2 + x**0 + x**0.5, "exp": lambda x, y: (x * y).exp(), "log": lambda x, y: (x / y).log(),
    "tanh": lambda x, y: (x - y).tanh(), "relu": lambda x, y: (x - y).relu() + 2 * (y - x).relu(), "diamond": lambda x, y: (x * y + x) * (x * y + x),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("x, y", [(1.5, 0.7), (0.3, 2.0), (1.0, 1.0)])
def test_values_and_slopes_are_those_of_torch(name, x, y):
    ours = [Value(x), Value(y)]
    theirs = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (x, y)]
    a, b = FUNCTIONS[name](*ours), FUNCTIONS[name](*theirs)
    a.backward()
    b.backward()
    assert math.isclose(a.data, b.item(), rel_tol=1e-12)
    for v, w in zip(ours, theirs):
        assert math.isclose(
            v.grad, w.grad.item() if w.grad is not None else 0.0, rel_tol=1e-12, abs_tol=1e-12
        )


def test_leaves_accumulate_and_inner_nodes_start_again():
    x = Value(2.0)
    y = x * x
    z = y * 3
    z.backward()
    z.backward()
    assert (x.grad, y.grad, z.grad) == (24.0, 3.0, 1.0)


def test_a_power_of_zero():
    x = Value(0.0)
    (x**0 + x**1 + x**2).backward()
    assert x.grad == 1.0


def test_a_root_of_a_negative_number_is_refused():
    assert (Value(-2.0) ** 3.0).data == -8.0
    with pytest.raises(ValueError, match="not a real number"):
        Value(-2.0) ** 0.5
    for f in (lambda x: 1 / x, lambda x: x**0.5):
        with pytest.raises(ZeroDivisionError):
            f(Value(0.0))


def test_dot_is_the_sum_of_products():
    w, x, b = [Value(2.0), Value(3.0)], [Value(4.0), Value(5.0)], Value(1.0)
    y = dot(w, x, b)
    y.backward()
    assert y.data == 24.0 and [v.grad for v in (*w, *x, b)] == [4.0, 5.0, 2.0, 3.0, 1.0]
    with pytest.raises(ValueError, match="2 weights for 1 inputs"):
        dot(w, x[:1], b)


def test_every_node_comes_after_its_inputs():
    x = Value(1.0)
    a = x * 2
    b = a + x
    order = topological_order(b * a)
    place = {node: i for i, node in enumerate(order)}
    assert all(place[parent] < place[node] for node in order for parent, _ in node.edges)


def test_a_leaf_in_itself_has_the_slope_one_and_accumulates():
    x = Value(5.0)
    x.backward()
    x.backward()
    assert x.grad == 2.0


def test_gradients_of_two_outputs_add_up_in_the_leaves():
    x, y = Value(2.0), Value(3.0)
    a = x * y
    (a * x).backward()
    (a + y).backward()
    assert (x.grad, y.grad, a.grad) == (2 * 2 * 3 + 3, 4 + 2 + 1, 1.0)


def test_a_slope_is_that_of_the_moment_of_use():
    x = Value(3.0)
    y = x * x
    x.data = 5.0
    y.backward()
    assert x.grad == 6.0


def test_a_numpy_number_on_either_side_gives_a_value():
    x = Value(3.0)
    for y in (np.float64(2) * x, x * np.float64(2), np.float64(1) + x, np.float64(6) / x, x / np.int64(2)):
        assert isinstance(y, Value)


@given(st.integers(2, 12), st.integers(0, 10_000))
def test_a_random_graph_has_the_slopes_of_its_forward_mode(n, seed):
    rng = np.random.default_rng(seed)
    start = rng.normal(size=2)
    nodes, tangents = [Value(v) for v in start], list(np.eye(2))  # tangent: slopes in both inputs
    for _ in range(n):
        (a, da), (b, db) = ((nodes[k], tangents[k]) for k in rng.integers(len(nodes), size=2))
        if rng.random() < 0.5:
            nodes.append(a + b)
            tangents.append(da + db)
        else:
            nodes.append((a * b).tanh())
            tangents.append((1 - nodes[-1].data ** 2) * (da * b.data + db * a.data))
    nodes[-1].backward()
    np.testing.assert_allclose([v.grad for v in nodes[:2]], tangents[-1], rtol=1e-10, atol=1e-12)


def test_a_chain_of_100000_runs_and_is_freed_without_the_collector():
    gc.collect()
    gc.disable()
    try:
        x = y = Value(1.0)
        for _ in range(100_000):
            y = y + x
        inner = weakref.ref(y)
        y.backward()
        assert x.grad == 100_001.0
        del y
        assert inner() is None and gc.collect() == 0
    finally:
        gc.enable()
