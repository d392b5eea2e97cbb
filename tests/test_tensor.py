"""The graph: order, depth, memory, errors, dtypes, changes in place."""

import gc
import weakref
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gdcourse import functional as F
from gdcourse import tensor as t
from gdcourse.tensor import Tensor, no_grad


def leaf(*data, dtype=np.float64):
    return Tensor(np.array(data, dtype), requires_grad=True)


# the graph


def test_gradients_accumulate_until_they_are_reset():
    x = leaf(1.0, 2.0)
    (x * 3).sum().backward()
    (x * x).sum().backward()
    assert x.grad.tolist() == [5.0, 7.0]
    x.grad = None
    x.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]


def test_a_diamond_adds_both_ways():
    x = leaf(2.0)
    y = x * x
    (y * y + y).sum().backward()
    assert x.grad.tolist() == [4 * 8 + 4.0]


def test_a_leaf_can_be_the_output():
    x = leaf(3.0)
    x.backward()
    x.backward(np.array([2.0]))
    assert x.grad.tolist() == [3.0]


def test_two_leaves_never_share_a_gradient():
    x, y, g = leaf(1.0), leaf(2.0), np.array([1.0])
    (x + y).backward(g)
    x.grad += 1
    assert y.grad.tolist() == [1.0] and g.tolist() == [1.0]


def test_inner_nodes_keep_no_gradient_and_no_edges():
    x = leaf(1.0)
    y = x * 2
    z = y * 3
    z.backward()
    assert y.grad is None and z.grad is None and y.edges is None


def test_detach_cuts_the_graph():
    x = leaf(2.0)
    (x * x.detach()).backward()
    assert x.grad.tolist() == [2.0]
    assert np.shares_memory(x.data, x.detach().data)


def test_no_grad_ends_also_when_an_error_leaves_it():
    with pytest.raises(KeyError), no_grad():
        raise KeyError
    assert (leaf(1.0) * 2).requires_grad


def test_no_grad_decorates_a_function():
    @no_grad()
    def f(x):
        return x * 2

    assert not f(leaf(1.0)).requires_grad and (leaf(1.0) * 2).requires_grad


@pytest.mark.parametrize(
    "op",
    [
        lambda x: x * 1.0,
        lambda x: x + 1,
        lambda x: (x + x) * 0.5,
        lambda x: t.cat([x[:1], x[1:]]),
        lambda x: x.reshape(1, -1).squeeze(0),
    ],
)
def test_a_chain_of_100000_runs_and_is_freed(op):
    x = leaf(1.0, dtype=np.float32)
    y = x * 0.0
    for _ in range(100_000 if op(x).op in ("mul", "add") else 10_000):
        y = op(y)
    y.backward()
    assert x.grad is not None
    for _ in range(100_000):
        x = x * 1.0
    del x  # dropped without backward


def test_with_the_collector_off_nothing_is_left():
    gc.collect()
    gc.disable()
    try:
        x, ids = Tensor(np.ones((2, 4, 8), np.float32), requires_grad=True), t.tensor([0, 1])
        y = F.scaled_dot_product_attention(x, x, F.gelu(x, approximate="tanh"), is_causal=True)
        y = F.layer_norm(F.dropout(y, 0.5), (8,))
        inner = weakref.ref(y)
        loss = F.cross_entropy(y[:, ids].reshape(-1, 8), t.tensor([0, 1, 2, 3])) + t.max(y, 1).values.var()
        loss = loss + F.conv2d(y.unsqueeze(1), Tensor(np.ones((1, 1, 2, 2), np.float32))).sum()
        loss.backward()
        del y, loss
        assert inner() is None
        y = weakref.ref(t.exp(x))  # a graph that is dropped without backward
        assert y() is None
        assert gc.collect() == 0
    finally:
        gc.enable()


# errors


def test_backward_without_a_gradient_wants_one_number():
    with pytest.raises(RuntimeError, match=r"backward from shape \(2,\): give a gradient"):
        (leaf(1.0, 2.0) * 2).backward()


def test_a_gradient_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"shape \(1,\); wanted \(2,\)"):
        (leaf(1.0, 2.0) * 2).backward(np.ones(1))


def test_backward_where_nothing_requires_a_gradient_is_refused():
    with pytest.raises(RuntimeError, match=r"no input of this mul of shape \(1,\) requires a gradient"):
        (Tensor([1.0]) * 2).backward()


