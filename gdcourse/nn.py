"""Modules: a model is a tree of parameters and of the functions that use them.

Derived in "Modules and a training loop" (notebooks/15_modules.ipynb); convolution and cells in 16, attention
in 17, batch norm in 11. Names, shapes, starts and ``state_dict`` keys are those of ``torch.nn``. Parameters
start in float32 (``double()`` makes them float64), drawn from ``rng``, a ``numpy.random.Generator``; where it
is left out, from a fresh one without a seed.
"""

import math

import numpy as np

from . import functional as F
from .tensor import Tensor, no_grad, split


class Parameter(Tensor):
    """A tensor that a module learns: a leaf that requires a gradient.

    >>> Parameter(np.zeros(2))
    tensor([0., 0.], requires_grad=True)
    """

    __slots__ = ()

    def __init__(self, data, requires_grad=True):
        super().__init__(data.data if isinstance(data, Tensor) else data, requires_grad)


class Module:
    """Has parameters, or modules that have them, as attributes; ``forward`` says what it computes.

    >>> class Twice(Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.layer = Linear(2, 2)
    ...     def forward(self, x):
    ...         return self.layer(self.layer(x))
    >>> [name for name, p in Twice().named_parameters()]
    ['layer.weight', 'layer.bias']
    """

    training, buffer_names = True, ()

    def __setattr__(self, name, value):
        if isinstance(vars(self).get(name), Parameter) and not isinstance(value, Parameter | None):
            raise TypeError(
                f"{name} is a Parameter; wanted Parameter(...) or None, got a {type(value).__name__}"
            )
        super().__setattr__(name, value)

    def forward(self, *inputs):
        """What the module computes of its inputs; each kind of module writes its own."""
        raise NotImplementedError(f"{type(self).__name__} has no forward(self, ...)")

    def __call__(self, *args, **named):
        return self.forward(*args, **named)

    def register_buffer(self, name, tensor):
        """A tensor that is saved and not learnt. TypeError for anything else."""
        if not isinstance(tensor, Tensor):
            raise TypeError(f"buffer {name} is a {type(tensor).__name__}; wanted a tensor")
        self.buffer_names += (name,)
        setattr(self, name, tensor)

    def children(self):
        """The modules among the attributes, in the order in which they were set."""
        return [m for m in vars(self).values() if isinstance(m, Module)]

    def modules(self):
        """This module and all below it."""
        return [self, *(m for child in self.children() for m in child.modules())]

    def _tensors(self, prefix=""):
        mine = lambda name, x: isinstance(x, Parameter) or name in self.buffer_names
        own = [(prefix + name, x) for name, x in vars(self).items() if mine(name, x)]
        below = [m._tensors(f"{prefix}{name}.") for name, m in vars(self).items() if isinstance(m, Module)]
        return own + [pair for pairs in below for pair in pairs]

    def named_parameters(self):
        """[(name, parameter), ...], each parameter once, also where it has several names."""
        first = {}
        for name, p in self._tensors():
            if isinstance(p, Parameter):
                first.setdefault(id(p), (name, p))
        return list(first.values())

    def parameters(self):
        """[parameter, ...]: what an optimiser takes."""
        return [p for _, p in self.named_parameters()]

    def zero_grad(self):
        """Forget the gradients."""
        for p in self.parameters():
            p.grad = None

    def train(self, mode=True):
        """Switch dropout and batch norm to training, or with False to evaluation; returns the module."""
        for m in self.modules():
            m.training = mode
        return self

    def eval(self):
        """Switch to evaluation; returns the module."""
        return self.train(False)

    def double(self):
        """Make the floating-point parameters and buffers float64, before an optimiser sees them."""
        for _, x in self._tensors():
            x.data = x.data.astype(np.float64) if x.dtype.kind == "f" else x.data
        return self

    def state_dict(self):
        """{name: array} of all parameters and buffers, copies; ``np.savez(path, **state)`` saves them."""
        return {name: x.data.copy() for name, x in self._tensors()}

    def load_state_dict(self, state):
        """Take over the arrays (or tensors) of a state. KeyError for other names, ValueError for other shapes."""
        own = dict(self._tensors())
        state = {name: np.asarray(x.data if isinstance(x, Tensor) else x) for name, x in state.items()}
        missing, unexpected = sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys())
        if missing or unexpected:
            raise KeyError(f"missing {missing}, unexpected {unexpected}")
        for name, x in own.items():
            if state[name].shape != x.shape:
                raise ValueError(f"{name} has shape {state[name].shape}; wanted {x.shape}")
            state[name] = state[name].astype(x.dtype)
        with no_grad():
            for name, x in own.items():
                x[...] = state[name]


