"""Operations of neural networks on tensors: several steps of mathematics in one node.

Derived in "Build Tensor" (notebooks/14_tensor_autograd.ipynb); convolution and pooling in 16, attention
in 17, batch norm in 11. Names and behaviour follow ``torch.nn.functional``. What draws random numbers
takes a ``numpy.random.Generator`` as ``rng``; where it is left out, a fresh one without a seed.
"""

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from .tensor import Tensor, _index, _named, _sigmoid, alike, no_grad, node, pair
from .tensor import relu as relu
from .tensor import sigmoid as sigmoid
from .tensor import tanh as tanh


def _once(f):
    """f, called for the first gradient only: the edges of one node share what it returns."""
    kept = []

    def call(g):
        if not kept:
            kept.append(f(g))
        return kept[0]

    return call


def _column_sum(g):
    return np.ones(len(g), g.dtype) @ g  # a product with ones: 4 times faster than g.sum(0) for a tall g


def _exps(a, dim, out=None):
    """exp(a - top), its sum along ``dim``, and top, the maximum: nothing overflows, -inf may stand anywhere."""
    top = np.max(a, dim, keepdims=True, initial=-np.inf)
    top = np.where(np.isfinite(top), top, 0)
    e = np.subtract(a, top, out=out)
    np.exp(e, out=e)  # in place: large temporary arrays cost more than arithmetic
    return e, e.sum(dim, keepdims=True), top


def _blocks(a, size=16384):
    """Views of ``size`` elements: the temporary arrays of a long formula then fit in the cache."""
    return [a.reshape(-1)[i : i + size] for i in range(0, a.size, size)]


def softmax(x, dim):
    """exp(x) / sum(exp(x)) along ``dim``.

    >>> softmax(Tensor([0.0, 0.0]), 0)
    tensor([0.5, 0.5])
    """
    e, total, _ = _named("softmax", lambda a: _exps(a, dim), x.data)
    y = e / total
    return node("softmax", y, (x, lambda g: y * (g - (g * y).sum(dim, keepdims=True))))


def log_softmax(x, dim):
    """x - log(sum(exp(x))) along ``dim``.

    >>> log_softmax(Tensor([0.0, 1000.0]), 0)
    tensor([-1000.,     0.])
    """
    _, total, top = _named("log_softmax", lambda a: _exps(a, dim), x.data)
    y = x.data - (top + np.log(total))
    return node("log_softmax", y, (x, lambda g: g - np.exp(y) * g.sum(dim, keepdims=True)))


def logsumexp(x, dim, keepdim=False):
    """log(sum(exp(x))) along ``dim``; its gradient is softmax(x). In torch: ``torch.logsumexp``.

    >>> logsumexp(Tensor([1000.0]), 0)
    tensor(1000.)
    """
    e, total, top = _named("logsumexp", lambda a: _exps(a, dim), x.data)
    y = top + np.log(total)
    dx = lambda g: e / total * (g if keepdim else np.expand_dims(g, dim))
    return node("logsumexp", y if keepdim else y.squeeze(dim), (x, dx))


def _reduce(losses, reduction):
    ways = {"mean": Tensor.mean, "sum": Tensor.sum, "none": lambda x: x}
    if reduction not in ways:
        raise ValueError(f"reduction is {reduction!r}; wanted one of {', '.join(ways)}")
    return ways[reduction](losses)


def cross_entropy(input, target, reduction="mean"):
    """-log softmax(input)[target] for each row: logits (m, c), labels (m,) from 0 to c - 1.

    ``reduction`` is "mean", "sum" or "none"; as in the two losses below. ValueError for other shapes, and
    for labels that are no such integers.

    >>> round(cross_entropy(Tensor([[0.0, 0.0]]), Tensor([1])).item(), 6)
    0.693147
    """
    z, y = input.data, np.asarray(_index(target))
    right = z.ndim == 2 and y.shape == z.shape[:1] and y.dtype.kind in "iu"
    if not right or ((y < 0) | (y >= z.shape[1])).any():
        seen = f"logits {z.shape}, labels {y.shape} {y.dtype}"
        raise ValueError(f"cross_entropy: {seen}; wanted (m, c), and (m,) integers from 0 to c - 1")
    e, total, top = _exps(z, 1)
    rows = np.arange(len(y))

    def dz(g):  # (p - one_hot(y)) g
        p = e / total
        p[rows, y] -= 1
        return p * g[:, None]

    return _reduce(node("cross_entropy", (top + np.log(total))[:, 0] - z[rows, y], (input, dz)), reduction)