def test_a_second_backward_on_a_freed_graph_is_refused_before_anything_changes():
    x = leaf(1.0)
    y = x * 2
    y.backward()
    with pytest.raises(RuntimeError, match=r"earlier backward freed mul \(1,\)"):
        y.backward()
    with pytest.raises(RuntimeError, match=r"earlier backward freed mul \(1,\)"):
        (x * y).backward()
    assert x.grad.tolist() == [2.0]


def test_integers_have_no_gradients():
    with pytest.raises(TypeError, match="int64"):
        Tensor([1, 2], requires_grad=True)
    with pytest.raises(TypeError, match="int64"):
        t.tensor([1, 2], requires_grad=True)


a23, a4 = Tensor(np.ones((2, 3))), Tensor(np.ones(4))
BAD_SHAPES = {
    "add": lambda: a23 + a4, "mul": lambda: a23 * np.ones(4), "maximum": lambda: t.maximum(a23, a4), "matmul": lambda: a23 @ a4,
    "where": lambda: t.where(a23 > 0, a4, 1.0), "sum": lambda: a23.sum(2), "mean": lambda: a23.mean((0, 5)), "max": lambda: a23.max(2),
    "reshape": lambda: a23.reshape(4, -1), "permute": lambda: a23.permute(0, 1, 2), "transpose": lambda: a23.transpose(0, 2), "expand": lambda: a23.expand(4, 3),
    "x[index]": lambda: a23[5], "cat": lambda: t.cat([a23, a4]), "stack": lambda: t.stack([a23, a4]), "split": lambda: a23.split([1, 1], 1),
    "softmax": lambda: F.softmax(a23, 2), "linear": lambda: F.linear(a4, a23), "layer_norm": lambda: F.layer_norm(a23, (4,)), "pad": lambda: F.pad(a4, (1,)),
    "cross_entropy": lambda: F.cross_entropy(a23, t.tensor([0, 1, 2])), "mse_loss": lambda: F.mse_loss(a23, a4), "embedding": lambda: F.embedding(t.tensor([2]), a23),
    "conv2d of": lambda: F.conv2d(Tensor(np.ones((1, 1, 2, 2))), Tensor(np.ones((1, 1, 3, 3)))),
    "conv2d": lambda: F.conv2d(a23, a4), "max_pool2d": lambda: F.max_pool2d(Tensor(np.ones((1, 1, 2, 2))), 3), "avg_pool2d": lambda: F.avg_pool2d(Tensor(np.ones((1, 1, 2, 2))), 3),
    "scaled_dot_product_attention": lambda: F.scaled_dot_product_attention(a23, a23.T, a23),
    "binary_cross_entropy_with_logits": lambda: F.binary_cross_entropy_with_logits(a23, a4),
}  # fmt: skip


@pytest.mark.parametrize("op", BAD_SHAPES)
def test_a_shape_error_names_the_operation_and_the_shapes(op):
    with pytest.raises((ValueError, IndexError)) as error:
        BAD_SHAPES[op]()
    message = str(error.value)
    assert op in message and message.count("(") - message.count("(m,") >= 1
    assert "(2, 3)" in message or "(2,3)" in message or "(4,)" in message or "2" in message


@pytest.mark.parametrize("size", [0, -1, [1, 1], []])
def test_a_split_that_does_not_fit_is_refused(size):
    with pytest.raises(ValueError, match=r"split of \(2, 3\) along 1: size .* that adds to 3"):
        a23.split(size, 1)


@pytest.mark.parametrize("other", [None, "a", 1j, [None]])
def test_an_operand_that_is_no_number_is_refused(other):
    with pytest.raises(TypeError, match="is no tensor, array or real number"):
        a23 + other


def test_an_unknown_reduction_is_refused():
    with pytest.raises(ValueError, match="reduction is 'avg'; wanted one of mean, sum, none"):
        F.mse_loss(a23, a23, reduction="avg")


def test_functions_take_lists_and_arrays_as_constants():
    assert t.sum([1.0, 2.0]).item() == 3.0 and t.exp(np.zeros(1)).data.tolist() == [1.0]
    assert t.reshape([[1, 2]], 2).shape == (2,)


# dtypes