class init:
    """Starts, in place, as in ``torch.nn.init``; ``generator`` is a ``numpy.random.Generator``, a seed or None.

    >>> init.zeros_(Parameter(np.ones(2)))
    tensor([0., 0.], requires_grad=True)
    """

    def normal_(tensor, mean=0.0, std=1.0, generator=None):
        """Normal numbers with this mean and standard deviation."""
        return _fill(tensor, np.random.default_rng(generator).normal(mean, std, tensor.shape))

    def uniform_(tensor, a=0.0, b=1.0, generator=None):
        """Even numbers from a to b."""
        return _fill(tensor, np.random.default_rng(generator).uniform(a, b, tensor.shape))

    def zeros_(tensor):
        """Zeros."""
        return _fill(tensor, 0.0)

    def xavier_uniform_(tensor, gain=1.0, generator=None):
        """Between -a and a, with a = gain sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010)."""
        a = gain * math.sqrt(6 / sum(_fans(tensor)))
        return init.uniform_(tensor, -a, a, generator)

    def kaiming_normal_(tensor, nonlinearity="relu", generator=None):
        """Standard deviation sqrt(2 / fan_in), for "linear" sqrt(1 / fan_in) (He et al. 2015)."""
        std = math.sqrt({"relu": 2, "linear": 1}[nonlinearity] / _fans(tensor)[0])
        return init.normal_(tensor, 0.0, std, generator)


def _fill(tensor, values):
    with no_grad():
        tensor[...] = np.asarray(values, tensor.dtype)
    return tensor


def _fans(tensor):  # (n_out, n_in, pixels of a kernel ...)
    return tensor.data[0].size, tensor.data[:, 0].size


def _zeros(*shape):
    return Parameter(np.zeros(shape, np.float32))


def _uniform(rng, n, *shapes):
    """Parameters between -1 / sqrt(n) and 1 / sqrt(n)."""
    return [init.uniform_(_zeros(*shape), -1 / math.sqrt(n), 1 / math.sqrt(n), rng) for shape in shapes]


class Linear(Module):
    """x @ weight.T + bias: (..., n_in) -> (..., n_out).

    >>> Linear(3, 2)(Tensor(np.ones((5, 3), np.float32))).shape
    (5, 2)
    """

    def __init__(self, in_features, out_features, bias=True, rng=None):
        n, o = in_features, out_features
        self.weight, self.bias = _uniform(np.random.default_rng(rng), n, (o, n), (o,))
        self.bias = self.bias if bias else None

    def forward(self, x):
        return F.linear(x, self.weight, self.bias)


class Embedding(Module):
    """A learnt row for each integer: any shape of integers below n -> that shape + (d,).

    >>> Embedding(10, 4)(Tensor([[1, 2, 1]])).shape
    (1, 3, 4)
    """

    def __init__(self, num_embeddings, embedding_dim, rng=None):
        self.weight = init.normal_(_zeros(num_embeddings, embedding_dim), generator=rng)

    def forward(self, ids):
        return F.embedding(ids, self.weight)


class LayerNorm(Module):
    """Mean 0 and variance 1 over the last axes, then a learnt scale and shift: (..., n) -> (..., n).

    >>> LayerNorm(3)(Tensor(np.eye(3, dtype=np.float32))).shape
    (3, 3)
    """

    def __init__(self, normalized_shape, eps=1e-5):
        self.shape, self.eps = np.zeros(normalized_shape).shape, eps
        self.weight, self.bias = Parameter(np.ones(self.shape, np.float32)), _zeros(*self.shape)

    def forward(self, x):
        return F.layer_norm(x, self.shape, self.weight, self.bias, self.eps)