def _same_shape(op, input, target):
    if input.shape != target.shape:
        raise ValueError(f"{op}: prediction {input.shape} and target {target.shape}; wanted two equal shapes")


def mse_loss(input, target, reduction="mean"):
    """(input - target)^2, two tensors of one shape; ValueError where torch would broadcast.

    >>> mse_loss(Tensor([1.0, 2.0]), Tensor([1.0, 4.0])).item()
    2.0
    """
    _same_shape("mse_loss", input, target)
    r = input - target
    return _reduce(r * r, reduction)


def binary_cross_entropy_with_logits(input, target, reduction="mean"):
    """-y log s - (1 - y) log(1 - s) with s = sigmoid(input), for targets y from 0 to 1, of one shape.

    >>> round(binary_cross_entropy_with_logits(Tensor([-1000.0, 0.0]), Tensor([0.0, 1.0])).item(), 6)
    0.346574
    """
    op = "binary_cross_entropy_with_logits"
    _same_shape(op, input, target)
    x, y, a, b = pair(op, input, target)
    loss = np.maximum(a, 0) - a * b + np.log1p(np.exp(-np.abs(a)))
    return _reduce(node(op, loss, (x, lambda g: g * (_sigmoid(a) - b)), (y, lambda g: -g * a)), reduction)


def linear(input, weight, bias=None):
    """input @ weight.T + bias: (..., n_in), (n_out, n_in), (n_out,) -> (..., n_out).

    >>> linear(Tensor([[1.0, 2.0]]), Tensor([[3.0, 4.0]]), Tensor([5.0]))
    tensor([[16.]])
    """
    inputs = [x for x in (input, weight, bias) if x is not None]
    x, W, *b = arrays = alike("linear", *inputs)
    if W.ndim != 2 or x.shape[-1:] != W.shape[1:] or (b and b[0].shape != W.shape[:1]):
        shapes = ", ".join(str(a.shape) for a in arrays)
        raise ValueError(f"linear: {shapes}; wanted (..., n_in), (n_out, n_in), (n_out,)")
    (n_out, n_in), m = W.shape, math.prod(x.shape[:-1])
    X = x.reshape(m, n_in)  # one tall matrix: one product instead of one for each sample
    z = X @ W.T
    if b:
        z += b[0]
    maps = (
        lambda g: (g.reshape(m, n_out) @ W).reshape(x.shape),
        lambda g: g.reshape(m, n_out).T @ X,
        lambda g: _column_sum(g.reshape(m, n_out)),
    )
    return node("linear", z.reshape(*x.shape[:-1], n_out), *zip(inputs, maps))


def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5):
    """(x - mean) / sqrt(var + eps) over the last axes, those of ``normalized_shape``, then * weight + bias.

    >>> layer_norm(Tensor([[1.0, 3.0]]), (2,), eps=0.0)
    tensor([[-1.,  1.]])
    """
    shape, n = tuple(normalized_shape), math.prod(normalized_shape)
    inputs = [x for x in (input, weight, bias) if x is not None]
    if input.shape[-len(shape) :] != shape or any(x.shape != shape for x in inputs[1:]):
        shapes = ", ".join(str(x.shape) for x in inputs)
        raise ValueError(
            f"layer_norm: {shapes}; wanted an input that ends with {shape}, the others of this shape"
        )
    x, *_ = alike("layer_norm", *inputs)
    w = 1 if weight is None else weight.data.reshape(n)
    ones = np.ones((n, 1), x.dtype)
    row_mean = lambda a: a @ ones / n  # a product with ones: 6 times faster than a.mean(1)
    row_dot = lambda a, b: np.vecdot(a, b)[:, None] / n
    y = x.reshape(-1, n)
    y = y - row_mean(y)
    s = 1 / np.sqrt(row_dot(y, y) + eps)
    y *= s  # (rows, n): mean 0 and variance 1
    z = y * w if bias is None else y * w + bias.data.reshape(n)

    def dx(g):
        g = g.reshape(-1, n) * w
        mean = row_mean(g)
        g -= y * row_dot(g, y)
        g -= mean
        g *= s
        return g.reshape(x.shape)

    edges = [(input, dx)]
    if weight is not None:
        edges.append((weight, lambda g: _column_sum(g.reshape(-1, n) * y).reshape(shape)))
    if bias is not None:
        edges.append((bias, lambda g: _column_sum(g.reshape(-1, n)).reshape(shape)))
    return node("layer_norm", z.reshape(x.shape), *edges)


