"""Backward rules, right and wrong, on which the gradient check is tried.

RULES[name] = (f, vjp, shapes of the inputs); WRONG[name] = {what was done wrong: the wrong vjp}.
Samples are rows; ``u`` is the upstream gradient, in the shape of what f returns.
"""

import numpy as np


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def tanh_slope(z):
    return 1 - np.tanh(z) ** 2


def normalise(x):
    x = x - x.mean(axis=-1, keepdims=True)
    return x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + 1e-5)


def normalise_vjp(u, x):
    y, n = normalise(x), x.shape[-1]
    spread = np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5)
    return ((u - u.sum(-1, keepdims=True) / n - y * (u * y).sum(-1, keepdims=True) / n) / spread,)


LABELS = np.array([2, 0, 2, 4])  # of 4 rows
TOKENS = np.array([1, 3, 1, 1, 0])  # rows of a table, one of them three times


def cross_entropy(z):
    return -np.log(softmax(z)[np.arange(4), LABELS]).mean()


def cross_entropy_vjp(u, z):
    return (u * (softmax(z) - np.eye(5)[LABELS]) / 4,)


def add_at(shape, index, u):
    out = np.zeros(shape)
    np.add.at(out, index, u)
    return out


def put(shape, index, u):
    out = np.zeros(shape)
    out[index] = u
    return out


def layer(X, W, b):
    return np.tanh(X @ W.T + b)


def layer_vjp(u, X, W, b):
    delta = u * tanh_slope(X @ W.T + b)
    return delta @ W, delta.T @ X, delta.sum(axis=0)


def after_vjp(u, X, W, b):
    delta = u  # of the output of tanh, not of its input
    return delta @ W, delta.T @ X, delta.sum(axis=0)


def slope_at_output_vjp(u, X, W, b):
    delta = u * tanh_slope(layer(X, W, b))
    return delta @ W, delta.T @ X, delta.sum(axis=0)


def two_layers(X, W, V):
    return np.tanh(X @ W.T) @ V.T


def two_layers_vjp(u, X, W, V, slope=tanh_slope):
    Z = X @ W.T
    delta = u @ V * slope(Z)
    return delta @ W, delta.T @ X, u.T @ np.tanh(Z)


def attention(Q, K, V):
    return softmax(Q @ K.T / np.sqrt(Q.shape[1])) @ V


def attention_vjp(u, Q, K, V, scale=None, inner=True):
    root = np.sqrt(Q.shape[1])
    P = softmax(Q @ K.T / root)
    dP = u @ V.T
    dS = P * (dP - inner * (P * dP).sum(axis=1, keepdims=True)) / (scale or root)
    return dS @ K, dS.T @ Q, P.T @ u


def convolve(x, w):
    return np.convolve(x, w, mode="valid")  # y[i] = sum_j x[i + n - 1 - j] w[j]


