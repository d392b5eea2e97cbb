"""A multi-layer perceptron by hand: its forward pass, its loss, and the gradients of both.

Derived in "Train a net by hand" (notebooks/10_backprop.ipynb).
"""

import numpy as np


def init_mlp(sizes, rng):
    """Random start of a net with ``sizes`` = (inputs, hidden units, ..., outputs): [(W, b), ...].

    Layer by layer W has shape (n_out, n_in), drawn from a normal distribution with standard
    deviation ``1 / sqrt(n_in)``, and b has shape (n_out,), all zeros. ``rng`` is a
    ``numpy.random.Generator``.

    >>> params = init_mlp((2, 3, 1), np.random.default_rng(0))
    >>> [(W.shape, b.shape) for W, b in params]
    [((3, 2), (3,)), ((1, 3), (1,))]
    """
    return [
        (rng.normal(size=(n_out, n_in)) / np.sqrt(n_in), np.zeros(n_out))
        for n_in, n_out in zip(sizes, sizes[1:])
    ]


def tanh_slope(z):
    """Derivative of tanh, ``1 - tanh(z)^2``, element by element.

    >>> float(tanh_slope(0.0))
    1.0
    """
    return 1 - np.tanh(z) ** 2


def forward(params, X, act=np.tanh):
    """Outputs of the net for the rows of ``X`` (m, n_in), and the trace that ``backward`` needs.

    Each layer computes ``z = a W^T + b``, and ``act(z)`` goes into the next; the last z, shape
    (m, n_out), is returned as it is. The trace holds (a, z) of each layer: what went in, what came
    out. Raises ValueError when a layer does not fit what comes in. Whoever passes ``act`` passes its
    derivative to ``backward``, too: nothing else can tell.

    >>> z, trace = forward([(np.ones((1, 2)), np.ones(1))], np.array([[2.0, 3.0]]))
    >>> z
    array([[6.]])
    """
    a, trace = X, []
    for W, b in params:
        if np.ndim(a) != 2 or W.shape != (len(b), np.shape(a)[1]) or b.ndim != 1:
            raise ValueError(
                f"inputs {np.shape(a)}, W {W.shape}, b {b.shape}; wanted (m, n_in), (n_out, n_in), (n_out,)"
            )
        z = a @ W.T + b  # (m, n_in) @ (n_in, n_out) + (n_out,) -> (m, n_out)
        trace.append((a, z))
        a = act(z)
    return z, trace


def backward(params, trace, delta, slope=tanh_slope):
    """Gradients [(dW, db), ...] of a loss with ``delta`` = dL/dz of the last layer, shape (m, n_out).

    ``trace`` comes from ``forward`` with the same ``params``; ``slope`` must be the derivative of its
    ``act``, or the gradients are wrong without a word. Layer by layer, from the last:
    ``dW = delta^T a``, ``db`` = sum of delta over the rows, and the layer below has
    ``(delta W) * slope(z)``. Nothing is updated. Raises ValueError when ``delta`` has not the shape of
    the last z, or when ``trace`` has more or fewer layers than ``params``.

    >>> params, X = [(np.ones((1, 2)), np.ones(1))], np.array([[2.0, 3.0]])
    >>> backward(params, forward(params, X)[1], np.array([[10.0]]))
    [(array([[20., 30.]]), array([10.]))]
    """
    wanted = trace[-1][1].shape
    if np.shape(delta) != wanted or len(trace) != len(params):
        raise ValueError(
            f"delta {np.shape(delta)} and a trace of {len(trace)} layers; "
            f"wanted {wanted} and {len(params)} layers"
        )
    grads = [None] * len(params)
    for l in reversed(range(len(params))):
        W, a = params[l][0], trace[l][0]
        grads[l] = (delta.T @ a, delta.sum(axis=0))  # (n_out, n_in) and (n_out,)
        if l > 0:
            delta = (delta @ W) * slope(trace[l - 1][1])  # (m, n_out) @ (n_out, n_in)
    return grads


def update(params, grads, lr):
    """One step of gradient descent, ``theta - lr * grad`` for every W and b; new arrays.

    Raises ValueError when there are more or fewer gradients than layers.

    >>> update([(np.ones((1, 1)), np.ones(1))], [(np.ones((1, 1)), np.zeros(1))], 0.5)
    [(array([[0.5]]), array([1.]))]
    """
    return [(W - lr * dW, b - lr * db) for (W, b), (dW, db) in zip(params, grads, strict=True)]


def softmax_cross_entropy(z, y):
    """Mean cross-entropy of the logits ``z`` (m, c) with the labels ``y`` (m,), and its gradient in z.

    Row i has ``p = softmax(z_i)`` and the loss ``-log p[y_i]``; the gradient is
    ``(p - one_hot(y_i)) / m``, shape (m, c). The largest logit of a row is taken off first, so that
    exp never overflows. Raises ValueError for an empty batch, and for labels that are not m integers
    from 0 to c - 1.

    >>> loss, delta = softmax_cross_entropy(np.zeros((1, 2)), np.array([1]))
    >>> round(float(loss), 6), delta
    (0.693147, array([[ 0.5, -0.5]]))
    """
    z, y = np.asarray(z), np.asarray(y)
    if z.ndim != 2 or y.shape != z.shape[:1] or y.dtype.kind not in "iu" or y.size == 0:
        raise ValueError(f"z {z.shape}, y {y.shape} of {y.dtype}; wanted (m, c), and m integers")
    m, c = z.shape
    if y.min() < 0 or y.max() >= c:
        raise ValueError(f"labels from {y.min()} to {y.max()}; wanted 0 to {c - 1}")
    z = z - z.max(axis=1, keepdims=True)  # softmax does not change
    log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    delta = np.exp(log_p)
    delta[np.arange(m), y] -= 1  # one entry in each row: the right class
    return -log_p[np.arange(m), y].mean(), delta / m