@pytest.mark.parametrize("number", [2, 2.5, True, np.float64(2.5), np.float32(0.5), np.int64(3)])
def test_numbers_take_the_dtype_of_the_tensor(number):
    x = leaf(1.0, 2.0, dtype=np.float32)
    for y in (x + number, number + x, x * number, number / x, x**number, x - number):
        assert y.dtype == np.float32
        y.sum().backward()
    assert x.grad.dtype == np.float32


@pytest.mark.parametrize("other", [np.array([1, 2]), np.array([True, False]), np.array([1, 2], np.uint8)])
def test_integers_and_booleans_take_the_dtype_of_the_floats(other):
    x = leaf(1.0, 2.0, dtype=np.float32)
    for y in (x + other, other * x, x * Tensor(other), Tensor(other) - x):
        assert y.dtype == np.float32


@pytest.mark.parametrize("f", [lambda x, y: x + y, lambda x, y: x @ y, lambda x, y: t.cat([x, y]), lambda x, y: t.where(x > 0, x, y), lambda x, y: F.mse_loss(x, y), lambda x, y: x * y.data])  # fmt: skip
def test_float32_with_float64_is_refused(f):
    with pytest.raises(TypeError, match="float32.*float64"):
        f(Tensor(np.ones(3, np.float32)), Tensor(np.ones(3)))


def test_an_array_on_the_left_leaves_the_work_to_the_tensor():
    x = leaf(1.0, 2.0)
    y = np.array([3.0, 4.0]) * x
    assert isinstance(y, Tensor) and y.requires_grad


def test_a_gradient_goes_back_through_a_change_of_dtype():
    x = leaf(1.0, 2.0, dtype=np.float32)
    (x.double() * np.array([3.0, 4.0])).sum().backward()
    assert x.grad.dtype == np.float32 and x.grad.tolist() == [3.0, 4.0]


# in place


def test_a_leaf_changes_in_place_within_no_grad():
    x = leaf(1.0, 2.0)
    data = x.data
    with no_grad():
        x -= 0.5
        x *= 2
        x += np.array([1.0, 0.0])
        x /= 2
        x[0] = 7.0
    assert x.data is data and data.tolist() == [7.0, 1.5]
    assert x.is_leaf and x.requires_grad


def test_a_leaf_does_not_change_while_operations_are_recorded():
    x = leaf(1.0)
    with pytest.raises(RuntimeError, match=r"in-place add .* shape \(1,\)"):
        x += 1
    with pytest.raises(RuntimeError, match=r"x\[index\] = ... .* shape \(1,\)"):
        x[0] = 1.0


def test_plus_equals_on_what_an_operation_made_makes_a_new_tensor():
    x = leaf(1.0)
    y = z = x * 2
    y += x
    y.backward()
    assert y is not z and z.data.tolist() == [2.0] and x.grad.tolist() == [3.0]


def test_what_an_operation_made_cannot_be_changed():
    y = leaf(1.0) * 2
    with pytest.raises(RuntimeError, match="made by mul"), no_grad():
        y += 1
    with pytest.raises(ValueError, match="read-only"):
        y.data[0] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        y.detach().data[0] = 1.0


CHANGES = {
    "the leaf": (lambda w, c: (w * w).sum(), lambda w, c: w),
    "a constant": (lambda w, c: (w * c).sum(), lambda w, c: c),
    "a leaf seen through a view": (lambda w, c: (w[:1] * w[:1]).sum(), lambda w, c: w),
    "a constant seen through a view": (lambda w, c: (w * c.reshape(-1)).sum(), lambda w, c: c),
    "a view of the leaf": (lambda w, c: (w * w).sum(), lambda w, c: w.detach()[1:]),
    "a leaf used through detach": (lambda w, c: (c * leaf(1.0, 1.0) * w.detach()).sum(), lambda w, c: w),
}


@pytest.mark.parametrize("case", CHANGES)
def test_backward_refuses_when_what_it_needs_was_changed(case):
    f, changed = CHANGES[case]
    w, c = leaf(1.0, 2.0), Tensor([3.0, 4.0])
    loss = f(w, c)
    with no_grad():
        target = changed(w, c)
        target += 1
    with pytest.raises(RuntimeError, match=r"mul .*changed in place|changed in place after mul"):
        loss.backward()
    assert w.grad is None


