"""Reverse-mode differentiation of arrays: an operation is a value and a linear map for each input.

Derived in "Build Tensor" (notebooks/14_tensor_autograd.ipynb). Names and behaviour are torch's: with
``import gdcourse.tensor as torch`` a model runs that keeps to the names in here. What differs: ``grad`` is a
NumPy array, float32 and float64 never mix by themselves, lists of floats become float64, as in NumPy, and a
gradient has no gradient of its own.
"""

import math
import operator
from collections import namedtuple
from contextlib import contextmanager
from itertools import count

import numpy as np

_clock = count()  # birth numbers
_recording = True


class Tensor:
    """An array that remembers how it was made, so that ``backward`` finds its gradient in every input.

    ``edges`` holds a (parent, vjp) pair for each input: ``vjp(g)`` turns the gradient ``g`` of this tensor
    into the parent's share; it is None for a parent that needs no gradient. Nothing points from a parent to
    what is made of it: a graph has no cycles, and is freed with its last name.

    A parent is older than what is made of it; ``born`` tells. A leaf that is changed in place is born again,
    so ``backward`` sees at once where the values that were used are no more. The array is shared, not
    copied (``tensor`` copies). TypeError when integers ask for a gradient.

    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    array([2., 4.])
    """

    __slots__ = ("data", "grad", "requires_grad", "edges", "op", "born", "base", "__weakref__")
    __array_ufunc__ = None  # array * Tensor is left to Tensor.__rmul__
    __hash__ = object.__hash__

    def __init__(self, data, requires_grad=False, op="leaf", edges=()):
        self.data = data if type(data) is np.ndarray else np.asarray(data)
        if requires_grad and self.data.dtype.kind != "f":
            raise TypeError(f"only floating-point tensors have gradients; these data are {self.data.dtype}")
        self.requires_grad, self.op, self.edges, self.born = requires_grad, op, edges, next(_clock)
        self.grad = self.base = None  # base: the leaf at whose memory a view looks

    shape = property(lambda self: self.data.shape)
    dtype = property(lambda self: self.data.dtype)
    ndim = property(lambda self: self.data.ndim)
    is_leaf = property(lambda self: self.edges == ())
    T = property(lambda self: self.permute(*range(self.ndim)[::-1]))
    mT = property(lambda self: self.transpose(-2, -1))

    def backward(self, gradient=None):
        """Add to the ``grad`` of each leaf below its share of ``gradient``, and free the graph.

        ``gradient`` has the shape of this tensor; it may be left out for a single number. RuntimeError
        when nothing requires a gradient, when it is left out for more numbers than one, when an earlier
        backward freed the graph, and when a leaf was changed in place since it was used.
        """
        if not self.requires_grad:
            raise RuntimeError(
                f"backward: no input of this {self.op} of shape {self.shape} requires a gradient"
            )
        if gradient is None and self.data.size != 1:
            raise RuntimeError(
                f"backward from shape {self.shape}: give a gradient of that shape, or sum first"
            )
        g = np.ones_like(self.data) if gradient is None else np.asarray(_value(gradient), self.dtype)
        if g.shape != self.shape:
            raise ValueError(f"backward: the gradient has shape {g.shape}; wanted {self.shape}")
        nodes, seen = [self], {id(self)}
        for node in nodes:  # a list that grows while it is read
            if node.edges is None:
                raise RuntimeError(f"an earlier backward freed {node.op} {node.shape}: compute it again")
            for parent, vjp in node.edges:
                source = parent if parent.base is None else parent.base
                if source.born > node.born and node.base is None:  # a view itself uses no values
                    raise RuntimeError(
                        f"backward: a leaf of shape {parent.shape} was changed in place after {node.op} made"
                        f" {node.shape} of it; call backward before the change, or change a copy"
                    )
                if vjp and parent.edges != () and id(parent) not in seen:
                    seen.add(id(parent))
                    nodes.append(parent)
        nodes.sort(key=operator.attrgetter("born"))
        self._receive(g, own=False)
        try:
            self._sweep(nodes)
        except BaseException:  # no inner node keeps a part of a sweep
            for node in nodes:
                if node.edges != ():
                    node.grad, node.edges = None, None
            raise

    def _sweep(self, nodes):
        """From the youngest to the oldest: when a node is popped, all that use it have paid in."""
        while nodes and nodes[-1].edges:
            node = nodes.pop()
            g, edges, node.grad, node.edges = node.grad, node.edges, None, None
            for parent, vjp in edges:
                if vjp:
                    try:
                        share = unbroadcast(vjp(g), parent.data.shape)
                    except (ValueError, AttributeError) as error:
                        raise type(error)(f"the vjp of {node.op} {node.shape}: {error}") from None
                    if parent.edges == ():
                        kept = share is g or share.base is not None or np.may_share_memory(share, parent.data)
                        parent._receive(share, own=not kept)
                    else:
                        parent.grad = share if parent.grad is None else parent.grad + share

    def _receive(self, share, own):
        """Add a share to the gradient. The first one is copied, unless nobody else holds it."""
        if self.grad is None:
            self.grad = np.asarray(share, self.dtype) if own else np.array(share, self.dtype)
        else:
            self.grad += share

    def _write(self, op, write, *args):
        """Change a leaf in place, within no_grad, by ``write(*args)``: it is born again, and so is its base."""
        if self.edges != () or (_recording and self.requires_grad):
            raise RuntimeError(
                f"{op} would change a tensor of shape {self.shape}, made by {self.op}, that backward may need:"
                " only leaves can be changed, within no_grad()"
            )
        write(*args)
        source = self if self.base is None else self.base
        source.born = self.born = next(_clock)

    def __setitem__(self, index, new):
        if _recording and isinstance(new, Tensor) and new.requires_grad:
            raise RuntimeError(f"x[index] = ... of {new.op} {new.shape} is not recorded: use where or cat")
        value = pair("x[index] = ...", self, new)[3]
        self._write("x[index] = ...", self.data.__setitem__, _index(index), value)

    def detach(self):
        """The same values, cut off from the graph; the memory is shared."""
        with no_grad():
            return _view("detach", self, self.data.view(), None)

    def numpy(self):
        """The array itself, not a copy. RuntimeError for a tensor that requires a gradient."""
        if self.requires_grad:
            raise RuntimeError("numpy: this tensor requires a gradient; use detach().numpy()")
        return self.data

    def to(self, dtype):
        """A copy in another dtype, ``x.to(np.float64)``."""
        return node("to", self.data.astype(dtype), (self, lambda g: g.astype(self.dtype)))

    float = lambda self: self.to(np.float32)
    double = lambda self: self.to(np.float64)
    item = lambda self: self.data.item()
    __format__ = lambda self, how: format(self.item() if self.ndim == 0 else str(self), how)
    __len__ = lambda self: len(self.data)
    __bool__ = lambda self: bool(self.data)
    __invert__ = lambda self: Tensor(~self.data)
    __float__ = lambda self: float(self.data.item())
    __iter__ = lambda self: iter([self[i] for i in range(len(self))])
    __array__ = lambda self, dtype=None, copy=None: np.array(self.numpy(), dtype, copy=copy)

    def __repr__(self):
        how = f", op={self.op}" if self.edges != () else ", requires_grad=True" * self.requires_grad
        how = f", dtype={self.dtype}" * (self.dtype not in (float, int, bool)) + how
        return f"tensor({np.array2string(self.data, separator=', ', prefix='tensor(')}{how})"


