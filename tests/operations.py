"""One table of all public operations: the same code runs on ours and on torch's tensors.

OPERATIONS[name] = [(f, inputs), ...]: ``f(t, F, *inputs)`` gets the module of tensors, the module of
functions, and a tensor for each input; ``t`` and ``F`` are ours or torch's. An input is an array of floats.
"""

import numpy as np

rng = np.random.default_rng(0)


def n(*shape):
    return rng.normal(size=shape)


def p(*shape):
    return rng.uniform(0.5, 2.0, size=shape)


def mask(t, a):
    return t.tensor(np.asarray(a) > 0)


def unary(f, draw=n):
    return [(f, [draw(*shape)]) for shape in [(3, 4), (1,), (), (0, 3), (2, 1, 3)]]


PAIRS = [
    ((3, 4), (3, 4)),
    ((3, 4), (4,)),
    ((3, 1), (1, 4)),
    ((), (2, 3)),
    ((2, 1, 3), (4, 1)),
    ((0, 3), (3,)),
    ((1,), (1,)),
    ((2, 0), (1, 1)),
]


def binary(f, draw=n, second=n):
    return [(f, [draw(*a), second(*b)]) for a, b in PAIRS]


def reduction(f, shapes=((3, 4), (2, 3, 4), (1, 3), (2, 1, 3))):
    dims = [
        dict(dim=0),
        dict(dim=-1),
        dict(dim=1, keepdim=True),
        dict(dim=(0, -1)),
        dict(dim=(0, 1), keepdim=True),
    ]
    return [(lambda t, F, x, d=d: f(t, F, x, **d), [n(*shape)]) for shape in shapes for d in dims] + [
        (lambda t, F, x: f(t, F, x), [n(*shape)]) for shape in [(3, 4), (1,), ()]
    ]


TIES = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0], [0.0, -1.0, 0.0]])
ROWS = np.array([2, 0, 2, 2, 1])
GRID = np.array([[0, 1], [1, 1]])


def indexed(index, *shape):
    return (lambda t, F, x: x[index(t)], [n(*shape)])


def causal(t, T, S):
    return mask(t, np.tril(np.ones((T, S))))