def test_a_view_taken_before_the_change_and_used_after_it_is_fine():
    w = leaf(1.0, 2.0)
    view = w[:1]
    with no_grad():
        w += 1
    (view * 3).backward()
    assert w.grad.tolist() == [3.0, 0.0] and view.data.tolist() == [2.0]


def test_a_change_before_the_use_is_fine():
    w = leaf(1.0, 2.0)
    with no_grad():
        w *= 3
    (w * w).sum().backward()
    assert w.grad.tolist() == [6.0, 12.0]


def test_a_freed_graph_does_not_mind_changes():
    w = leaf(1.0)
    for _ in range(3):
        w.grad = None
        (w * w).backward()
        with no_grad():
            w -= 0.1 * w.grad
    np.testing.assert_allclose(w.data, 0.8**3)


# other methods


def test_comparisons_are_boolean_tensors_without_a_graph():
    x = leaf(1.0, 2.0)
    for f in (
        lambda a, b: a > b,
        lambda a, b: a >= b,
        lambda a, b: a < b,
        lambda a, b: a <= b,
        lambda a, b: a == b,
        lambda a, b: a != b,
    ):
        ours, theirs = f(x, 1.0), f(torch.tensor([1.0, 2.0]), 1.0)
        assert ours.dtype == bool and not ours.requires_grad and ours.data.tolist() == theirs.tolist()
    assert (~(x > 1)).data.tolist() == [True, False]
    assert (x == Tensor([1.0, 3.0])).float().mean().item() == 0.5


def test_argmax_and_max_take_the_first_of_a_tie():
    x = Tensor([[1.0, 3.0, 3.0], [2.0, 2.0, 0.0]])
    assert x.argmax(1).data.tolist() == x.max(1).indices.data.tolist() == [1, 0]
    assert x.argmax().item() == 1 and x.min(1).indices.data.tolist() == [0, 2]


def test_makers_give_torchs_dtypes():
    assert (
        t.zeros(2, 3).shape == (2, 3)
        and t.zeros(2).dtype == np.float32
        and t.ones(2).data.tolist() == [1.0, 1.0]
    )
    assert t.arange(3).dtype == np.int64 and t.arange(1, 3).data.tolist() == [1, 2]
    data = np.ones(2)
    assert not np.shares_memory(t.tensor(data).data, data) and np.shares_memory(Tensor(data).data, data)


def test_item_numpy_len_bool_and_repr():
    x = leaf(1.5)
    assert x.item() == 1.5 and len(x) == 1 and bool(x > 1) and x.detach().numpy().tolist() == [1.5]
    assert repr(x * 2) == "tensor([3.], op=mul)"
    with pytest.raises(RuntimeError, match="detach"):
        x.numpy()


def test_dropout_keeps_the_mean_and_its_gradient_is_the_mask():
    x = Tensor(np.ones((300, 300), np.float32), requires_grad=True)
    y = F.dropout(x, 0.25, rng=np.random.default_rng(0))
    y.sum().backward()
    assert y.dtype == x.grad.dtype == np.float32
    np.testing.assert_array_equal(x.grad, y.data)
    assert set(np.unique(y.data)) == {np.float32(0), np.float32(1 / 0.75)} and abs(y.data.mean() - 1) < 0.01


def test_attention_drops_weights_with_the_right_gradient():
    q, k, v = (Tensor(np.random.default_rng(i).normal(size=(3, 4)), requires_grad=True) for i in range(3))
    cotangent = np.random.default_rng(3).normal(size=(3, 4))
    F.scaled_dot_product_attention(q, k, v, dropout_p=0.5, rng=np.random.default_rng(4)).backward(cotangent)
    kept = F._kept((3, 3), np.dtype(float), 0.5, np.random.default_rng(4))
    Q, K, V = (torch.tensor(x.data, requires_grad=True) for x in (q, k, v))
    (((Q @ K.T / 2).softmax(-1) * torch.tensor(kept)) @ V).backward(torch.tensor(cotangent))
    for ours, theirs in zip((q, k, v), (Q, K, V)):
        np.testing.assert_allclose(ours.grad, theirs.grad.numpy(), rtol=1e-9)


# laws