@contextmanager
def no_grad():
    """Within it no operation is recorded, and leaves may be changed in place. For the whole process.

    >>> w = Tensor([1.0], requires_grad=True)
    >>> with no_grad():
    ...     w -= 0.25
    >>> w
    tensor([0.75], requires_grad=True)
    """
    global _recording
    before, _recording = _recording, False
    try:
        yield
    finally:
        _recording = before


def node(op, value, *edges):
    """The tensor that operation ``op`` made: ``value``, with a (parent, vjp) edge for each input.

    A vjp gets the gradient g of the value and returns g, a view of it, or an array that nobody else keeps.

    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> node("double", 2 * x.data, (x, lambda g: 2 * g)).sum().backward()
    >>> x.grad
    array([2., 2.])
    """
    if _recording:
        needs = [edge[0].requires_grad for edge in edges]
        if True in needs:
            if False in needs:  # what the vjp of a constant remembers is not kept
                edges = tuple([(x, vjp if x.requires_grad else None) for x, vjp in edges])
            made = Tensor(value, True, op, edges)
            if any([made.data is x.data for x, _ in edges]):
                made.data = made.data.view()  # the input itself stays as it is
            made.data.setflags(False)  # read-only: vjps remember it
            return made
    return Tensor(value, op=op)


def _view(op, x, value, vjp):
    made = node(op, value, (x, vjp))
    made.base = x if x.edges == () and x.base is None else x.base
    return made