RULES = {
    "sin": (np.sin, lambda u, x: (u * np.cos(x),), [(3, 4)]),
    "sigmoid": (sigmoid, lambda u, x: (u * sigmoid(x) * (1 - sigmoid(x)),), [(3, 4)]),
    "tanh": (np.tanh, lambda u, x: (u * tanh_slope(x),), [(3, 4)]),
    "relu": (lambda x: np.maximum(x, 0), lambda u, x: (u * (x > 0),), [(3, 4)]),
    "times": (lambda x, y: x * y, lambda u, x, y: (u * y, u * x), [(3, 4), (3, 4)]),
    "divide": (lambda x, y: x / np.exp(y), lambda u, x, y: (u / np.exp(y), -u * x / np.exp(y)), [(5,), (5,)]),
    "minus": (lambda x, y: x - y, lambda u, x, y: (u, -u), [(3, 2), (3, 2)]),
    "matmul": (lambda A, B: A @ B, lambda u, A, B: (u @ B.T, A.T @ u), [(3, 4), (4, 2)]),
    "square matmul": (lambda A, B: A @ B, lambda u, A, B: (u @ B.T, A.T @ u), [(3, 3), (3, 3)]),
    "linear": (
        lambda X, W, b: X @ W.T + b,
        lambda u, X, W, b: (u @ W, u.T @ X, u.sum(axis=0)),
        [(5, 3), (4, 3), (4,)],
    ),
    "square linear": (
        lambda X, W, b: X @ W.T + b,
        lambda u, X, W, b: (u @ W, u.T @ X, u.sum(axis=0)),
        [(4, 4), (4, 4), (4,)],
    ),
    "layer": (layer, layer_vjp, [(5, 3), (4, 3), (4,)]),
    "two layers": (two_layers, two_layers_vjp, [(5, 3), (4, 3), (2, 4)]),
    "row added": (lambda X, b: X + b, lambda u, X, b: (u, u.sum(axis=0)), [(4, 3), (3,)]),
    "column added": (
        lambda X, c: X + c,
        lambda u, X, c: (u, u.sum(axis=1, keepdims=True)),
        [(4, 3), (4, 1)],
    ),
    "sum of rows": (
        lambda X: X.sum(axis=0),
        lambda u, X: (np.broadcast_to(u, X.shape),),
        [(4, 4)],
    ),
    "mean of a row": (
        lambda X: X.mean(axis=1),
        lambda u, X: (np.repeat(u[:, None], X.shape[1], axis=1) / X.shape[1],),
        [(4, 3)],
    ),
    "mean squared error": (
        lambda p, y: ((p - y) ** 2).mean(),
        lambda u, p, y: (u * 2 * (p - y) / p.size, -u * 2 * (p - y) / p.size),
        [(6,), (6,)],
    ),
    "transpose": (lambda X: X.T, lambda u, X: (u.T,), [(3, 4)]),
    "square transpose": (lambda X: X.T, lambda u, X: (u.T,), [(4, 4)]),
    "centre": (
        lambda X: X - X.mean(axis=1, keepdims=True),
        lambda u, X: (u - u.mean(axis=1, keepdims=True),),
        [(3, 5)],
    ),
    "softmax": (
        softmax,
        lambda u, x: (softmax(x) * (u - (u * softmax(x)).sum(axis=-1, keepdims=True)),),
        [(3, 4)],
    ),
    "cross-entropy": (cross_entropy, cross_entropy_vjp, [(4, 5)]),
    "layer norm": (normalise, normalise_vjp, [(3, 5)]),
    "used twice": (lambda x: x * np.sin(x), lambda u, x: (u * (np.sin(x) + x * np.cos(x)),), [(6,)]),
    "used three times": (
        lambda x: x + x**2 + x**3,
        lambda u, x: (u * (1 + 2 * x + 3 * x**2),),
        [(6,)],
    ),
    "residual": (lambda x: x + np.tanh(x), lambda u, x: (u + u * tanh_slope(x),), [(3, 4)]),
    "embedding": (lambda E: E[TOKENS], lambda u, E: (add_at(E.shape, TOKENS, u),), [(4, 3)]),
    "slice": (lambda x: x[1:4], lambda u, x: (put(x.shape, slice(1, 4), u),), [(6,)]),
    "maximum of a row": (
        lambda X: X.max(axis=1),
        lambda u, X: (u[:, None] * (X == X.max(axis=1, keepdims=True)),),
        [(4, 5)],
    ),
    "running sum": (lambda x: x.cumsum(), lambda u, x: (u[::-1].cumsum()[::-1],), [(6,)]),
    "convolution": (
        convolve,
        lambda u, x, w: (np.convolve(u, w[::-1]), np.convolve(x[::-1], u, mode="valid")),
        [(8,), (3,)],
    ),
    "attention": (attention, attention_vjp, [(3, 4), (5, 4), (5, 2)]),
}