floats = hnp.arrays(
    np.float64, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4), elements=st.floats(-3, 3)
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(floats)
def test_backward_is_linear_in_the_cotangent(a):
    f = lambda x: t.tanh(x) * x + x.sum()
    g, h = (np.random.default_rng(i).normal(size=a.shape) for i in (0, 1))

    def pull(cotangent):
        x = Tensor(a, requires_grad=True)
        f(x).backward(cotangent)
        return x.grad

    np.testing.assert_allclose(pull(2 * g - h), 2 * pull(g) - pull(h), rtol=1e-9, atol=1e-9)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(hnp.mutually_broadcastable_shapes(num_shapes=2, max_side=3, max_dims=3))
def test_unbroadcast_is_the_adjoint_of_broadcasting(shapes):
    a, b = (np.random.default_rng(i).normal(size=s) for i, s in enumerate(shapes.input_shapes))
    g = np.random.default_rng(2).normal(size=shapes.result_shape)
    for x in (a, b):  # <broadcast x, g> = <x, unbroadcast g>
        np.testing.assert_allclose(
            (np.broadcast_to(x, g.shape) * g).sum(), (x * t.unbroadcast(g, x.shape)).sum(), atol=1e-9
        )


STEPS = [
    lambda t, F, x, y: x + y[:1],
    lambda t, F, x, y: x * y - y,
    lambda t, F, x, y: x @ y.T @ x,
    lambda t, F, x, y: t.tanh(x) * y.sum(1, keepdim=True),
    lambda t, F, x, y: F.softmax(x, 0) + y.mean(),
    lambda t, F, x, y: x[[2, 0, 2]] * y,
    lambda t, F, x, y: t.cat([x[1:], y[:1]]),
    lambda t, F, x, y: t.where(x > y, x, y * 2),
    lambda t, F, x, y: t.maximum(x, y).reshape(2, 6).reshape(3, 4),
    lambda t, F, x, y: x.permute(1, 0).permute(1, 0) / (1 + y * y),
    lambda t, F, x, y: F.layer_norm(x, (4,)) - F.logsumexp(y, 1, keepdim=True),
    lambda t, F, x, y: t.stack([x, y], 1).amax(1),
]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.tuples(*[st.integers(0, 99)] * 3), min_size=1, max_size=8))
def test_a_random_program_has_torchs_gradients(program):
    starts = [np.random.default_rng(i).normal(size=(3, 4)) for i in (0, 1)]
    cotangent = np.random.default_rng(2).normal(size=(3, 4))

    def run(t, F, pool):
        for step, i, j in program:
            pool = [*pool, F.tanh(STEPS[step % len(STEPS)](t, F, pool[i % len(pool)], pool[j % len(pool)]))]
        return pool[-1]

    ours = [Tensor(a, requires_grad=True) for a in starts]
    theirs = [torch.tensor(a, requires_grad=True) for a in starts]
    run(t, F, ours).backward(cotangent)
    F_torch = SimpleNamespace(**vars(torch.nn.functional) | {"logsumexp": torch.logsumexp})
    run(torch, F_torch, theirs).backward(torch.tensor(cotangent))
    for x, y in zip(ours, theirs):
        assert (x.grad is None) == (y.grad is None)
        if x.grad is not None:
            np.testing.assert_allclose(x.grad, y.grad.numpy(), rtol=1e-8, atol=1e-10)


def test_a_recorded_value_is_not_written_into_a_constant_or_taken_for_a_mask():
    x, c = leaf(1.0), Tensor(np.zeros(2))
    c[0] = 5.0
    with pytest.raises(RuntimeError, match=r"mul \(1,\) is not recorded"):
        c[:1] = x * 2
    with pytest.raises(TypeError, match="mask"):
        F.scaled_dot_product_attention(*[Tensor(np.ones((1, 1)))] * 3, attn_mask=leaf(1.0))
    assert c.data.tolist() == [5.0, 0.0]


def test_numpy_reads_a_tensor_as_one_array_and_refuses_one_that_requires_a_gradient():
    assert np.asarray(Tensor([[1.0, 2.0]])).dtype == float and float(leaf(2.5)[0]) == 2.5
    with pytest.raises(RuntimeError, match="detach"):
        np.asarray(leaf(1.0))


