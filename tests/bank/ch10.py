"""Right and wrong answers to the exercises of "Train a net by hand"."""

import math

import numpy as np

# One layer


def _layer_loops(delta, W, a):
    dW, db, da = np.zeros(W.shape), np.zeros(len(W)), np.zeros(a.shape)
    for r in range(len(a)):
        for i in range(len(W)):
            db[i] += delta[r, i]
            for j in range(a.shape[1]):
                dW[i, j] += delta[r, i] * a[r, j]
                da[r, j] += delta[r, i] * W[i, j]
    return dW, db, da


def _layer_samples(delta, W, a):
    return [sum(np.outer(d, x) for d, x in zip(delta, a)), sum(delta), np.array([W.T @ d for d in delta])]


def _layer(dW=None, db=None, da=None):
    """The right layer with one rule exchanged."""

    def answer(delta, W, a):
        return (
            dW(delta, a) if dW else delta.T @ a,
            db(delta) if db else delta.sum(axis=0),
            da(delta, W) if da else delta @ W,
        )

    return answer


# Softmax


def _softmax_rows(z, y):
    loss, grad = 0.0, []
    for row, k in zip(z, y):
        top = max(row)
        e = [math.exp(v - top) for v in row]
        loss += math.log(sum(e)) + top - row[k]
        grad.append([v / sum(e) - (i == k) for i, v in enumerate(e)])
    return loss / len(y), np.array(grad) / len(y)


def _softmax_logaddexp(z, y):
    log_s = np.logaddexp.reduce(z, axis=1, keepdims=True)
    grad = np.exp(z - log_s) - np.eye(z.shape[1])[y]
    return float((log_s[:, 0] - z[np.arange(len(y)), y]).mean()), grad / len(y)


def _softmax_take(z, y):
    z = z - z.max(1, keepdims=True)
    p = np.exp(z)
    s = p.sum(1, keepdims=True)
    picked = np.take_along_axis(z - np.log(s), np.asarray(y)[:, None], 1)
    grad = p / s
    for i, k in enumerate(y):
        grad[i, k] -= 1
    return [-picked.mean(), grad / len(z)]


def _softmax(
    loss=lambda v: v.mean(), grad=lambda p, t: (p - t) / len(p), shift=None, small=0.0, axis=1, log=True
):
    """A softmax with one step exchanged; log: ln p directly."""

    def answer(z, y):
        z = z - (z.max(axis=1, keepdims=True) if shift is None else shift(z))
        s = np.exp(z).sum(axis=axis, keepdims=True)
        p, rows, target = np.exp(z) / s, np.arange(len(y)), np.eye(z.shape[1])[y]
        log_p = z - np.log(s) if log else np.log(p + small)
        return loss(-log_p[rows, y]), grad(p, target)

    return answer