def batch_norm(input, running_mean, running_var, weight, bias, training=False, momentum=0.1, eps=1e-5):
    """(x - mean) / sqrt(var + eps) * weight + bias for each channel: input (m, c) or (m, c, ...), others (c,).

    In training mean and variance are those of the batch, and the running ones move towards them in place
    by the share ``momentum``; else they are the running ones. ValueError for a batch of one number a channel.

    >>> running, one, zero = (Tensor([0.0]), Tensor([1.0])), Tensor([1.0]), Tensor([0.0])
    >>> batch_norm(Tensor([[1.0], [3.0]]), *running, one, zero, training=True, eps=0.0)
    tensor([[-1.],
            [ 1.]])
    """
    alike("batch_norm", input, weight, bias)
    if input.shape[1:2] != weight.shape:
        raise ValueError(f"batch_norm: {input.shape}, {weight.shape}; wanted (m, c) or (m, c, ...), and (c,)")
    axes, shape = (0, *range(2, input.ndim)), (-1,) + (1,) * (input.ndim - 2)
    n = input.data[:, :1].size
    if training:
        if n < 2:
            raise ValueError(
                f"batch_norm: {input.shape} has {n} number in each channel; wanted more: no batch of 1"
            )
        centre, spread = input.mean(axes), input.var(axes, correction=0)
        with no_grad():
            running_mean += momentum * (centre.detach() - running_mean)
            running_var += momentum * (spread.detach() * (n / (n - 1)) - running_var)
    else:
        centre, spread = running_mean, running_var
    y = (input - centre.reshape(shape)) / (spread + eps).sqrt().reshape(shape)
    return y * weight.reshape(shape) + bias.reshape(shape)


def gelu(input, approximate="none"):
    """x times the normal distribution function of x; with "tanh" by a formula that is fast.

    "none" is exact, one call of ``math.erf`` for each element. In the formula the distribution function is
    (1 + tanh(c (x + 0.044715 x^3))) / 2, with c = sqrt(2 / pi).

    >>> gelu(Tensor([0.0, 1.0]))
    tensor([0.        , 0.84134475])
    """
    x = np.atleast_1d(input.data)
    if approximate == "none":
        erf = np.frompyfunc(math.erf, 1, 1)
        P = (0.5 * (1 + erf(x * math.sqrt(0.5)))).astype(x.dtype)
        density = lambda: np.exp(-0.5 * x * x) * math.sqrt(0.5 / math.pi)
        return node("gelu", (x * P).reshape(input.shape), (input, lambda g: g * (P + x * density())))
    c = math.sqrt(2 / math.pi)  # np.sqrt would make it float64, and all that follows
    y, slope = np.empty(x.shape, x.dtype), np.empty(x.shape, x.dtype)
    for a, value, change in zip(_blocks(x), _blocks(y), _blocks(slope)):
        square = a * a
        P = 0.5 + 0.5 * np.tanh(a * (c + 0.044715 * c * square))
        value[:] = a * P
        change[:] = P + value * (1 - P) * (2 * c + 6 * 0.044715 * c * square)  # P + x P', as above
    return node("gelu", y.reshape(input.shape), (input, lambda g: g * slope.reshape(g.shape)))


def _kept(shape, dtype, p, rng):
    """0 with probability ``p``, else 1 / (1 - p)."""
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: p is {p}; wanted a probability")
    draws = np.random.default_rng(rng).random(shape, dtype=np.float32)
    return (draws >= p) * dtype.type(1 / (1 - p) if p < 1 else 0)


def dropout(input, p=0.5, training=True, rng=None):
    """In training each element is 0 with probability ``p``, the others are divided by 1 - p.

    >>> dropout(Tensor([1.0, 2.0, 3.0]), 0.5, rng=np.random.default_rng(3))
    tensor([2., 0., 0.])
    """
    if not training or p == 0:
        return input
    kept = _kept(input.shape, input.dtype, p, rng)
    return node("dropout", input.data * kept, (input, lambda g: g * kept))