class BatchNorm1d(Module):
    """Mean 0 and variance 1 of each channel over the batch, then a learnt scale and shift; (m, c, ...).

    >>> BatchNorm1d(3)(Tensor(np.eye(3, dtype=np.float32))).shape
    (3, 3)
    """

    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        n, self.eps, self.momentum = num_features, eps, momentum
        self.weight, self.bias = Parameter(np.ones(n, np.float32)), _zeros(n)
        self.register_buffer("running_mean", Tensor(np.zeros(n, np.float32)))
        self.register_buffer("running_var", Tensor(np.ones(n, np.float32)))
        self.register_buffer("num_batches_tracked", Tensor(np.array(0)))

    def forward(self, x):
        if self.training:
            with no_grad():
                self.num_batches_tracked += 1
        running = self.running_mean, self.running_var
        return F.batch_norm(x, *running, self.weight, self.bias, self.training, self.momentum, self.eps)


class BatchNorm2d(BatchNorm1d):
    """Batch norm of images (m, c, h, w).

    >>> BatchNorm2d(3)(Tensor(np.ones((2, 3, 4, 4), np.float32))).shape
    (2, 3, 4, 4)
    """


class Dropout(Module):
    """In training each element is 0 with probability ``p``, the others are divided by 1 - p.

    >>> Dropout(0.5).eval()(Tensor([1.0, 2.0]))
    tensor([1., 2.])
    """

    def __init__(self, p=0.5, rng=None):
        self.p, self.rng = p, np.random.default_rng(rng)

    def forward(self, x):
        return F.dropout(x, self.p, self.training, self.rng)


class Conv2d(Module):
    """Slide ``out_channels`` kernels over images: (m, in_channels, h, w) -> (m, out_channels, oh, ow).

    >>> Conv2d(1, 8, 3, padding=1)(Tensor(np.ones((2, 1, 5, 5), np.float32))).shape
    (2, 8, 5, 5)
    """

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, bias=True, rng=None):
        c, o, k, self.stride, self.padding = in_channels, out_channels, kernel_size, stride, padding
        self.weight, self.bias = _uniform(np.random.default_rng(rng), c * k * k, (o, c, k, k), (o,))
        self.bias = self.bias if bias else None

    def forward(self, x):
        return F.conv2d(x, self.weight, self.bias, self.stride, self.padding)