WRONG = {
    "sin": {
        "upstream forgotten": lambda u, x: (np.cos(x),),
        "zeros returned": lambda u, x: (np.zeros_like(x),),
        "sign flipped": lambda u, x: (-u * np.cos(x),),
        "value for slope": lambda u, x: (u * np.sin(x),),
        "upstream squared": lambda u, x: (u * u * np.cos(x),),
    },
    "sigmoid": {
        "slope taken at the output": lambda u, x: (u * sigmoid(sigmoid(x)) * (1 - sigmoid(sigmoid(x))),),
        "one factor forgotten": lambda u, x: (u * sigmoid(x),),
        "input taken for output": lambda u, x: (u * x * (1 - x),),
    },
    "tanh": {
        "square forgotten": lambda u, x: (u * (1 - np.tanh(x)),),
        "input taken for output": lambda u, x: (u * (1 - x**2),),
    },
    "relu": {
        "mask of the upstream": lambda u, x: (u * (u > 0),),
        "mask forgotten": lambda u, x: (u,),
        "relu for its slope": lambda u, x: (u * np.maximum(x, 0),),
    },
    "times": {
        "factors swapped": lambda u, x, y: (u * x, u * y),
        "second input forgotten": lambda u, x, y: (u * y, np.zeros_like(y)),
    },
    "divide": {"minus forgotten": lambda u, x, y: (u / np.exp(y), u * x / np.exp(y))},
    "minus": {"minus forgotten": lambda u, x, y: (u, u)},
    "square matmul": {
        "transposes forgotten": lambda u, A, B: (u @ B, A @ u),
        "order swapped": lambda u, A, B: (B.T @ u, u @ A.T),
        "result transposed": lambda u, A, B: ((u @ B.T).T, (A.T @ u).T),
    },
    "linear": {
        "bias gradient not summed, last row kept": lambda u, X, W, b: (u @ W, u.T @ X, u[-1]),
        "bias gradient averaged": lambda u, X, W, b: (u @ W, u.T @ X, u.mean(axis=0)),
        "weight gradient averaged": lambda u, X, W, b: (u @ W, u.T @ X / len(X), u.sum(axis=0)),
    },
    "square linear": {
        "summed over the wrong axis": lambda u, X, W, b: (u @ W, u.T @ X, u.sum(axis=1)),
        "weight gradient transposed": lambda u, X, W, b: (u @ W, X.T @ u, u.sum(axis=0)),
        "W transposed on the way down": lambda u, X, W, b: (u @ W.T, u.T @ X, u.sum(axis=0)),
    },
    "layer": {
        "delta after instead of before the activation": after_vjp,
        "slope at the output of the activation": slope_at_output_vjp,
    },
    "two layers": {
        "hidden slope forgotten": lambda u, X, W, V: two_layers_vjp(u, X, W, V, np.ones_like),
        "first layer not trained": lambda u, X, W, V: (
            two_layers_vjp(u, X, W, V)[0], np.zeros_like(W), u.T @ np.tanh(X @ W.T),
        ),
        "z for a in the last layer": lambda u, X, W, V: (*two_layers_vjp(u, X, W, V)[:2], u.T @ (X @ W.T)),
    },
    "column added": {
        "mean for sum": lambda u, X, c: (u, u.mean(axis=1, keepdims=True)),
    },
    "sum of rows": {
        "spread along the wrong axis": lambda u, X: (np.broadcast_to(u[:, None], X.shape),),
    },
    "mean of a row": {
        "mean forgotten": lambda u, X: (np.repeat(u[:, None], X.shape[1], axis=1),),
        "divided by the other axis": lambda u, X: (np.repeat(u[:, None], X.shape[1], axis=1) / len(X),),
    },
    "mean squared error": {
        "mean forgotten": lambda u, p, y: (u * 2 * (p - y), -u * 2 * (p - y)),
        "two forgotten": lambda u, p, y: (u * (p - y) / p.size, -u * (p - y) / p.size),
        "target minus prediction": lambda u, p, y: (u * 2 * (y - p) / p.size, -u * 2 * (y - p) / p.size),
    },
    "square transpose": {"not transposed back": lambda u, X: (u,)},
    "centre": {
        "mean taken as constant": lambda u, X: (u,),
        "zeros returned": lambda u, X: (np.zeros_like(X),),
    },
    "softmax": {
        "diagonal only": lambda u, x: (u * softmax(x) * (1 - softmax(x)),),
        "sum of the inner product over the wrong axis": lambda u, x: (
            softmax(x) * (u - (u * softmax(x)).sum(axis=0)),
        ),
        "zeros returned": lambda u, x: (np.zeros_like(x),),
    },
    "cross-entropy": {
        "mean forgotten": lambda u, z: (u * (softmax(z) - np.eye(5)[LABELS]),),
        "upstream forgotten": lambda u, z: ((softmax(z) - np.eye(5)[LABELS]) / 4,),
        "label not subtracted": lambda u, z: (u * softmax(z) / 4,),
        "divided by the classes": lambda u, z: (u * (softmax(z) - np.eye(5)[LABELS]) / 5,),
    },
    "layer norm": {
        "mean and spread taken as constants": lambda u, x: (
            u / np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5),
        ),
        "spread taken as constant": lambda u, x: (
            (u - u.mean(-1, keepdims=True)) / np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5),
        ),
    },
    "used twice": {
        "last use only": lambda u, x: (u * x * np.cos(x),),
        "first use only": lambda u, x: (u * np.sin(x),),
        "gradients multiplied": lambda u, x: (u * np.sin(x) * x * np.cos(x),),
    },
    "used three times": {"last use only": lambda u, x: (u * 3 * x**2,)},
    "residual": {
        "shortcut forgotten": lambda u, x: (u * tanh_slope(x),),
        "branch forgotten": lambda u, x: (u,),
    },
    "embedding": {"repeated rows overwritten": lambda u, E: (put(E.shape, TOKENS, u),)},
    "slice": {"shifted by one": lambda u, x: (put(x.shape, slice(2, 5), u),)},
    "maximum of a row": {"spread over the row": lambda u, X: (np.repeat(u[:, None], 5, axis=1) / 5,)},
    "running sum": {"summed from the front": lambda u, x: (u.cumsum(),)},
    "convolution": {
        "kernel not turned round": lambda u, x, w: (
            np.convolve(u, w), np.convolve(x[::-1], u, mode="valid"),
        ),
    },
    "attention": {
        "scale forgotten": lambda u, Q, K, V: attention_vjp(u, Q, K, V, scale=1.0),
        "softmax taken as its diagonal": lambda u, Q, K, V: attention_vjp(u, Q, K, V, inner=False),
    },
}  # fmt: skip