def embedding(input, weight):
    """Rows of ``weight`` (n, d): integers of any shape -> that shape + (d,). IndexError outside 0 to n - 1.

    >>> embedding(Tensor([1, 1]), Tensor([[1.0], [2.0]]))
    tensor([[2.],
            [2.]])
    """
    ids, n = np.asarray(_index(input)), len(weight)
    if ids.dtype.kind not in "iu" or ((ids < 0) | (ids >= n)).any():
        seen = f"{ids.dtype} ids of {ids.shape} into {weight.shape}"
        raise IndexError(f"embedding: {seen}; wanted integers from 0 to {n - 1}")

    def dw(g):  # sorted, equal ids stand together: one sum for each run, 5 times faster than np.add.at
        out, order = np.zeros_like(weight.data), np.argsort(ids, axis=None, kind="stable")
        rows, starts = np.unique(ids.reshape(-1)[order], return_index=True)
        if len(rows):
            out[rows] = np.add.reduceat(g.reshape(ids.size, -1)[order], starts, axis=0)
        return out

    return node("embedding", weight.data[ids], (weight, dw))


def scaled_dot_product_attention(
    query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, rng=None
):
    """softmax(scale Q K^T + mask) V over the last two axes: (..., t, d), (..., s, d), (..., s, v) -> (..., t, v).

    ``scale`` is 1 / sqrt(d) where it is left out. A boolean mask (..., t, s) is true where a query may
    look, any other is added and gets no gradient; ``is_causal`` lets query i look at keys 0 to i. A query
    that may look nowhere gets zeros.

    >>> q, v = Tensor([[0.0], [0.0]]), Tensor([[1.0], [3.0]])
    >>> scaled_dot_product_attention(q, q, v, is_causal=True)
    tensor([[1.],
            [2.]])
    """
    op = "scaled_dot_product_attention"
    Q, K, V = alike(op, query, key, value)
    if Q.ndim < 2 or Q.shape[-1] != K.shape[-1] or K.shape[-2] != V.shape[-2]:
        raise ValueError(
            f"{op}: {Q.shape}, {K.shape}, {V.shape}; wanted (..., t, d), (..., s, d), (..., s, v)"
        )
    if is_causal and attn_mask is not None:
        raise ValueError(f"{op}: is_causal is a mask of its own; wanted one of the two")
    if isinstance(attn_mask, Tensor) and attn_mask.requires_grad:
        raise TypeError(f"{op}: the mask {attn_mask.shape} requires a gradient; a mask gets none")
    scale = 1 / math.sqrt(Q.shape[-1]) if scale is None else scale
    S = Q @ K.swapaxes(-1, -2)  # (..., t, s)
    S *= scale
    if is_causal:
        S += np.triu(np.full(S.shape[-2:], -np.inf, S.dtype), 1)
    if attn_mask is not None:
        mask = np.asarray(_index(attn_mask))
        S = np.where(mask, S, -np.inf) if mask.dtype == bool else S + mask.astype(S.dtype)
    P, total, _ = _exps(S, -1, out=S)
    P /= np.where(total > 0, total, 1)
    kept = 1 if dropout_p == 0 else _kept(P.shape, P.dtype, dropout_p, rng)

    @_once
    def dS(g):  # P (dP - the sum over each row of P dP)
        dP = g @ V.swapaxes(-1, -2)
        dP *= kept
        dP -= np.vecdot(P, dP)[..., None]
        dP *= P
        dP *= scale
        return dP

    return node(
        op,
        (P * kept if dropout_p else P) @ V,
        (query, lambda g: dS(g) @ K),
        (key, lambda g: dS(g).swapaxes(-1, -2) @ Q),
        (value, lambda g: (P * kept if dropout_p else P).swapaxes(-1, -2) @ g),
    )