OPERATIONS = {
    "neg": unary(lambda t, F, x: -x),
    "abs": unary(lambda t, F, x: abs(x)) + [(lambda t, F, x: t.abs(x), [np.array([0.0, -2.0])])],
    "exp": unary(lambda t, F, x: t.exp(x)),
    "log": unary(lambda t, F, x: x.log(), p),
    "sqrt": unary(lambda t, F, x: t.sqrt(x), p) + [(lambda t, F, x: t.sqrt(x), [np.array([0.0, 4.0])])],
    "tanh": unary(lambda t, F, x: x.tanh()) + [(lambda t, F, x: F.tanh(x), [np.array([-60.0, 0.0, 60.0])])],
    "sigmoid": unary(lambda t, F, x: F.sigmoid(x)) + [(lambda t, F, x: t.sigmoid(x), [np.array([-800.0, -50.0, 0.0, 800.0])])],
    "relu": unary(lambda t, F, x: F.relu(x)) + [(lambda t, F, x: t.relu(x), [np.array([-1.0, 0.0, 2.0])])],
    "gelu": unary(lambda t, F, x: F.gelu(x)) + unary(lambda t, F, x: F.gelu(x, approximate="tanh"))
        + [(lambda t, F, x: F.gelu(x, approximate="tanh"), [np.array([-30.0, 0.0, 30.0])])],
    "add": binary(lambda t, F, x, y: x + y) + [(lambda t, F, x: 2 + x + 1.5, [n(3)]), (lambda t, F, x: x + x, [n(3)])],
    "sub": binary(lambda t, F, x, y: x - y) + [(lambda t, F, x: 2 - x - 1.5, [n(3)]), (lambda t, F, x: x - x, [n(3)])],
    "mul": binary(lambda t, F, x, y: x * y) + [(lambda t, F, x: 2 * x * 1.5, [n(3)]), (lambda t, F, x: x * x, [n(3)]),
        (lambda t, F, x: x * t.tensor([1, 2, 3]), [n(2, 3)]), (lambda t, F, x: t.tensor([True, False]) * x, [n(2)])],
    "div": binary(lambda t, F, x, y: x / y, n, p) + [(lambda t, F, x: 2 / x / 1.5, [p(3)]), (lambda t, F, x: x / x, [p(3)])],
    "pow": binary(lambda t, F, x, y: x**y, p, n)
        + [(lambda t, F, x, k=k: x**k, [np.array([-1.5, 0.5, 2.0])]) for k in (0, 1, 2, 3, 4, -1, -2, 2.0, 3.0)]
        + [(lambda t, F, x, k=k: x**k, [np.array([0.0, 1.0])]) for k in (0, 1, 2, 3, 0.5)]
        + [(lambda t, F, x, k=k: k**x, [np.array([0.0, 0.5, 3.0])]) for k in (0, 2, 2.5)]
        + [(lambda t, F, x, y: t.pow(x, y), [np.array([0.0, 0.0, 2.0]), np.array([0.0, 2.0, 0.0])])],
    "maximum": binary(lambda t, F, x, y: t.maximum(x, y)) + [(lambda t, F, x, y: t.maximum(x, y), [TIES, TIES[:, ::-1].copy()])],
    "minimum": binary(lambda t, F, x, y: t.minimum(x, y)) + [(lambda t, F, x, y: t.minimum(x, y), [TIES, TIES[:, ::-1].copy()])],
    "clip": unary(lambda t, F, x: t.clip(x, -0.5, 0.5)) + [(lambda t, F, x: x.clip(0.0, 2.0), [TIES]),
        (lambda t, F, x: x.clip(min=0.5), [n(5)]), (lambda t, F, x: x.clip(max=0.5), [n(5)])],
    "where": binary(lambda t, F, x, y: t.where(mask(t, 1.0), x, y)) + [
        (lambda t, F, x, y: t.where(mask(t, TIES), x, y), [n(3, 3), n(3, 1)]), (lambda t, F, x: t.where(x > 0, x, 0.0), [n(4)])],
    "masked_fill": [(lambda t, F, x: x.masked_fill(mask(t, TIES), -2.0), [n(2, 3, 3)])],
    "matmul": [(lambda t, F, x, y: x @ y, [n(*a), n(*b)]) for a, b in [
        ((2, 3), (3, 4)), ((3,), (3,)), ((3,), (3, 4)), ((2, 3), (3,)), ((5, 2, 3), (3, 4)), ((5, 2, 3), (5, 3, 4)),
        ((2, 3), (5, 3, 4)), ((2, 1, 2, 3), (5, 3, 4)), ((5, 2, 3), (3,)), ((3,), (5, 3, 4)), ((0, 3), (3, 4)), ((2, 0), (0, 4)),
        ((1, 1), (1, 1)), ((6, 1, 2, 3), (1, 5, 3, 2))]] + [(lambda t, F, x: x @ x.T, [n(3, 4)])],
    "sum": reduction(lambda t, F, x, **d: x.sum(**d)) + [(lambda t, F, x: x.sum(0), [n(0, 3)]), (lambda t, F, x: x.sum(), [n(0, 3)])],
    "mean": reduction(lambda t, F, x, **d: x.mean(**d)) + [(lambda t, F, x: x.mean(1), [n(0, 3)])],
    "var": reduction(lambda t, F, x, **d: x.var(correction=0, **d)) + [(lambda t, F, x: x.var(1), [n(3, 4)]), (lambda t, F, x: x.var(), [n(3, 4)]),
        (lambda t, F, x: t.var(x, dim=(0, 2), correction=1, keepdim=True), [n(3, 4, 2)])],
    "amax": reduction(lambda t, F, x, **d: t.amax(x, **d)) + [(lambda t, F, x: t.amax(x, 1), [TIES]), (lambda t, F, x: t.amax(x), [TIES])],
    "amin": reduction(lambda t, F, x, **d: t.amin(x, **d)) + [(lambda t, F, x: t.amin(x, 1), [TIES]), (lambda t, F, x: t.amin(x), [TIES])],
    "max": [(lambda t, F, x: x.max(1).values, [n(3, 4)]), (lambda t, F, x: x.max(-1, keepdim=True).values, [n(2, 3, 4)]),
        (lambda t, F, x: x.max(), [TIES]), (lambda t, F, x: t.max(x, dim=0)[0], [n(1, 3)]), (lambda t, F, x: x.max(1).values, [TIES])],
    "min": [(lambda t, F, x: x.min(1).values, [n(3, 4)]), (lambda t, F, x: x.min(-1, keepdim=True).values, [n(2, 3, 4)]),
        (lambda t, F, x: x.min(), [TIES]), (lambda t, F, x: x.min(1).values, [TIES])],
    "logsumexp": [(lambda t, F, x, d=d, k=k: F.logsumexp(x, d, keepdim=k), [n(3, 4)]) for d in (0, 1, -1, (0, 1)) for k in (False, True)]
        + [(lambda t, F, x: F.logsumexp(x, 1), [n(2, 3) * 1000]), (lambda t, F, x: F.logsumexp(x, 0), [np.array([-np.inf, 0.0, 1.0])])],
    "softmax": [(lambda t, F, x, d=d: F.softmax(x, d), [n(2, 3, 4)]) for d in (0, 1, -1)] + [(lambda t, F, x: F.softmax(x, -1), [n(2, 3) * 1000]),
        (lambda t, F, x: F.softmax(x, -1), [n(3, 1)]), (lambda t, F, x: F.softmax(x, -1), [n(3, 0)]), (lambda t, F, x: F.softmax(x, 0), [np.array([-np.inf, 0.0, 1.0])])],
    "log_softmax": [(lambda t, F, x, d=d: F.log_softmax(x, d), [n(2, 3, 4)]) for d in (0, 1, -1)] + [(lambda t, F, x: F.log_softmax(x, -1), [n(2, 3) * 1000]),
        (lambda t, F, x: F.log_softmax(x, -1), [n(3, 1)]), (lambda t, F, x: F.log_softmax(x, 1), [n(3, 0)])],
    "reshape": [(lambda t, F, x: x.reshape(3, 4), [n(2, 6)]), (lambda t, F, x: x.reshape(-1), [n(2, 3)]), (lambda t, F, x: t.reshape(x, (2, -1, 1)), [n(2, 3)]),
        (lambda t, F, x: x.reshape(0, 3, 2), [n(0, 6)]), (lambda t, F, x: x.T.reshape(6), [n(2, 3)]), (lambda t, F, x: x.reshape(()), [n(1)])],
    "flatten": [(lambda t, F, x: x.flatten(), [n(2, 3, 4)]), (lambda t, F, x: x.flatten(1), [n(2, 3, 4)]), (lambda t, F, x: x.flatten(-2, -1), [n(2, 3, 4)]),
        (lambda t, F, x: t.flatten(x, start_dim=0, end_dim=1), [n(2, 3, 4)]), (lambda t, F, x: x.flatten(1), [n(0, 3, 4)])],
    "permute": [(lambda t, F, x: x.permute(2, 0, 1), [n(2, 3, 4)]), (lambda t, F, x: t.permute(x, (-1, 0, -2)), [n(2, 3, 4)]), (lambda t, F, x: x.T, [n(2, 3)])],
    "transpose": [(lambda t, F, x: x.transpose(0, 2), [n(2, 3, 4)]), (lambda t, F, x: t.transpose(x, -1, -2), [n(2, 3, 4)]), (lambda t, F, x: x.mT, [n(2, 3, 4)])],
    "squeeze": [(lambda t, F, x: x.squeeze(), [n(1, 3, 1)]), (lambda t, F, x: x.squeeze(-1), [n(1, 3, 1)]), (lambda t, F, x: x.squeeze(dim=1), [n(1, 3, 1)])],
    "unsqueeze": [(lambda t, F, x, d=d: x.unsqueeze(d), [n(2, 3)]) for d in (0, 1, 2, -1, -3)],
    "expand": [(lambda t, F, x: x.expand(3, 4), [n(3, 1)]), (lambda t, F, x: x.expand(2, -1, 4), [n(3, 1)]), (lambda t, F, x: x.expand((2, 3)), [n()]),
        (lambda t, F, x: x.expand(-1, 0), [n(3, 1)])],
    "getitem": [
        indexed(lambda t: 1, 3, 4), indexed(lambda t: -1, 3, 4), indexed(lambda t: slice(1, None, 2), 5, 2), indexed(lambda t: (..., 0), 2, 3, 4),
        indexed(lambda t: (slice(None), None, 2), 3, 4), indexed(lambda t: (1, 2), 3, 4), indexed(lambda t: slice(0, 0), 3, 4),
        indexed(lambda t: [0, 0, 2], 3, 4), indexed(lambda t: ROWS, 3, 4), indexed(lambda t: t.tensor(ROWS), 3, 4), indexed(lambda t: GRID, 3, 4),
        indexed(lambda t: (GRID, slice(1, 3)), 3, 4), indexed(lambda t: (t.tensor(GRID), t.tensor([[0, 3], [3, 3]])), 3, 4),
        indexed(lambda t: (slice(None), t.tensor([1, 1, 0])), 3, 4), indexed(lambda t: np.array([True, False, True]), 3, 4),
        indexed(lambda t: t.tensor(TIES > 1), 3, 3), indexed(lambda t: (t.tensor(TIES > 1)), 3, 3, 2), indexed(lambda t: np.zeros(3, bool), 3, 4),
        indexed(lambda t: np.array([-1, 2, 2]), 3, 4), indexed(lambda t: np.zeros(0, int), 3, 4), indexed(lambda t: (0, t.tensor([1, 1])), 3, 4)],
    "cat": [(lambda t, F, x, y: t.cat([x, y]), [n(2, 3), n(1, 3)]), (lambda t, F, x, y: t.cat((x, y, x), dim=-1), [n(2, 3), n(2, 1)]),
        (lambda t, F, x, y: t.cat([x, y]), [n(0, 3), n(1, 3)]), (lambda t, F, x, y: t.cat([x, y], 1), [n(2, 3, 2), n(2, 0, 2)])],
    "stack": [(lambda t, F, x, y, d=d: t.stack([x, y, x], d), [n(2, 3), n(2, 3)]) for d in (0, 1, 2, -1, -2)],
    "split": [(lambda t, F, x: t.cat(x.split(2, 1)[::-1], 1), [n(2, 5)]), (lambda t, F, x: x.split([1, 4], dim=-1)[1], [n(2, 5)]),
        (lambda t, F, x: t.split(x, [2, 0, 3], 1)[2] * 2, [n(2, 5)]), (lambda t, F, x: x.split(7)[0], [n(2, 5)]),
        (lambda t, F, x: x.split(2)[0], [n(0, 3)]), (lambda t, F, x: t.cat(x.split(2, -1)), [n(3, 4)])],
    "pad": [(lambda t, F, x: F.pad(x, (1, 2)), [n(2, 3)]), (lambda t, F, x: F.pad(x, (0, 1, 2, 0), value=1.5), [n(2, 3)]), (lambda t, F, x: F.pad(x, (1, 1, 1, 1)), [n(2, 1, 3, 3)])],
    "to": [(lambda t, F, x: x.double() * 2, [n(3)]), (lambda t, F, x: x.float().double(), [n(3)])],
    "linear": [(lambda t, F, x, W, b: F.linear(x, W, b), [n(*s, 3), n(4, 3), n(4)]) for s in [(5,), (2, 5), (0,), (), (1, 2, 1)]]
        + [(lambda t, F, x, W: F.linear(x, W), [n(2, 3), n(4, 3)]), (lambda t, F, x: F.linear(x, x), [n(3, 3)])],
    "embedding": [(lambda t, F, W, i=i: F.embedding(t.tensor(i), W), [n(4, 3)]) for i in (ROWS, GRID, np.array(2), np.zeros((0, 2), int))],
    "cross_entropy": [(lambda t, F, z, r=r: F.cross_entropy(z, t.tensor(ROWS), reduction=r), [n(5, 3) * 3]) for r in ("mean", "sum", "none")]
        + [(lambda t, F, z: F.cross_entropy(z, t.tensor([0, 1])), [np.array([[1000.0, 0.0], [-1000.0, 0.0]])]), (lambda t, F, z: F.cross_entropy(z, t.tensor([0])), [n(1, 1)])],
    "mse_loss": [(lambda t, F, x, y, r=r: F.mse_loss(x, y, reduction=r), [n(3, 2), n(3, 2)]) for r in ("mean", "sum", "none")],
    "binary_cross_entropy_with_logits": [(lambda t, F, x, y, r=r: F.binary_cross_entropy_with_logits(x, y, reduction=r), [n(3, 2) * 3, rng.uniform(size=(3, 2))]) for r in ("mean", "sum", "none")]
        + [(lambda t, F, x: F.binary_cross_entropy_with_logits(x, t.ones(3, dtype=x.dtype)), [np.array([-900.0, 0.0, 900.0])])],
    "layer_norm": [(lambda t, F, x, w, b: F.layer_norm(x, (4,), w, b), [n(*s, 4), n(4), n(4)]) for s in [(3,), (2, 3), (), (0,)]]
        + [(lambda t, F, x, w, b: F.layer_norm(x, (3, 4), w, b), [n(2, 3, 4), n(3, 4), n(3, 4)]), (lambda t, F, x: F.layer_norm(x, (4,)), [n(2, 4)]),
            (lambda t, F, x, w: F.layer_norm(x, (4,), w, eps=0.1), [n(2, 4), n(4)])],
    "batch_norm": [(lambda t, F, x, w, b, tr=tr: F.batch_norm(x, t.zeros(3, dtype=x.dtype), t.ones(3, dtype=x.dtype), w, b, tr), [n(*s), n(3), n(3)])
        for s in [(4, 3), (4, 3, 2), (2, 3, 4, 5)] for tr in (True, False)],
    "dropout": [(lambda t, F, x: F.dropout(x, 0.5, training=False), [n(2, 3)]), (lambda t, F, x: F.dropout(x, 0.0), [n(2, 3)]), (lambda t, F, x: F.dropout(x, 1.0), [n(2, 3)])],
    "scaled_dot_product_attention": [(lambda t, F, q, k, v, o=o: F.scaled_dot_product_attention(q, k, v, **o), [n(2, 3, 4, 5), n(2, 3, 4, 5), n(2, 3, 4, 6)])
        for o in ({}, dict(is_causal=True), dict(scale=0.5))] + [
        (lambda t, F, q, k, v: F.scaled_dot_product_attention(q, k, v, attn_mask=causal(t, 4, 7)), [n(2, 4, 5), n(2, 7, 5), n(2, 7, 5)]),
        (lambda t, F, q, k, v: F.scaled_dot_product_attention(q, k, v, attn_mask=mask(t, np.eye(4, 7)[::-1] - np.eye(4, 1))), [n(2, 4, 5), n(2, 7, 5), n(2, 7, 5)]),
        (lambda t, F, q, k, v: F.scaled_dot_product_attention(q, k, v, attn_mask=t.tensor(np.arange(28.0).reshape(4, 7)).to(q.dtype)), [n(2, 4, 5), n(2, 7, 5), n(2, 7, 5)]),
        (lambda t, F, x: F.scaled_dot_product_attention(x, x, x), [n(3, 4)]), (lambda t, F, q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True), [n(1, 1, 1), n(1, 1, 1), n(1, 1, 1)])],
    "conv2d": [(lambda t, F, x, W, b, o=o: F.conv2d(x, W, b, **o), [n(2, 3, 6, 5), n(4, 3, 3, 2), n(4)]) for o in ({}, dict(padding=1), dict(stride=2), dict(stride=2, padding=2))]
        + [(lambda t, F, x, W: F.conv2d(x, W), [n(1, 1, 3, 3), n(1, 1, 3, 3)]), (lambda t, F, x, W: F.conv2d(x, W), [n(2, 3, 4, 4), n(2, 3, 1, 1)])],
    "max_pool2d": [(lambda t, F, x, k=k, s=s: F.max_pool2d(x, k, s), [n(2, 3, 6, 5)]) for k, s in ((2, None), (3, 2), (2, 1), (1, 1), (2, 3))]
        + [(lambda t, F, x: F.max_pool2d(x, 2), [np.zeros((1, 1, 4, 4))])],
    "avg_pool2d": [(lambda t, F, x, k=k, s=s: F.avg_pool2d(x, k, s), [n(2, 3, 6, 5)]) for k, s in ((2, None), (3, 2), (2, 1), (2, 3))],
}  # fmt: skip