def unbroadcast(g, shape):
    """Sum ``g`` over the axes along which NumPy repeated an array of ``shape``; ValueError if it could not.

    >>> unbroadcast(np.ones((2, 3)), (3,)), unbroadcast(np.ones((2, 3)), (2, 1)).shape
    (array([2., 2., 2.]), (2, 1))
    """
    if g.shape == shape:
        return g
    new = g.ndim - len(shape)
    if new < 0 or any(n not in (1, repeated) for n, repeated in zip(shape, g.shape[new:])):
        raise ValueError(f"a vjp returned a gradient of shape {g.shape} for an array of shape {shape}")
    axes = [*range(new), *(new + i for i, n in enumerate(shape) if n == 1 != g.shape[new + i])]
    return g.sum(axis=tuple(axes)).reshape(shape)


_NUMBER = Tensor(0.0)  # stands for any Python number: a constant that never changes


def _value(x):
    """The array of a tensor; a number stays a number, which takes the other operand's dtype."""
    if isinstance(x, Tensor):
        return x.data
    if type(x) in (float, int, bool):
        return x
    a = np.asarray(x)
    if a.dtype.kind not in "biuf":
        raise TypeError(f"{x!r} is no tensor, array or real number")
    return a.item() if isinstance(x, np.generic) else a


def _tensor(x, a):
    return x if isinstance(x, Tensor) else Tensor(a) if type(a) is np.ndarray else _NUMBER


def _operand(x):
    return x if isinstance(x, Tensor) else Tensor(_value(x))


def pair(op, x, y):
    """Both operands as tensors, and their values in one dtype: integers take that of the floats.

    TypeError for float32 with float64.

    >>> pair("add", Tensor([1.5]), np.array([2]))[2:]
    (array([1.5]), array([2.]))
    """
    if isinstance(x, Tensor) and isinstance(y, Tensor) and x.data.dtype is y.data.dtype:
        return x, y, x.data, y.data
    a, b = _value(x), _value(y)
    if type(a) is type(b) is np.ndarray and a.dtype != b.dtype:
        floats = [c.dtype for c in (a, b) if c.dtype.kind == "f"]
        if len(floats) == 2:
            raise TypeError(
                f"{op}: {a.dtype} {a.shape} with {b.dtype} {b.shape}; use .float() or .double() on one"
            )
        if floats:
            a, b = a.astype(floats[0], copy=False), b.astype(floats[0], copy=False)
    return _tensor(x, a), _tensor(y, b), a, b


def alike(op, *tensors):
    """The arrays of tensors that must have one dtype. TypeError otherwise.

    >>> alike("cat", Tensor([1.0]), Tensor([2.0]))
    [array([1.]), array([2.])]
    """
    others = [type(x).__name__ for x in tensors if not isinstance(x, Tensor)]
    if others:
        raise TypeError(f"{op}: wanted tensors, got a {others[0]}: write Tensor(x)")
    arrays = [x.data for x in tensors]
    if len({a.dtype for a in arrays}) > 1:
        kinds = ", ".join(f"{a.dtype} {a.shape}" for a in arrays)
        raise TypeError(f"{op}: {kinds}; use .float() or .double() to bring them to one")
    return arrays