def pad(input, pad, value=0.0):
    """More elements on the borders: ``pad`` = (left, right) of the last axis, then of the one before, ...

    >>> pad(Tensor([1, 2]), (1, 0))
    tensor([0, 1, 2])
    """
    if len(pad) % 2 or len(pad) > 2 * input.ndim or any(n < 0 for n in pad):
        raise ValueError(
            f"pad: {pad} for {input.shape}; wanted two counts, not negative, for each of the last axes"
        )
    widths = [(0, 0)] * (input.ndim - len(pad) // 2) + list(zip(pad[::2], pad[1::2]))[::-1]
    inside = tuple(slice(before, before + n) for (before, _), n in zip(widths, input.shape))
    return node("pad", np.pad(input.data, widths, constant_values=value), (input, lambda g: g[inside]))


def _shifts(images, kh, kw, stride):
    """Pixel (i, j) of every window at once, for each i and j: kh kw strided views (m, oh, ow, c)."""
    oh, ow = (images.shape[1] - kh) // stride + 1, (images.shape[2] - kw) // stride + 1
    if oh < 1 or ow < 1:
        raise ValueError(f"a window of {(kh, kw)} does not fit in images of {images.shape[1:3]}")
    tall, wide = stride * (oh - 1) + 1, stride * (ow - 1) + 1
    return [images[:, i : i + tall : stride, j : j + wide : stride] for i in range(kh) for j in range(kw)]


def conv2d(input, weight, bias=None, stride=1, padding=0):
    """Slide ``weight`` (o, c, kh, kw) over images: (m, c, h, w) -> (m, o, oh, ow).

    ``oh = (h + 2 padding - kh) // stride + 1``, and ow likewise; the bias has shape (o,).

    >>> conv2d(Tensor(np.ones((1, 1, 3, 3))), Tensor(np.ones((1, 1, 2, 2)))).shape
    (1, 1, 2, 2)
    """
    inputs = [x for x in (input, weight, bias) if x is not None]
    x, W, *b = alike("conv2d", *inputs)
    if x.ndim != 4 or W.ndim != 4 or x.shape[1] != W.shape[1] or (b and b[0].shape != W.shape[:1]):
        shapes = ", ".join(str(x.shape) for x in inputs)
        raise ValueError(f"conv2d: {shapes}; wanted (m, c, h, w), (o, c, kh, kw), (o,)")
    h, w, (o, c, kh, kw), p = *x.shape[2:], W.shape, padding
    images = np.pad(x.transpose(0, 2, 3, 1), ((0, 0), (p, p), (p, p), (0, 0)))  # channels last
    slide = lambda a, b: sliding_window_view(a, (kh, kw), axis=(1, 2))[:, ::stride, ::stride]
    windows = _named("conv2d", slide, images, W)  # (m, oh, ow, c, kh, kw), a view
    patches = windows.transpose(0, 1, 2, 4, 5, 3).reshape(-1, kh * kw * c)  # a row for each window
    kernel = W.transpose(2, 3, 1, 0).reshape(-1, o)  # (kh kw c, o)
    z = patches @ kernel
    if b:
        z += b[0]
    rows = _once(lambda g: g.transpose(0, 2, 3, 1).reshape(-1, o))

    def dx(g):
        out = np.zeros(images.shape, x.dtype)
        for view, K in zip(_shifts(out, kh, kw, stride), kernel.reshape(-1, c, o)):
            view += (rows(g) @ K.T).reshape(view.shape)
        return out[:, p : p + h, p : p + w].transpose(0, 3, 1, 2)

    dw = lambda g: (patches.T @ rows(g)).reshape(kh, kw, c, o).transpose(3, 2, 0, 1)
    z = z.reshape(*windows.shape[:3], o).transpose(0, 3, 1, 2)
    return node("conv2d", z, *zip(inputs, (dx, dw, lambda g: _column_sum(rows(g)))))


def max_pool2d(input, kernel_size, stride=None):
    """The largest pixel of each square window, (m, c, h, w) -> (m, c, oh, ow); the first one of a tie.

    >>> max_pool2d(Tensor([[[[1.0, 2.0], [3.0, 4.0]]]]), 2)
    tensor([[[[4.]]]])
    """

    def largest(views):
        best, at = views[0].copy(), np.zeros(views[0].shape, np.int16)
        for i, view in enumerate(views):
            better = view > best
            np.copyto(best, view, where=better)
            at[better] = i
        return best, lambda g, i: g * (at == i)

    return _pool("max_pool2d", input, kernel_size, stride or kernel_size, largest)


def avg_pool2d(input, kernel_size, stride=None):
    """The mean of each square window, (m, c, h, w) -> (m, c, oh, ow).

    >>> avg_pool2d(Tensor([[[[1.0, 2.0], [3.0, 4.0]]]]), 2)
    tensor([[[[2.5]]]])
    """
    average = lambda views: (np.mean(views, axis=0), lambda g, i: g / len(views))
    return _pool("avg_pool2d", input, kernel_size, stride or kernel_size, average)


def _pool(op, input, k, stride, f):
    a = input.data.transpose(0, 2, 3, 1)  # channels last
    y, share = f(_named(op, lambda a: _shifts(a, k, k, stride), a))

    def dx(g):
        out, g = np.zeros(a.shape, a.dtype), g.transpose(0, 2, 3, 1)
        for i, view in enumerate(_shifts(out, k, k, stride)):
            view += share(g, i)
        return out.transpose(0, 3, 1, 2)

    return node(op, y.transpose(0, 3, 1, 2), (input, dx))