class RNNCell(Module):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh): x (m, n_in), h (m, n) or None for zeros -> (m, n).

    >>> RNNCell(3, 4)(Tensor(np.ones((2, 3), np.float32))).shape
    (2, 4)
    """

    gates = 1

    def __init__(self, input_size, hidden_size, rng=None):
        n, k, self.hidden_size = hidden_size, self.gates * hidden_size, hidden_size
        drawn = _uniform(np.random.default_rng(rng), n, (k, input_size), (k, n), (k,), (k,))
        self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh = drawn

    def _mixed(self, x, h):
        if x.ndim != 2 or h.shape != (len(x), self.hidden_size):
            name, n = type(self).__name__, self.hidden_size
            raise ValueError(f"{name}: x {x.shape}, h {h.shape}; wanted (m, n_in), (m, {n})")
        return F.linear(x, self.weight_ih, self.bias_ih) + F.linear(h, self.weight_hh, self.bias_hh)

    def _rest(self, x):
        return Tensor(np.zeros((len(x), self.hidden_size), x.dtype))

    def forward(self, x, h=None):
        return F.tanh(self._mixed(x, self._rest(x) if h is None else h))


class LSTMCell(RNNCell):
    """c' = f c + i g, h' = o tanh(c'): x (m, n_in), state (h, c) or None for zeros -> (h', c').

    The gates i, f, o are sigmoids and g a tanh of W_ih x + b_ih + W_hh h + b_hh, in the order i, f, g, o.

    >>> [x.shape for x in LSTMCell(3, 4)(Tensor(np.ones((2, 3), np.float32)))]
    [(2, 4), (2, 4)]
    """

    gates = 4

    def forward(self, x, state=None):
        h, c = (self._rest(x), self._rest(x)) if state is None else state
        i, f, g, o = split(self._mixed(x, h), self.hidden_size, dim=1)
        if c.shape != h.shape:
            raise ValueError(f"LSTMCell: h {h.shape}, c {c.shape}; wanted two of one shape")
        c = F.sigmoid(f) * c + F.sigmoid(i) * F.tanh(g)
        return F.sigmoid(o) * F.tanh(c), c


class MultiheadAttention(Module):
    """Attention in ``num_heads`` subspaces: query (m, t, d), key and value (m, s, d) -> ((m, t, d), None).

    torch's with ``batch_first=True`` and ``need_weights=False``. As there, a
    boolean ``attn_mask`` (t, s) is true where a query may NOT look (in scaled_dot_product_attention: may).

    >>> x = Tensor(np.ones((2, 3, 8), np.float32))
    >>> MultiheadAttention(8, 2)(x, x, x)[0].shape
    (2, 3, 8)
    """

    def __init__(self, embed_dim, num_heads, dropout=0.0, batch_first=True, rng=None):
        d, self.heads, self.dropout, self.rng = embed_dim, num_heads, dropout, np.random.default_rng(rng)
        if d % num_heads or not batch_first:
            raise ValueError(
                f"width {d}, {num_heads} heads, batch_first {batch_first}; wanted a multiple of heads, and True"
            )
        self.in_proj_weight = init.xavier_uniform_(_zeros(3 * d, d), generator=self.rng)
        self.in_proj_bias = _zeros(3 * d)
        self.out_proj = Linear(d, d, rng=self.rng)
        init.zeros_(self.out_proj.bias)

    def forward(self, query, key, value, attn_mask=None, need_weights=False):
        if query.ndim != 3 or need_weights:
            raise ValueError(
                f"MultiheadAttention: query {query.shape}; wanted (m, t, d), and need_weights=False"
            )
        m, t, d = query.shape
        weights, biases = split(self.in_proj_weight, d), split(self.in_proj_bias, d)
        # (m, t, d) -> (m, heads, t, d / heads)
        heads = lambda x: x.reshape(m, -1, self.heads, d // self.heads).transpose(1, 2)
        q, k, v = (heads(F.linear(*xWb)) for xWb in zip((query, key, value), weights, biases))
        if attn_mask is not None and attn_mask.dtype == bool:
            attn_mask = ~attn_mask
        p = self.dropout if self.training else 0.0
        y = F.scaled_dot_product_attention(q, k, v, attn_mask, p, rng=self.rng)
        return self.out_proj(y.transpose(1, 2).reshape(m, t, d)), None


class ModuleList(Module):
    """Modules in a list, named "0", "1", ...

    >>> [name for name, p in ModuleList([Linear(2, 2, bias=False)]).named_parameters()]
    ['0.weight']
    """

    def __init__(self, modules=()):
        for i, m in enumerate(modules):
            if not isinstance(m, Module):
                raise TypeError(
                    f"place {i} holds a {type(m).__name__}; wanted modules, such as Linear(2, 2), ReLU()"
                )
            setattr(self, str(i), m)

    def __len__(self):
        return len(self.children())

    def __getitem__(self, i):
        return self.children()[i]


class Sequential(ModuleList):
    """Modules one after the other.

    >>> Sequential(Linear(3, 4), Tanh(), Linear(4, 2))(Tensor(np.ones((5, 3), np.float32))).shape
    (5, 2)
    """

    def __init__(self, *modules):
        super().__init__(modules)

    def forward(self, x):
        for module in self:
            x = module(x)
        return x


def _module(f):
    """A module without parameters: ``GELU(approximate="tanh")(x)`` is ``F.gelu(x, approximate="tanh")``."""

    class Function(Module):
        def __init__(self, *args, **named):
            self.forward = lambda x: f(x, *args, **named)

    return Function


ReLU = _module(F.relu)
Tanh = _module(F.tanh)
Sigmoid = _module(F.sigmoid)
GELU = _module(F.gelu)
MaxPool2d = _module(F.max_pool2d)
AvgPool2d = _module(F.avg_pool2d)
Flatten = _module(lambda x, start=1, end=-1: x.flatten(start, end))