def _named(op, f, *arrays):
    """``f(*arrays)``; to NumPy's word about shapes the name of the operation is added."""
    try:
        return f(*arrays)
    except (ValueError, IndexError, TypeError) as error:
        raise type(error)(f"{op} of {', '.join(str(np.shape(a)) for a in arrays)}: {error}") from None


def _shape(shape):
    return shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape


def _public(operation, op, what, call, result):
    operation.__name__ = operation.__qualname__ = op
    operation.__doc__ = f"{what}, as ``torch.{op}``.\n\n>>> {op}({call}).shape\n{result}\n"
    return operation


# How a row of the table becomes an operation. ``rule`` gets the inputs and the value, and returns the vjps.


def unary(op, f, rule):
    """The operation y = f(x) of each element; ``rule(x, y)`` is the vjp of x.

    >>> cube = unary("cube", lambda x: x * x * x, lambda x, y: lambda g: g * 3 * x * x)
    >>> cube(Tensor([2.0]))
    tensor([8.])
    """

    def operation(x):
        x = _operand(x)
        y = f(x.data)
        return node(op, y, (x, rule(x.data, y)))

    return _public(operation, op, f"{op} of each element, shape kept", "Tensor([1.0, 2.0])", "(2,)")


def binary(op, f, rule):
    """The operation z = f(x, y) of two elements; ``rule(x, y, z)`` is the pair of vjps, before ``unbroadcast``.

    >>> first = binary("first", lambda x, y: x + 0 * y, lambda x, y, z: (lambda g: g, lambda g: 0 * g))
    >>> first(Tensor([1.0]), Tensor([2.0]))
    tensor([1.])
    """

    def operation(x, y):
        x, y, a, b = pair(op, x, y)
        try:
            z = f(a, b)
        except ValueError as error:  # NumPy's word has both shapes
            raise ValueError(f"{op}: {error}") from None
        dx, dy = rule(a, b, z)
        return node(op, z, (x, dx), (y, dy))

    what = f"{op} of two tensors or numbers, element by element; shapes broadcast, ValueError if they cannot"
    return _public(operation, op, what, "Tensor(np.ones((2, 1))), Tensor(np.ones(3))", "(2, 3)")