def _softmax_columns(both):
    """The index p[:, y], in the gradient and, with both, in the loss."""

    def answer(z, y):
        loss, grad = _softmax_rows(z, y)
        p = np.exp(z - z.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        every = p.copy()
        every[:, y] -= 1
        return (-np.mean(np.log(p[:, y])) if both else loss), every / len(y)

    return answer


def _softmax_long(z, y):
    """No shift, but wider numbers: enough for exp(1000) on some machines."""
    z = z.astype(np.longdouble)
    with np.errstate(all="ignore"):
        p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        loss = -np.log(p[np.arange(len(y)), y]).mean()
    return float(loss), ((p - np.eye(z.shape[1])[y]) / len(y)).astype(float)


# A net


def _net_recursive(params, X, delta, act, slope):
    """Returns from the deepest call with the top layer first done."""

    def go(k, a):
        W, b = params[k]
        z = a @ W.T + b
        if k == len(params) - 1:
            back, rest = delta, []
        else:
            rest, down = go(k + 1, act(z))
            back = down * slope(z)
        return [(back.T @ a, back.sum(0)), *rest], back @ W

    return go(0, X)[0]


def _net_samples(params, X, delta, act, slope):
    total = [[np.zeros(W.shape), np.zeros(b.shape)] for W, b in params]
    for x, d in zip(X, delta):
        ins, zs = [x], []
        for W, b in params:
            zs.append(W @ ins[-1] + b)
            ins.append(act(zs[-1]))
        for k in range(len(params) - 1, -1, -1):
            total[k][0] += np.outer(d, ins[k])
            total[k][1] += d
            d = params[k][0].T @ d * slope(zs[k - 1]) if k else d
    return [tuple(pair) for pair in total]


def _net(down=lambda d, W, a, z, act, slope: d @ W * slope(z), start=lambda d, z, slope: d, db=lambda d: d.sum(axis=0),
         dW=lambda d, a: d.T @ a, order=1):  # fmt: skip
    """The right sweep with one step exchanged."""

    def answer(params, X, delta, act, slope):
        a, trace, grads = X, [], []
        for W, b in params:
            z = a @ W.T + b
            trace.append((a, z))
            a = act(z)
        delta = start(delta, z, slope)
        for k in range(len(params) - 1, -1, -1):
            a, z = trace[k]
            grads.append((dW(delta, a), db(delta)))
            if k:
                delta = down(delta, params[k][0], a, trace[k - 1][1], act, slope)
        return grads[::-1][::order]

    return answer


def _net_straight(params, X, delta, act, slope):
    return _net()(params, X, delta, lambda z: z, slope)


def _net_updates(params, X, delta, act, slope):
    grads = _net()(params, X, delta, act, slope)
    for (W, b), (dW, db) in zip(params, grads):
        W -= 0.1 * dW
        b -= 0.1 * db
    return grads


def _two(bend=lambda A: 1 - A**2, db1=lambda d: d.sum(axis=0), db2=lambda d: d.sum(axis=0), scale=lambda m: 1 / m,
         dW1=lambda d, X: d.T @ X, order=slice(None)):  # fmt: skip
    """The right gradients of the two-layer net with one step exchanged."""

    def answer(X, Y, W1, b1, W2, b2):
        A = np.tanh(X @ W1.T + b1)
        top = (A @ W2.T + b2 - Y) * scale(len(X))
        below = top @ W2 * bend(A)
        return (dW1(below, X), db1(below), top.T @ A, db2(top))[order]

    return answer


def _two_samples(X, Y, W1, b1, W2, b2):
    total = [np.zeros(p.shape) for p in (W1, b1, W2, b2)]
    for x, t in zip(X, Y):
        a = np.tanh(W1 @ x + b1)
        top = W2 @ a + b2 - t
        below = W2.T @ top / np.cosh(W1 @ x + b1) ** 2
        for part, g in zip(total, (np.outer(below, x), below, np.outer(top, a), top)):
            part += g / len(X)
    return total


def _two_einsum(X, Y, W1, b1, W2, b2):
    A = np.tanh(np.einsum("ri,hi->rh", X, W1) + b1)
    top = (np.einsum("rh,kh->rk", A, W2) + b2 - Y) / X.shape[0]
    below = np.einsum("rk,kh->rh", top, W2) * (1 - A) * (1 + A)
    return (
        np.einsum("rh,ri->hi", below, X),
        np.ones(len(X)) @ below,
        np.einsum("rk,rh->kh", top, A),
        top.sum(0),
    )


# The experiment


def _experiment(hidden=(1, 2, 3, 8), starts=20, zero=False):
    """All starts at once: W1 (s, h, 2), W2 (s, 2, h)."""
    X, target = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.eye(2)[[0, 1, 1, 0]]
    counts = []
    for h in hidden:
        first, second = [], []
        for seed in range(starts):
            rng = np.random.default_rng(seed)
            first.append(rng.normal(size=(h, 2)) / math.sqrt(2))
            second.append(rng.normal(size=(2, h)) / math.sqrt(h))
        W1, W2 = np.array(first) * (not zero), np.array(second) * (not zero)
        b1, b2 = np.zeros((starts, 1, h)), np.zeros((starts, 1, 2))
        for _ in range(600):
            A = np.tanh(X @ W1.transpose(0, 2, 1) + b1)
            z = A @ W2.transpose(0, 2, 1) + b2
            p = np.exp(z - z.max(axis=2, keepdims=True))
            top = (p / p.sum(axis=2, keepdims=True) - target) / 4
            below = top @ W2 * (1 - A**2)
            W2, b2 = W2 - top.transpose(0, 2, 1) @ A, b2 - top.sum(axis=1, keepdims=True)
            W1, b1 = W1 - below.transpose(0, 2, 1) @ X, b1 - below.sum(axis=1, keepdims=True)
        z = np.tanh(X @ W1.transpose(0, 2, 1) + b1) @ W2.transpose(0, 2, 1) + b2
        counts.append(int(np.sum(np.all(z.argmax(axis=2) == [0, 1, 1, 0], axis=1))))
    return counts


# A residual layer


def _residual(dW=None, db=None, da=None):
    """The right rules with one exchanged."""

    def answer(u, a, W, b):
        s = 1 - np.tanh(a @ W.T + b) ** 2
        d = u * s
        return (
            dW(u, a, d, s) if dW else d.T @ a,
            db(u, d, s) if db else d.sum(axis=0),
            da(u, W, d, s) if da else u + d @ W,
        )

    return answer


def _residual_samples(u, a, W, b):
    dW, db, da = np.zeros(W.shape), np.zeros(b.shape), []
    for g, x in zip(u, a):
        d = g / np.cosh(W @ x + b) ** 2
        dW += np.outer(d, x)
        db += d
        da.append(g + W.T @ d)
    return dW, db, np.array(da)


def _residual_jacobian(u, a, W, b):
    s = 1 - np.tanh(a @ W.T + b) ** 2
    da = [g @ (np.eye(len(b)) + t[:, None] * W) for g, t in zip(u, s)]
    return [np.einsum("ri,rj->ij", u * s, a), np.einsum("ri,ri->i", u, s), np.array(da)]


_good = np.array([-0.125, -0.25, -0.125, -0.375])
_ln10 = math.log(10)

RIGHT = {
    "delta_by_hand": [
        lambda: [-1 / 8, -1 / 4, -1 / 8, -3 / 8],
        lambda: np.array([1, 2, 1, 3]) * (0.5 - 1) * 0.5 * (1 - 0.5),
        lambda: tuple(-0.125 * s for s in (1, 2, 1, 3)),
    ],
    "softmax_by_hand": [
        lambda: [2.303, 0.3, -0.9, 0.6],
        lambda: (-math.log(0.1), 3 / 10, 1 / 10 - 1, 6 / 10),
        lambda: np.concatenate([[np.log(3 + 1 + 6)], np.array([3, 1, 6]) / 10 - np.eye(3)[1]]),
    ],
    "layer_backward": [
        _layer_loops,
        _layer_samples,
        lambda d, W, a: (np.einsum("ri,rj->ij", d, a), np.ones(len(d)) @ d, (W.T @ d.T).T),
    ],
    "softmax_loss": [_softmax_rows, _softmax_logaddexp, _softmax_take],
    "mlp_backward": [_net(), _net_recursive, _net_samples],
    "two_layer_gradients": [_two(), _two_samples, _two_einsum],
    "xor_solved": [_experiment, lambda: np.array(_experiment()), lambda: tuple(_experiment((h,))[0] for h in (1, 2, 3, 8))],
    "residual_backward": [_residual(), _residual_samples, _residual_jacobian],
}  # fmt: skip

WRONG = {
    "delta_by_hand": [
        (lambda: 4 * _good, "your delta is dL/da"),
        (lambda: -_good, "the sign is flipped"),
        (lambda: 2 * _good, "twice too large"),
        (lambda: _good / 2, "twice too small"),
        (lambda: (-0.125, -0.375, -0.125, -0.25), "swapped"),
        (lambda: (-0.5, -0.25, -0.125, -0.375), "delta is before the activation"),
        (lambda: (-0.125, -0.125, -0.125, -0.375), "lacks the factor x"),
        (lambda: (-0.125, -0.25, 0, -0.375), "the bias has a gradient too"),
        (lambda: (-0.125, -0.25, 0.75, -0.375), "is 1, not b"),
        (lambda: (-0.125, -0.25, -0.125, -0.125), "lacks the factor w"),
        (lambda: (0.1, 0.2, 0.3, 0.4), "first z and a"),
        (lambda: -0.125, "wanted shape (4,)"),
    ],
    "softmax_by_hand": [
        (lambda: (-_ln10, 0.3, -0.9, 0.6), "sign of the loss is flipped"),
        (lambda: (1.0, 0.3, -0.9, 0.6), "base 10"),
        (lambda: (0.1, 0.3, -0.9, 0.6), "0.1 is the probability"),
        (lambda: (math.log(10 / 3), -0.7, 0.1, 0.6), "loss for the first class"),
        (lambda: (5.0, 0.3, -0.9, 0.6), "the loss is not right"),
        (lambda: (_ln10, 0.3, 0.1, 0.6), "that is p"),
        (lambda: (_ln10, -0.3, 0.9, -0.6), "sign of the gradient is flipped"),
        (lambda: (_ln10, -0.7, 0.1, 0.6), "off the first class"),
        (lambda: (_ln10, 0.0, -10.0, 0.0), "slope in p"),
        (lambda: (_ln10, math.log(3), -1, math.log(6)), "logits minus the target"),
        (lambda: (_ln10, math.log(3) / math.log(18), -1, math.log(6) / math.log(18)), "logits by their sum"),
        (lambda: (_ln10, 0.3, -0.9, 0.5), "add up to zero"),
    ],
    "layer_backward": [
        (_layer(dW=lambda d, a: a.T @ d), "dW is transposed"),
        (_layer(dW=lambda d, a: d.T @ a / len(a)), "dW is m times too small"),
        (_layer(dW=lambda d, a: np.outer(d[-1], a[-1])), "dW holds the last sample"),
        (_layer(dW=lambda d, a: np.ones_like(d).T @ a), "delta is forgotten in dW"),
        (_layer(db=lambda d: d.sum(axis=1)), "along the wrong axis"),
        (_layer(db=lambda d: d), "db is not summed"),
        (_layer(db=lambda d: d[-1]), "db holds the last sample"),
        (_layer(db=lambda d: np.ones(d.shape[1]) * len(d)), "delta is forgotten in db"),
        (_layer(da=lambda d, W: d @ W.T), "both sides of @"),
        (_layer(da=lambda d, W: np.ones_like(d) @ W), "delta is forgotten in da"),
        (_layer(da=lambda d, W: (d @ W).sum(axis=0)), "da is summed over the samples"),
        (lambda d, W, a: (d.T @ a, d.sum(axis=0)), "length 3 that holds dW, db, da"),
    ],
    "softmax_loss": [
        (_softmax(loss=lambda v: v.sum()), "sum over the samples: take the mean"),
        (_softmax(loss=lambda v: v), "one number for each sample"),
        (_softmax(loss=lambda v: -v.mean()), "sign of the loss is flipped"),
        (_softmax_columns(both=True), "p[:, y] takes whole columns"),
        (_softmax(axis=0, shift=lambda z: 0), "down the columns"),
        (_softmax_columns(both=False), "[:, y] in the gradient"),
        (_softmax(grad=lambda p, t: p / len(p)), "p / m alone"),
        (_softmax(grad=lambda p, t: p - t), "divide by m for the mean"),
        (_softmax(grad=lambda p, t: (t - p) / len(p)), "sign of the gradient is flipped"),
        (_softmax_long, "the exponential overflows"),
        (_softmax(shift=lambda z: z.max()), "not of the whole batch"),
        (_softmax(log=False, small=1e-12), "p rounds to 0"),
    ],
    "mlp_backward": [
        (_net(down=lambda d, W, a, z, act, slope: d @ W), "delta after the activation"),
        (_net(down=lambda d, W, a, z, act, slope: d @ W * slope(a)), "slope is taken at a"),
        (_net(down=lambda d, W, a, z, act, slope: d @ W * act(z)), "act stands where slope belongs"),
        (_net(start=lambda d, z, slope: np.ones_like(d)), "delta is forgotten"),
        (_net(start=lambda d, z, slope: d * slope(z)), "the last layer has no activation"),
        (_net(order=-1), "the list is in reverse"),
        (_net(dW=lambda d, a: a.T @ d), "transposed"),
        (_net(db=lambda d: d), "is not summed over the samples"),
        (_net_updates, "changed its input in place"),
        (_net_straight, "on the way forward the activation is missing"),
        (_net(down=lambda d, W, a, z, act, slope: d @ W.T * slope(z)), "both sides of @"),
        (_net(down=lambda d, W, a, z, act, slope: d @ W * (1 - np.tanh(z) ** 2)), "tanh' is written into it"),
    ],
    "two_layer_gradients": [
        (_two(bend=lambda A: 1 - np.tanh(A) ** 2), "the slope at z1 is 1 - A1^2"),
        (_two(db1=lambda d: d.mean(axis=0)), "db1 is m times too small"),
        (_two(bend=lambda A: 1), "delta after the activation"),
        (_two(bend=lambda A: 1 - A), "the square is missing"),
        (_two(bend=lambda A: A * (1 - A)), "slope of the sigmoid"),
        (_two(scale=lambda m: 1), "m times too large"),
        (_two(bend=lambda A: 1 - np.tanh(A) ** 2, db1=lambda d: d.mean(axis=0)), "A1 is tanh(z1) already"),
        (_two(scale=lambda m: -1 / m), "sign of dW1 is flipped"),
        (_two(db1=lambda d: d[-1]), "db1 holds the last sample"),
        (_two(db2=lambda d: d[-1]), "db2 holds the last sample"),
        (_two(dW1=lambda d, X: X.T @ d), "dW1 is transposed"),
        (_two(db2=lambda d: d), "db2 is not summed"),
    ],
    "xor_solved": [
        (lambda: (0, 60, 100, 100), "per cent"),
        (lambda: (0, 0.6, 1.0, 1.0), "not a fraction"),
        (lambda: _experiment(zero=True), "no start solves it"),
        (lambda: _experiment((8, 3, 2, 1)), "order is reversed"),
        (lambda: (20, 20, 20, 20), "is impossible, as the chapter proves"),
        (lambda: (0, 0, 20, 20), "h = 2: none solved"),
        (lambda: (0, 16, 19, 20), "is too many"),
        (lambda: (0, 9, 17, 20), "half or more succeed"),
        (lambda: (0, 12, 9, 20), "h = 3: 9 of 20"),
        (lambda: (0, 12, 20, 12), "h = 8: 12 of 20"),
        (lambda: (0, 8, 10, 10), "take 20 starts"),
        (lambda: None, "returned None"),
    ],
    "residual_backward": [
        (_residual(dW=lambda u, a, d, s: u.T @ a), "in dW the factor tanh'(z)"),
        (_residual(dW=lambda u, a, d, s: a.T @ d), "dW is transposed"),
        (_residual(dW=lambda u, a, d, s: s.T @ a), "u is forgotten in dW"),
        (_residual(dW=lambda u, a, d, s: (d + u).T @ a), "does not pass W"),
        (_residual(db=lambda u, d, s: u.sum(axis=0)), "in db the factor"),
        (_residual(db=lambda u, d, s: d), "db is not summed"),
        (_residual(da=lambda u, W, d, s: d @ W), "the shortcut is forgotten"),
        (_residual(da=lambda u, W, d, s: u), "the branch is forgotten"),
        (_residual(da=lambda u, W, d, s: u + d @ W.T), "W is transposed in da"),
        (_residual(da=lambda u, W, d, s: u + u @ W), "the branch lacks tanh'(z)"),
        (_residual(da=lambda u, W, d, s: 1 + d @ W), "passes u, not 1"),
        (_residual(da=lambda u, W, d, s: (u + u @ W) * s), "the shortcut has no tanh"),
    ],
}  # fmt: skip
