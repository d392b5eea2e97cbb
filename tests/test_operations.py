"""Every operation against torch: values, gradients with random cotangents, dtypes, layouts, constants."""

import inspect
import warnings

import numpy as np
import pytest
import torch

from gdcourse import functional, tensor
from gdcourse.tensor import Tensor
from tests.operations import OPERATIONS

torch.set_num_threads(1)
CASES = [
    pytest.param(*case, id=f"{name}-{i}")
    for name, cases in OPERATIONS.items()
    for i, case in enumerate(cases)
]
DTYPES = [np.float32, np.float64]
TOLERANCE = {np.float32: dict(rtol=3e-5, atol=3e-5), np.float64: dict(rtol=1e-9, atol=1e-11)}


class TorchF:
    def __getattr__(self, name):
        return getattr(torch.nn.functional, name, None) or getattr(torch, name)


def run_torch(f, arrays, cotangent=None, needs=None):
    needs = needs or [True] * len(arrays)
    inputs = [torch.tensor(a, requires_grad=need) for a, need in zip(arrays, needs)]
    out = f(torch, TorchF(), *inputs)
    if cotangent is None:
        return out.detach().numpy()
    out.backward(torch.tensor(cotangent, dtype=out.dtype))
    return [None if x.grad is None else x.grad.numpy() for x in inputs]


def run_ours(f, arrays, cotangent=None, needs=None):
    needs = needs or [True] * len(arrays)
    inputs = [Tensor(a, requires_grad=need) for a, need in zip(arrays, needs)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        out = f(tensor, functional, *inputs)
        if cotangent is None:
            return out.data
        out.backward(cotangent)
    return [x.grad for x in inputs]


def cast(inputs, dtype):
    return [np.array(a, dtype=dtype) for a in inputs]


def draw(shape, dtype):
    return np.asarray(np.random.default_rng(1).normal(size=shape), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("f, inputs", CASES)
def test_value_and_dtype_are_those_of_torch(f, inputs, dtype):
    arrays = cast(inputs, dtype)
    ours, theirs = run_ours(f, arrays), run_torch(f, arrays)
    assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours, theirs, **TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("f, inputs", CASES)
def test_gradients_with_a_random_cotangent_are_those_of_torch(f, inputs, dtype):
    arrays = cast(inputs, dtype)
    cotangent = draw(run_torch(f, arrays).shape, dtype)
    for a, ours, theirs in zip(arrays, run_ours(f, arrays, cotangent), run_torch(f, arrays, cotangent)):
        assert type(ours) is np.ndarray and ours.dtype == dtype and ours.shape == a.shape
        assert not np.shares_memory(ours, cotangent)
        np.testing.assert_allclose(ours, theirs, **TOLERANCE[dtype])


@pytest.mark.parametrize("f, inputs", CASES)
def test_inputs_that_lie_scattered_in_memory_give_the_same(f, inputs):
    arrays = cast(inputs, np.float64)
    scattered = [np.repeat(a, 2, axis=-1)[..., ::2] if a.ndim else a for a in arrays]
    fortran = [np.array(a, order="F") for a in arrays]
    cotangent = draw(run_ours(f, arrays).shape, np.float64)
    wanted = run_ours(f, arrays, cotangent)
    for other in (scattered, fortran):
        for ours, right in zip(run_ours(f, other, cotangent), wanted):
            np.testing.assert_allclose(ours, right, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("f, inputs", [c for c in CASES if len(c.values[1]) > 1])
def test_a_constant_gets_no_gradient_and_the_others_theirs(f, inputs):
    arrays = cast(inputs, np.float64)
    cotangent = draw(run_ours(f, arrays).shape, np.float64)
    wanted = run_ours(f, arrays, cotangent)
    for constant in range(len(arrays)):
        grads = run_ours(f, arrays, cotangent, [i != constant for i in range(len(arrays))])
        assert grads[constant] is None
        for i, right in enumerate(wanted):
            if i != constant:
                np.testing.assert_allclose(grads[i], right, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("f, inputs", CASES)
def test_an_inner_input_and_two_uses_add_up(f, inputs):
    """The inputs are made by operations, and f is used twice: the graph has diamonds."""
    arrays = cast(inputs, np.float64)
    c = draw(run_ours(f, arrays).shape, np.float64)

    def twice(t, F, *xs):
        inner = [x * 1 for x in xs]
        return (f(t, F, *inner) * t.tensor(c)).sum() + (f(t, F, *inner) * t.tensor(2 * c)).sum()

    one = np.ones(())
    for ours, theirs in zip(run_ours(twice, arrays, one), run_torch(twice, arrays, one)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-10)


@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.parametrize("f, inputs", CASES)
def test_no_grad_records_nothing(f, inputs):
    with tensor.no_grad():
        out = f(tensor, functional, *[Tensor(np.array(a), requires_grad=True) for a in inputs])
    assert out.edges == () or out.is_leaf
    assert not out.requires_grad or out.op == "leaf"  # dropout without effect returns its input


MACHINERY = {  # public names that are no operations, and the tests that hold them
    "Tensor", "node", "pair", "alike", "unbroadcast", "unary", "binary", "reduction", "moving", "no_grad",
    "tensor", "zeros", "ones", "arange", "argmax",
}  # fmt: skip


def test_the_table_names_every_public_operation():
    public = {
        name
        for module in (tensor, functional)
        for name, x in vars(module).items()
        if callable(x)
        and not name.startswith("_")
        and inspect.getmodule(x) is module
        and not inspect.isclass(x)
    }
    methods = {name for name, x in vars(Tensor).items() if inspect.isfunction(x) and not name.startswith("_")}
    others = {"backward", "detach", "numpy", "item", "float", "double"}
    assert public - MACHINERY - OPERATIONS.keys() == set()
    assert methods - MACHINERY - others - OPERATIONS.keys() == set()
    assert OPERATIONS.keys() - public - methods == set()