def reduction(op, f, rule):
    """The operation y = f(x) over axes; ``rule(x, y, n)`` is the vjp of x, for n elements in each of y.

    >>> half = reduction("half", lambda x, **axes: np.sum(x, **axes) / 2, lambda x, y, n: lambda g: g / 2)
    >>> half(Tensor([1.0, 3.0]))
    tensor(2.)
    """

    def operation(x, dim=None, keepdim=False):
        x, dim = _operand(x), tuple(dim) if isinstance(dim, list) else dim
        y = _named(op, lambda a: f(a, axis=dim, keepdims=True), x.data)
        shape, kept = x.shape, y.shape
        dx = rule(x.data, y, x.data.size // (y.size or 1))
        value = y if keepdim else y.squeeze(dim)
        return node(op, value, (x, lambda g: np.broadcast_to(dx(g.reshape(kept)), shape)))

    what = f"{op} over ``dim``: an axis, a tuple, or None for all; ValueError for an axis that is not there"
    return _public(operation, op, what, "Tensor(np.ones((2, 3))), dim=1", "(2,)")


def moving(op, f, rule, args, result):
    """An operation that moves elements, a view; ``rule(x, *args)`` is the vjp, the move back.

    >>> upside_down = moving("upside_down", lambda a: a[::-1], lambda a: lambda g: g[::-1], "", (1, 2, 3))
    >>> upside_down(Tensor([1.0, 3.0]))
    tensor([3., 1.])
    """

    def operation(x, *args, **named):
        args = _shape(args)
        x = _operand(x)
        y = _named(op, lambda a: f(a, *args, **named), x.data)
        return _view(op, x, y, rule(x.data, *args, **named))

    what = f"{op}: the same elements in new places, a view; ValueError for what does not fit"
    return _public(operation, op, what, f"Tensor(np.ones((1, 2, 3))){args}", result)


def _sigmoid(x):
    e = np.exp(-np.abs(x))  # never overflows
    return np.where(x >= 0, 1, e) / (1 + e)


def _log(x, y, z):  # of the base of the power z = x^y; 0^y stays 0 while y > 0
    return np.log(np.where((x == 0) & (y >= 0), 1, x)).astype(z.dtype)


def _ties(x, y):  # where the extreme y is; elements that tie share it
    ties = x == y
    return ties / ties.sum(tuple(i for i, n in enumerate(y.shape) if n == 1), keepdims=True, dtype=x.dtype)


def _flatten(a, start_dim=0, end_dim=-1):
    first, last = range(a.ndim)[start_dim], range(a.ndim)[end_dim]
    return a.reshape(*a.shape[:first], math.prod(a.shape[first : last + 1]), *a.shape[last + 1 :])


def _expand(a, *shape):  # -1 keeps a length
    old = (1,) * (len(shape) - a.ndim) + a.shape
    return np.broadcast_to(a, [m if n == -1 else n for m, n in zip(old, shape)])


# fmt: off
_pow = lambda x, n: x * x * x if type(n) in (int, float) and n == 3 else x**n  # NumPy's x**3 is many times slower
_won = lambda g, x, y: np.where(x > y, g, np.where(x == y, g / 2, 0))  # a tie is halved
_squeeze = lambda a, dim=None: a.squeeze() if dim is None else a.squeeze(dim) if a.shape[dim] == 1 else a.view()
_old_shape = lambda a, *args, **named: lambda g: g.reshape(a.shape)
_permuted_back = lambda a, *p: lambda g: g.transpose(np.argsort([i % a.ndim for i in p]))

# The table. y = f(x)                                         for a gradient g of y, the share of x
neg     = unary("neg",     np.negative,                       lambda x, y: lambda g: -g)
abs     = unary("abs",     np.abs,                            lambda x, y: lambda g: g * np.sign(x))
exp     = unary("exp",     np.exp,                            lambda x, y: lambda g: g * y)
log     = unary("log",     np.log,                            lambda x, y: lambda g: g / x)
sqrt    = unary("sqrt",    np.sqrt,                           lambda x, y: lambda g: g / (2 * y))
tanh    = unary("tanh",    np.tanh,                           lambda x, y: lambda g: g * (1 - y * y))
sigmoid = unary("sigmoid", _sigmoid,                          lambda x, y: lambda g: g * (y * (1 - y)))
relu    = unary("relu",    lambda x: np.maximum(x, 0),        lambda x, y: lambda g: g * (y > 0))

# z = f(x, y), where backward undoes broadcasting             the share of x,             and that of y
add     = binary("add",     np.add,      lambda x, y, z: (lambda g: g,                    lambda g: g))
sub     = binary("sub",     np.subtract, lambda x, y, z: (lambda g: g,                    lambda g: -g))
mul     = binary("mul",     np.multiply, lambda x, y, z: (lambda g: g * y,                lambda g: g * x))
div     = binary("div",     np.divide,   lambda x, y, z: (lambda g: g / y,                lambda g: -g * z / y))
maximum = binary("maximum", np.maximum,  lambda x, y, z: (lambda g: _won(g, x, y),        lambda g: _won(g, y, x)))
minimum = binary("minimum", np.minimum,  lambda x, y, z: (lambda g: _won(g, y, x),        lambda g: _won(g, x, y)))
pow     = binary("pow",     _pow,        lambda x, y, z: (lambda g: g * (y * _pow(x, y - (y != 0))),
                                                          lambda g: g * z * _log(x, y, z)))

# y = f(x) of n elements; y keeps the reduced axes            the share of each
sum     = reduction("sum",  np.sum,                           lambda x, y, n: lambda g: g)
mean    = reduction("mean", np.mean,                          lambda x, y, n: lambda g: g / n)
amax    = reduction("amax", np.max,                           lambda x, y, n: lambda g: g * _ties(x, y))
amin    = reduction("amin", np.min,                           lambda x, y, n: lambda g: g * _ties(x, y))

# the same elements in new places                             back to the old ones
reshape   = moving("reshape",   lambda a, *s: a.reshape(s),   _old_shape,                         ", 3, 2", (3, 2))
flatten   = moving("flatten",   _flatten,                     _old_shape,                         "", (6,))
squeeze   = moving("squeeze",   _squeeze,                     _old_shape,                         ", 0", (2, 3))
unsqueeze = moving("unsqueeze", lambda a, dim: np.expand_dims(a, dim), _old_shape,            ", 0", (1, 1, 2, 3))
expand    = moving("expand",    _expand,                      lambda a, *s: lambda g: g,          ", 4, 2, 3", (4, 2, 3))
permute   = moving("permute",   lambda a, *p: a.transpose(p), _permuted_back,                     ", 2, 0, 1", (3, 1, 2))
transpose = moving("transpose", np.swapaxes,                  lambda a, i, j: lambda g: g.swapaxes(i, j), ", 0, 1", (2, 1, 3))
# fmt: on


def matmul(x, y):
    """x @ y: (..., n, k) @ (..., k, m) -> (..., n, m); what stands before broadcasts, vectors are allowed.

    >>> matmul(Tensor([[1.0, 2.0]]), Tensor([3.0, 4.0]))
    tensor([11.])
    """
    x, y, a, b = pair("matmul", x, y)
    try:
        z = np.matmul(a, b)
    except ValueError:
        shapes = f"{np.shape(a)} @ {np.shape(b)}"
        raise ValueError(f"matmul: {shapes}; wanted (..., n, k) @ (..., k, m) with one k") from None
    A = a[None, :] if a.ndim == 1 else a  # a vector is a row on the left
    B = b[:, None] if b.ndim == 1 else b  # and a column on the right
    full = np.broadcast_shapes(A.shape[:-2], B.shape[:-2]) + (A.shape[-2], B.shape[-1])

    def dx(g):
        return unbroadcast(g.reshape(full) @ B.mT, A.shape).reshape(a.shape)

    def dy(g):
        if B.ndim == 2:  # one product of two tall matrices instead of a sum of many
            rows = math.prod(A.shape[:-1])
            return (A.reshape(rows, A.shape[-1]).T @ g.reshape(rows, full[-1])).reshape(b.shape)
        return unbroadcast(A.mT @ g.reshape(full), B.shape).reshape(b.shape)

    return node("matmul", z, (x, dx), (y, dy))


def where(condition, x, y):
    """x where ``condition`` is true, else y; the three shapes broadcast, ValueError if they cannot.

    >>> where(Tensor([True, False]), Tensor([1.0, 2.0]), 0.0)
    tensor([1., 0.])
    """
    c = np.array(_value(condition), bool)
    x, y, a, b = pair("where", x, y)
    z = _named("where", np.where, c, a, b)
    return node("where", z, (x, lambda g: np.where(c, g, 0)), (y, lambda g: np.where(c, 0, g)))


def masked_fill(x, mask, value):
    """``value`` where ``mask`` is true, else x; the shapes broadcast.

    >>> masked_fill(Tensor([1.0, 2.0]), Tensor([True, False]), -1.0)
    tensor([-1.,  2.])
    """
    return where(mask, value, x)


def clip(x, min=None, max=None):
    """x between ``min`` and ``max``; the gradient passes where x was inside or on the border.

    >>> clip(Tensor([-2.0, 0.5, 2.0]), -1.0, 1.0)
    tensor([-1. ,  0.5,  1. ])
    """
    a, y = x.data, np.clip(x.data, min, max)
    return node("clip", y, (x, lambda g: g * (y == a)))


def var(x, dim=None, correction=1, keepdim=False):
    """Sum of the squared deviations over ``dim``, divided by their number less ``correction``.

    >>> var(Tensor([1.0, 3.0])), var(Tensor([1.0, 3.0]), correction=0)
    (tensor(2.), tensor(1.))
    """
    centre = mean(x, dim, keepdim=True)
    r = x - centre
    return sum(r * r, dim, keepdim) / (x.data.size // (centre.data.size or 1) - correction)


_Extreme = namedtuple("Extreme", "values indices")


def max(x, dim=None, keepdim=False):
    """The largest element of all; with an axis ``dim``: (values, indices) along it, the first of a tie.

    >>> max(Tensor([[1.0, 5.0], [7.0, 2.0]]), dim=1)
    Extreme(values=tensor([5., 7.]), indices=tensor([1, 0]))
    """
    return amax(x) if dim is None else _along("max", np.argmax, x, dim, keepdim)


def min(x, dim=None, keepdim=False):
    """The smallest element of all; with an axis ``dim``: (values, indices) along it, the first of a tie.

    >>> min(Tensor([3.0, 1.0]))
    tensor(1.)
    """
    return amin(x) if dim is None else _along("min", np.argmin, x, dim, keepdim)


def _along(op, f, x, dim, keepdim):
    at = _named(op, lambda a: f(a, dim, keepdims=True), x.data)
    grid = list(np.indices(at.shape, sparse=True))  # row numbers, column numbers, ...
    grid[dim] = at
    values, at = x[tuple(grid)], Tensor(at)
    return _Extreme(values, at) if keepdim else _Extreme(values.squeeze(dim), at.squeeze(dim))


def argmax(x, dim=None, keepdim=False):
    """Index of the first largest element over ``dim``, or of all elements in a row.

    >>> argmax(Tensor([[1.0, 5.0], [7.0, 2.0]]), dim=1)
    tensor([1, 0])
    """
    return Tensor(_named("argmax", lambda a: np.argmax(a, dim, keepdims=keepdim), x.data))


def _index(i):
    if isinstance(i, tuple):
        return tuple([_index(j) for j in i])
    return np.array(_value(i)) if isinstance(i, (Tensor, np.ndarray, list)) else i


def getitem(x, index):
    """``x[index]`` with integers, slices, None, ..., integer or boolean arrays or tensors; IndexError.

    An element that is taken twice gets both gradients.

    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> x[[0, 0, 1]].sum().backward()
    >>> x.grad
    array([2., 1.])
    """
    index, shape, dtype = _index(index), x.shape, x.dtype
    parts = index if isinstance(index, tuple) else (index,)
    arrays = [i for i in parts if isinstance(i, np.ndarray)]
    integers = [i for i in arrays if i.dtype.kind in "iu"]

    def dx(g):
        out = np.zeros(shape, dtype)
        if integers:
            np.add.at(out, index, g)  # an element that is taken twice gets both
        else:
            out[index] = g
        return out

    y = _named("x[index]", lambda a: a[index], x.data)
    return node("getitem", y, (x, dx)) if arrays else _view("getitem", x, y, dx)


def split(x, size, dim=0):
    """Pieces along ``dim``, of ``size`` (the last may be shorter) or of the sizes in a list; ValueError.

    >>> split(Tensor([1, 2, 3]), 2)
    (tensor([1, 2]), tensor([3]))
    """
    n, listed = x.shape[dim], isinstance(size, (list, tuple))
    if not (np.sum(size) == n if listed else size > 0):
        raise ValueError(
            f"split of {x.shape} along {dim}: size {size}; wanted one > 0, or a list that adds to {n}"
        )
    ends = [*np.cumsum(size, dtype=int)] if listed else [*range(size, n, size), n]
    before = (slice(None),) * range(x.ndim)[dim]
    return tuple([x[(*before, slice(start, end))] for start, end in zip([0, *ends], ends)])


def cat(tensors, dim=0):
    """Join tensors along an axis that they have; their other lengths agree.

    >>> cat([Tensor([1, 2]), Tensor([3])])
    tensor([1, 2, 3])
    """
    arrays = alike("cat", *tensors)
    value = _named("cat", lambda *a: np.concatenate(a, dim), *arrays)
    ends = np.cumsum([a.shape[dim] for a in arrays])
    before = (slice(None),) * range(value.ndim)[dim]
    share = lambda end, n: lambda g: g[(*before, slice(end - n, end))]
    return node("cat", value, *((x, share(end, x.shape[dim])) for x, end in zip(tensors, ends)))


def stack(tensors, dim=0):
    """Join tensors of one shape along a new axis at ``dim``; ValueError for different shapes.

    >>> stack([Tensor([1, 2]), Tensor([3, 4])], 1)
    tensor([[1, 3],
            [2, 4]])
    """
    value = _named("stack", lambda *a: np.stack(a, dim), *alike("stack", *tensors))
    return node("stack", value, *((x, lambda g, i=i: g.take(i, dim)) for i, x in enumerate(tensors)))


# Methods, as in torch: x.exp() is exp(x), and x + y is add(x, y).

for operation in (
    neg, abs, exp, log, sqrt, tanh, sigmoid, relu, add, sub, mul, div, pow, maximum, minimum, matmul, clip,
    sum, mean, var, amax, amin, max, min, argmax, reshape, flatten, permute, transpose, squeeze, unsqueeze, expand, split,
):  # fmt: skip
    setattr(Tensor, operation.__name__, operation)
Tensor.__neg__, Tensor.__abs__, Tensor.__getitem__, Tensor.masked_fill = neg, abs, getitem, masked_fill


_reflected = lambda operation: lambda x, y: operation(y, x)
_compared = lambda name: lambda x, y: Tensor(getattr(operator, name)(*pair(name, x, y)[2:]))


def _in_place(op, f, plain):
    def operation(x, y):
        if _recording and not (x.requires_grad and x.edges == ()):
            return plain(x, y)  # x += y makes a new tensor, as it does with numbers
        value = pair(op, x, y)[3]
        x._write(op, lambda: f(x.data, value, out=x.data))
        return x

    return operation


for name, f, operation in (
    ("add", np.add, add),
    ("sub", np.subtract, sub),
    ("mul", np.multiply, mul),
    ("truediv", np.divide, div),
):
    setattr(Tensor, f"__i{name}__", _in_place(f"in-place {name}", f, operation))
for name, operation in dict(add=add, sub=sub, mul=mul, truediv=div, matmul=matmul, pow=pow).items():
    setattr(Tensor, f"__{name}__", operation)
    setattr(Tensor, f"__r{name}__", _reflected(operation))
for name in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(Tensor, f"__{name}__", _compared(name))
del operation, f, name


def tensor(data, dtype=None, requires_grad=False):
    """A tensor with a copy of ``data``; lists of floats become float64 (in torch float32).

    >>> tensor([1, 2], dtype=np.float32)
    tensor([1., 2.], dtype=float32)
    """
    return Tensor(np.array(_value(data), dtype), requires_grad)


def zeros(*shape, dtype=np.float32, requires_grad=False):
    """A tensor of zeros, as ``zeros(2, 3)``.

    >>> zeros(2)
    tensor([0., 0.], dtype=float32)
    """
    return Tensor(np.zeros(_shape(shape), dtype), requires_grad)


def ones(*shape, dtype=np.float32, requires_grad=False):
    """A tensor of ones, as ``ones(2, 3)``.

    >>> ones(2)
    tensor([1., 1.], dtype=float32)
    """
    return Tensor(np.ones(_shape(shape), dtype), requires_grad)


def arange(*limits):
    """The integers from a start (0) up to, not including, an end, as ``np.arange``.

    >>> arange(3)
    tensor([0, 1, 2])
    """
    return Tensor(np.arange(*limits))