def test_a_gradient_of_the_wrong_shape_is_not_reshaped():
    x = leaf([0.0, 1.0, 2.0], [3.0, 4.0, 5.0])
    y = t.node("T", x.data.T, (x, lambda g: g))  # forgets to move back
    with pytest.raises(ValueError, match=r"gradient of shape \(3, 2\) for an array of shape \(2, 3\)"):
        y.backward(np.ones((3, 2)))


def test_numpy_copies_when_it_is_asked_to():
    x = Tensor([1.0, 2.0])
    copy = np.array(x)
    copy[0] = 5.0
    assert x.data.tolist() == [1.0, 2.0] and np.asarray(x) is x.data


def test_an_error_in_the_middle_of_a_sweep_leaves_no_share_behind():
    x = leaf(3.0)
    y = x * 1
    bad = t.node("bad", y.data * 2, (y, lambda g: 1 / 0))
    both = y * 2 + bad
    with pytest.raises(ZeroDivisionError):
        both.backward()
    assert y.grad is None
    with pytest.raises(RuntimeError, match="freed mul"):
        (y * 5).backward()


def test_a_rule_may_return_the_data_themselves():
    x = leaf(2.0, 3.0)
    for _ in range(2):
        t.node("half square", x.data**2 / 2, (x, lambda g: x.data)).backward(np.ones(2))
    assert x.data.tolist() == [2.0, 3.0] and x.grad.tolist() == [4.0, 6.0]


@pytest.mark.parametrize("change", [lambda w: w.__iadd__(np.ones(3)), lambda w: w.__setitem__(0, np.ones(3)), lambda w: w.__imul__(np.ones(2, np.float32))])  # fmt: skip
def test_a_refused_change_leaves_the_leaf_as_old_as_it_was(change):
    w = leaf(1.0, 2.0)
    loss = (w * w).sum()
    with no_grad(), pytest.raises((ValueError, TypeError)):
        change(w)
    loss.backward()
    assert w.grad.tolist() == [2.0, 4.0]


def test_an_index_that_changes_after_its_use_does_no_harm():
    x, i = leaf(1.0, 2.0, 3.0), np.array([0, 0])
    y = x[i].sum() + F.embedding(i, x.reshape(3, 1)).sum()
    i[:] = 2
    y.backward()
    assert x.grad.tolist() == [4.0, 0.0, 0.0]


def test_lists_of_axes_shapes_in_a_tuple_and_names_of_arguments_are_those_of_torch():
    x = Tensor(np.ones((2, 3)))
    assert x.sum([0, 1]).item() == 6.0 and x.unsqueeze(dim=0).shape == (1, 2, 3)
    assert t.zeros((2, 3)).shape == (2, 3) and t.ones(2, requires_grad=True).requires_grad
    assert float(Tensor([1.5])) == 1.5
    with pytest.raises(TypeError):
        list(Tensor(3.0))


def test_a_value_that_is_the_input_itself_leaves_the_input_writable():
    w = leaf(1.0, 2.0)
    t.node("reverse", w.data, (w, lambda g: -g)).sum().backward()
    with no_grad():
        w -= 1.0
    assert w.grad.tolist() == [-1.0, -1.0] and w.data.tolist() == [0.0, 1.0]


@pytest.mark.parametrize("vjp", [lambda g: None, lambda g: np.ones(5), lambda g: 1.0])
def test_a_wrong_vjp_is_called_by_the_name_of_its_operation(vjp):
    w = leaf(1.0, 2.0)
    with pytest.raises((ValueError, AttributeError), match=r"the vjp of wrong \(2,\): "):
        t.node("wrong", w.data * 2, (w, vjp)).backward(np.ones(2))


def test_a_gradient_takes_the_dtype_of_its_leaf():
    w = leaf(1.0, 2.0, dtype=np.float32)
    t.node("double", w.data * 2, (w, lambda g: g * np.array([2.0, 2.0]))).backward(np.ones(2))
    assert w.grad.dtype == np.float32


def test_one_number_is_formatted_like_a_number():
    assert f"{leaf(0.5).sum():.2f}" == "0.50" and f"{Tensor([1.0])}" == "tensor([1.])"


def test_causal_attention_with_a_mask_beside_it_is_refused():
    x = Tensor(np.ones((2, 2)))
    with pytest.raises(ValueError, match="wanted one of the two"):
        F.scaled_dot_product_attention(x, x, x, attn_mask=x, is_causal=True)
