"""Right and wrong answers to the exercises of "Modules and a training loop"."""

from fractions import Fraction

import numpy as np

# The walk


def _stack_walk(tree):
    """The same order with a stack of our own."""
    found, stack = {}, [("", tree)]
    while stack:
        name, x = stack.pop()
        if isinstance(x, np.ndarray):
            if not any(x is y for y in found.values()):
                found[name] = x
        elif isinstance(x, (dict, list)):
            pairs = list(x.items() if isinstance(x, dict) else enumerate(x))
            stack += [(f"{name}.{k}" if name else str(k), y) for k, y in reversed(pairs)]
    return found


def _generator_walk(tree):
    def places(x, path):
        if isinstance(x, np.ndarray):
            yield ".".join(path), x
        elif isinstance(x, dict):
            for k, y in x.items():
                yield from places(y, [*path, k])
        elif isinstance(x, list):
            for k, y in enumerate(x):
                yield from places(y, [*path, str(k)])

    first = {}
    for name, x in places(tree, []):
        first.setdefault(id(x), (name, x))
    return dict(first.values())


def _last_first(tree):
    """All places, then the later ones overwritten by the earlier ones."""
    every = list(_walk(tree, shared=True).items())
    name_of = {id(x): name for name, x in reversed(every)}
    return {name: x for name, x in every if name_of[id(x)] == name}


def _walk(tree, shared=False, lists=True, sep=".", same=None, skip=True, path=True):
    found = {}

    def go(part, prefix):
        for key, x in part.items() if isinstance(part, dict) else enumerate(part):
            name = f"{prefix}{key}" if path else str(key)
            if isinstance(x, dict) or (lists and isinstance(x, list)):
                go(x, f"{prefix}{key}{sep}")
            elif isinstance(x, np.ndarray) or not skip:
                known = same or (lambda a, b: a is b)
                if shared or not any(known(x, y) for y in found.values()):
                    found[name] = x

    go(tree, "")
    return found


def _own_first(tree):
    """Arrays of a level before what is below it, as Module does."""
    found = {}

    def go(part, prefix):
        pairs = list(part.items() if isinstance(part, dict) else enumerate(part))
        for key, x in pairs:
            if isinstance(x, np.ndarray) and not any(x is y for y in found.values()):
                found[f"{prefix}{key}"] = x
        for key, x in pairs:
            if isinstance(x, (dict, list)):
                go(x, f"{prefix}{key}.")

    go(tree, "")
    return found


def _last_name(tree):
    every = list(_walk(tree, shared=True).items())
    name_of = {id(x): name for name, x in every}
    return {name: x for name, x in every if name_of[id(x)] == name}


def _seen_lives_on(tree, seen=set()):  # noqa: B006
    """A default that is filled lives on from call to call."""
    return _generator_walk_with(tree, seen)


def _generator_walk_with(tree, seen):
    found = {}
    for name, x in _walk(tree).items():
        if id(x) not in seen:
            seen.add(id(x))
            found[name] = x
    return found


def _found_lives_on(tree, prefix="", found={}):  # noqa: B006
    for key, x in tree.items() if isinstance(tree, dict) else enumerate(tree):
        if isinstance(x, (dict, list)):
            _found_lives_on(x, f"{prefix}{key}.", found)
        elif isinstance(x, np.ndarray) and not any(x is y for y in found.values()):
            found[f"{prefix}{key}"] = x
    return found


def _tuples_too(tree):
    as_lists = lambda x: (
        {k: as_lists(v) for k, v in x.items()} if isinstance(x, dict)
        else [as_lists(v) for v in x] if isinstance(x, (list, tuple)) else x
    )  # fmt: skip
    return _walk(as_lists(tree))


# Layer norm


def _mean(a):
    return a.mean(axis=1, keepdims=True)


def _ln(rule):
    """rule(u, y, s) with y and s of the rows."""

    def answer(u, x, eps):
        c = x - _mean(x)
        s = 1 / np.sqrt(_mean(c * c) + eps)
        return rule(u, c * s, s)

    return answer


def _ln_by(centre, size):
    """Layer norm backwards with another mean (over all, over columns) or another scale."""

    def answer(u, x, eps):
        c = x - centre(x)
        s = size((c * c), eps)
        y = c * s
        return s * (u - centre(u) - y * centre(u * y))

    return answer


def _ln_jacobian(u, x, eps):
    """Row by row with the whole Jacobian s (I - 1/n - y y^T / n)."""
    n, out = x.shape[1], []
    for row, g in zip(x, u):
        c = row - row.mean()
        s = (c @ c / n + eps) ** -0.5
        J = s * (np.eye(n) - np.ones((n, n)) / n - s * s * np.outer(c, c) / n)
        out.append(J.T @ g)
    return np.array(out)


def _ln_steps(u, x, eps):
    """The graph backwards, operation by operation."""
    n = x.shape[1]
    c = x - x.mean(1, keepdims=True)
    v = (c**2).sum(1, keepdims=True) / n
    root = np.sqrt(v + eps)
    dc = u / root
    droot = -(u * c).sum(1, keepdims=True) / root**2
    dc = dc + 2 * c / n * (droot / (2 * root))
    return dc - dc.sum(1, keepdims=True) / n


def _ln_measured(u, x, eps):
    def total(x):
        c = x - _mean(x)
        return (u * c / np.sqrt(_mean(c * c) + eps)).sum()

    out = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        h = np.zeros(x.shape)
        h[i] = 1e-5
        out[i] = (total(x + h) - total(x - h)) / 2e-5
    return out


# Adam


def _adam(m=None, v=None, a=None, b=None, step=None, out=None):
    """Adam with one line exchanged."""

    def answer(theta, g, m0, v0, t, lr, beta1, beta2, eps):
        M = (m or (lambda m0, g, beta: beta * m0 + (1 - beta) * g))(m0, g, beta1)
        V = (v or (lambda v0, g, beta: beta * v0 + (1 - beta) * g * g))(v0, g, beta2)
        m_hat = M / (a or (lambda beta, t: 1 - beta**t))(beta1, t)
        v_hat = V / (b or (lambda beta, t: 1 - beta**t))(beta2, t)
        new = theta - (step or (lambda m, v, lr, eps: lr * m / (np.sqrt(v) + eps)))(m_hat, v_hat, lr, eps)
        return out(new, M, V, m_hat, v_hat) if out else (new, M, V)

    return answer


def _adam_paper(theta, g, m, v, t, lr, beta1, beta2, eps):
    """The efficient form at the end of the paper's section 2."""
    m, v = m + (1 - beta1) * (g - m), v + (1 - beta2) * (g**2 - v)
    rate = lr * np.sqrt(1 - beta2**t) / (1 - beta1**t)
    return [theta - rate * m / (np.sqrt(v) + eps * np.sqrt(1 - beta2**t)), m, v]


def _adam_loops(theta, g, m, v, t, lr, beta1, beta2, eps):
    theta, m, v = theta.copy(), m.copy(), v.copy()
    for i in np.ndindex(theta.shape):
        m[i] = beta1 * m[i] + (1 - beta1) * g[i]
        v[i] = beta2 * v[i] + (1 - beta2) * g[i] * g[i]
        theta[i] -= lr * (m[i] / (1 - beta1**t)) / ((v[i] / (1 - beta2**t)) ** 0.5 + eps)
    return theta, m, v


def _adam_early_eps(theta, g, m, v, t, lr, beta1, beta2, eps):
    """eps added to the uncorrected root."""
    m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g
    return theta - lr * m / (1 - beta1**t) / ((np.sqrt(v) + eps) / np.sqrt(1 - beta2**t)), m, v


def _adam_in_place(theta, g, m, v, t, lr, beta1, beta2, eps):
    m *= beta1
    m += (1 - beta1) * g
    return _adam()(theta, g, m, v, t, lr, beta1, beta2, eps)


# The line


def _line(rate=1.0, keep=False, moving=True, steps=lambda n: n, zero=False, mean=True):
    def answer(X, y, w, b, lr, steps_wanted):
        w, grad_w, grad_b = w.copy() * (not zero), np.zeros_like(w), 0.0
        b = 0.0 if zero else b
        for _ in range(steps(steps_wanted)):
            r = X @ w + b - y
            grad_w = grad_w * keep + X.T @ r / (len(y) if mean else 1)
            grad_b = grad_b * keep + (r.mean() if mean else r.sum())
            w -= rate * lr * grad_w
            if moving:
                b -= rate * lr * grad_b
        return w, b

    return answer


def _line_joined(X, y, w, b, lr, steps):
    M, theta = np.c_[X, np.ones(len(X))], np.r_[w, b]
    for _ in range(steps):
        theta = theta - lr * M.T @ (M @ theta - y) / len(y)
    return theta[:-1], theta[-1]


def _line_closed(X, y, w, b, lr, steps):
    """theta_k = theta* + (I - lr H)^k (theta_0 - theta*)."""
    M, theta = np.c_[X, np.ones(len(X))], np.r_[w, b]
    best = np.linalg.lstsq(M, y, rcond=None)[0]
    A = np.linalg.matrix_power(np.eye(len(theta)) - lr * M.T @ M / len(y), steps)
    theta = best + A @ (theta - best)
    return theta[:-1], theta[-1]


def _line_array_bias(X, y, w, b, lr, steps):
    """The colleague's loop with the bias as an array, so that -= reaches it."""
    w, b = w.copy(), np.array([b])
    for _ in range(steps):
        r = X @ w + b - y
        for p, g in ((w, X.T @ r / len(y)), (b, np.array([r.mean()]))):
            p -= lr * g
    return w, b[0]


def _line_in_turn(X, y, w, b, lr, steps):
    """b takes its gradient where w has moved already."""
    for _ in range(steps):
        w = w - lr * X.T @ (X @ w + b - y) / len(y)
        b = b - lr * (X @ w + b - y).mean()
    return w, b


def _line_buggy(X, y, w, b, lr, steps):
    w, grad_w, grad_b = w.copy(), np.zeros_like(w), 0.0
    for _ in range(steps):
        r = X @ w + b - y
        grad_w += X.T @ r / len(y)
        grad_b += r.mean()
        for p, g in ((w, grad_w), (b, grad_b)):
            p -= lr * g
    return w, b


# AdamW on the line


def _epochs(
    decay=0.01, limit=0.02, corrected=True, half=False, rates=(0.01, 0.03, 0.1), coupled=False, seed=0
):  # fmt: skip
    rng = np.random.default_rng(seed)
    x = rng.normal(size=100)
    y = 3 * x + 1 + 0.1 * rng.normal(size=100)
    counts = []
    for lr in rates:
        w = b = mw = mb = vw = vb = 0.0
        k = 0
        while np.mean((w * x + b - y) ** 2) * (0.5 if half else 1) >= limit:
            r, k = w * x + b - y, k + 1
            gw, gb = 2 * (r * x).mean(), 2 * r.mean()
            if coupled:
                gw, gb = gw + decay * w, gb + decay * b
            mw, mb = 0.9 * mw + 0.1 * gw, 0.9 * mb + 0.1 * gb
            vw, vb = 0.999 * vw + 0.001 * gw**2, 0.999 * vb + 0.001 * gb**2
            c1, c2 = (1 - 0.9**k, 1 - 0.999**k) if corrected else (1, 1)
            shrink = 1 if coupled else 1 - lr * decay
            w = w * shrink - lr * mw / c1 / ((vw / c2) ** 0.5 + 1e-8)
            b = b * shrink - lr * mb / c1 / ((vb / c2) ** 0.5 + 1e-8)
        counts.append(k)
    return counts


def _epochs_torch():
    import torch

    rng = np.random.default_rng(0)
    x = rng.normal(size=100)
    x, y = torch.tensor(x), torch.tensor(3 * x + 1 + 0.1 * rng.normal(size=100))
    counts = []
    for lr in (0.01, 0.03, 0.1):
        w, b = (torch.zeros((), dtype=torch.float64, requires_grad=True) for _ in "wb")
        optimizer, k = torch.optim.AdamW([w, b], lr=lr, weight_decay=0.01), 0
        while (loss := ((w * x + b - y) ** 2).mean()).item() >= 0.02:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            k += 1
        counts.append(k)
    return counts


# Accumulation


def _clip(g, max_norm):
    return g * min(1.0, max_norm / np.linalg.norm(g))


def _pieces(X, y, size):
    return [(X[i : i + size], y[i : i + size]) for i in range(0, len(X), size)]


def _accumulate(join, clip=_clip):
    """join(list of the pieces' gradients, list of their lengths, m)."""

    def answer(grad, X, y, size, max_norm):
        pieces = _pieces(X, y, size)
        return clip(join([grad(a, b) for a, b in pieces], [len(a) for a, _ in pieces], len(X)), max_norm)

    return answer


_weighted = lambda gs, ns, m: sum(n * g for g, n in zip(gs, ns)) / m


def _one_by_one(grad, X, y, size, max_norm):
    """Every row its own piece: also at most size rows."""
    g = np.mean([grad(X[[i]], y[[i]]) for i in range(len(X))], axis=0)
    norm = np.sqrt((g * g).sum())
    return g / max(1.0, norm / max_norm)


def _running_mean(grad, X, y, size, max_norm):
    total, seen = 0, 0
    for part in np.array_split(np.arange(len(X)), -(-len(X) // size)):
        seen += len(part)
        total = total + (grad(X[part], y[part]) - total) * len(part) / seen
    return _clip(total, max_norm)


def _clipped_pieces(grad, X, y, size, max_norm):
    return sum(len(a) / len(X) * _clip(grad(a, b), max_norm) for a, b in _pieces(X, y, size))


def _last_lost(grad, X, y, size, max_norm):
    """Weights by the rows of all, but the shorter last piece is never asked."""
    pieces = [(a, b) for a, b in _pieces(X, y, size) if len(a) == size]
    return _clip(
        sum((len(a) / len(X) * grad(a, b) for a, b in pieces), np.zeros(X.shape[1])) + 1e-300, max_norm
    )


def _norm_of_the_sum(grad, X, y, size, max_norm):
    total = sum(len(a) * grad(a, b) for a, b in _pieces(X, y, size))
    return total / len(X) * min(1.0, max_norm / np.linalg.norm(total))


def _twice(grad, X, y, size, max_norm):
    _accumulate(_weighted)(grad, X, y, size, max_norm)
    return _accumulate(_weighted)(grad, X, y, size, max_norm)


def _full_pieces(grad, X, y, size, max_norm):
    pieces = [(a, b) for a, b in _pieces(X, y, size) if len(a) == size]
    if not pieces:
        return np.zeros(X.shape[1])
    return _clip(sum(grad(a, b) for a, b in pieces) / len(pieces), max_norm)


RIGHT = {
    "adamw_by_hand": [
        lambda: [-0.3, 0.36, 3.7],
        lambda: (Fraction(-3, 10), Fraction(36, 100), Fraction(37, 10)),
        lambda: np.array([(1 - 0.9) * -3, (1 - 0.96) * 9, 4 * (1 - 0.1) + 0.1]),
    ],
    "parameters_by_hand": [
        lambda: [416.0, 832.0],
        lambda: (160 + 108 + 24 + 104 + 20, 2 * 416),
        lambda: np.array([416, 832]),
    ],
    "named_arrays": [_stack_walk, _generator_walk, _last_first],
    "layer_norm_vjp": [_ln_jacobian, _ln_steps, _ln_measured],
    "adam_step": [_adam(), _adam_paper, _adam_loops],
    "train_line": [_line_joined, _line_closed, _line_array_bias],
    "epochs_needed": [_epochs, lambda: np.array(_epochs(), dtype=float), _epochs_torch],
    "accumulated_gradient": [_accumulate(_weighted), _one_by_one, _running_mean],
}

WRONG = {
    "adamw_by_hand": [
        (lambda: (0.3, 0.36, 3.7), "the sign of m is lost"),
        (lambda: (-2.7, 0.36, 3.7), "the share 1 - beta1 of the new gradient, not beta1"),
        (lambda: (0.1, 0.04, 3.9), "it is not added to the gradient"),
        (lambda: (-0.3, 9, 3.7), "v is not corrected"),
        (lambda: (-0.3, -0.12, 3.7), "the SQUARE"),
        (lambda: (-0.3, 0.9, 3.7), "v has its own beta2"),
        (lambda: (-0.3, 0.36, 3.5), "the sign of the step is flipped"),
        (lambda: (-0.3, 0.36, 4.1), "the decay is missing"),
        (lambda: (-0.3, 0.36, 4 * 0.9 + 0.1 * 3 / 0.36**0.5), "the root has v in place of v_hat"),
        (lambda: (-0.3, 0.36, 4 * 0.9 + 0.1 * 3), "not divided by sqrt(v_hat)"),
        (lambda: (-0.3, 0.36, 3.65), "the means are not corrected"),
        (lambda: (-0.3, 0.36, 3.69), "the decay comes first"),
    ],
    "parameters_by_hand": [
        (lambda: (576, 1152), "the tied matrix is counted twice"),
        (lambda: (396, 792), "the bias of the head is missing"),
        (lambda: (392, 784), "layer norm learns, too"),
        (lambda: (416 - 12, 808), "each linear layer has a bias"),
        (lambda: (408, 816), "the bias of the narrow layer"),
        (lambda: (416, 840), "step counts aside"),
        (lambda: (100, 200), "100 is not the number"),
        (lambda: (417, 834), "dropout learns nothing"),
        (lambda: (376, 752), "the biases of the linear layers"),
        (lambda: (416, 416), "two arrays for each parameter, not one"),
        (lambda: (416, 1248), "do not count these once more"),
        (lambda: (416, 0), "AdamW remembers"),
    ],
    "named_arrays": [
        (lambda tree: _walk(tree, shared=True), "has a name already"),
        (lambda tree: _walk(tree, lists=False), "look into lists"),
        (lambda tree: _walk(tree, same=np.array_equal), "equal numbers do not make two arrays one"),
        (lambda tree: _walk(tree, path=False), "got weight."),
        (lambda tree: {k: x.copy() for k, x in _walk(tree).items()}, "is a copy: return the array itself"),
        (lambda tree: _walk(tree, skip=False), "something that is no array"),
        (_seen_lives_on, "a second call with the same arrays finds others"),
        (_found_lives_on, "does a dictionary from an earlier call live on?"),
        (_tuples_too, "pair is a tuple"),
        (lambda tree: {}, "nothing is found"),
        (_own_first, "the order is not that of the walk"),
        (_last_name, "keep its first name, not a later one"),
    ],
    "layer_norm_vjp": [
        (_ln(lambda u, y, s: s * u), "the two means are missing"),
        (_ln(lambda u, y, s: s * (u - _mean(u))), "through the variance is missing"),
        (_ln(lambda u, y, s: s * (u - y * _mean(u * y))), "through the mean is missing"),
        (_ln(lambda u, y, s: s * (u - _mean(u) + y * _mean(u * y))), "the sign of the last term"),
        (_ln(lambda u, y, s: s * (u - _mean(u) - y / s * _mean(u * y / s))), "the normalised x, in both places"),
        (_ln(lambda u, y, s: y), "that is y, the forward result"),
        (_ln(lambda u, y, s: u * y), "that is u times the forward result"),
        (_ln(lambda u, y, s: s * (u - u.mean() - y * (u * y).mean())), "the means go over the whole array"),
        (_ln_by(_mean, lambda q, eps: (q.sum(1, keepdims=True) / (q.shape[1] - 1) + eps) ** -0.5), "not by n - 1"),
        (_ln_by(_mean, lambda q, eps: 1 / (np.sqrt(_mean(q)) + eps)), "eps stands under the root"),
        (_ln_by(lambda a: a.mean(0), lambda q, eps: (q.mean(0) + eps) ** -0.5), "axis 0; each ROW"),
        (lambda u, x, eps: _ln_steps(u, x, 0.0), "eps is missing"),
    ],
    "adam_step": [
        (_adam(a=lambda beta, t: 1, b=lambda beta, t: 1), "the correction is missing"),
        (_adam(b=lambda beta, t: 1), "v is not corrected"),
        (_adam(a=lambda beta, t: 1), "m is not corrected"),
        (_adam(a=lambda beta, t: 1 - beta ** max(t - 1, 1), b=lambda beta, t: 1 - beta ** max(t - 1, 1)), "do not subtract 1"),
        (_adam(a=lambda beta, t: 1 - beta * t, b=lambda beta, t: 1 - beta * t), "1 - beta**t, a power"),
        (_adam(step=lambda m, v, lr, eps: lr * m / np.sqrt(v)), "eps is missing"),
        (_adam_early_eps, "eps comes after the correction"),
        (_adam(a=lambda beta, t: 1 - beta ** (t + 1), b=lambda beta, t: 1 - beta ** (t + 1)), "t counts from 1"),
        (_adam(a=lambda beta, t: 1 - beta, b=lambda beta, t: 1 - beta), "the powers are missing"),
        (_adam(step=lambda m, v, lr, eps: lr * m / np.sqrt(v + eps)), "not under it"),
        (_adam(step=lambda m, v, lr, eps: -lr * m / (np.sqrt(v) + eps)), "the sign of the step"),
        (_adam(out=lambda new, M, V, m_hat, v_hat: (new, m_hat, v_hat)), "return m as it is"),
    ],
    "train_line": [
        (_line_buggy, "both bugs are still there"),
        (_line(moving=False), "b never moves"),
        (_line(keep=True), "the gradients still add up"),
        (_line_in_turn, "compute r once, then move both"),
        (_line(rate=-1.0), "the sign of the step is flipped"),
        (_line(rate=2.0), "twice too long"),
        (_line(mean=False), "the mean is missing"),
        (_line(steps=lambda n: n + 1), "one step too many"),
        (_line(steps=lambda n: min(n, 1)), "only one step is taken"),
        (lambda X, y, w, b, lr, steps: (w, b), "nothing has moved"),
        (_line(zero=True), "it starts from zero"),
        (lambda X, y, w, b, lr, steps: np.linalg.lstsq(X, y, rcond=None)[:1] + (b,), "is not where the repaired loop ends"),
    ],
    "epochs_needed": [
        (lambda: _epochs()[::-1], "the order is turned round"),
        (lambda: (100, 100, 100), "100 epochs for all"),
        (lambda: (300, 100, 30), "3 / lr is a fair prediction"),
        (lambda: _epochs(limit=0.2), "falls below 0.2"),
        (lambda: _epochs(half=True), "without 1/2"),
        (lambda: _epochs(coupled=True), "the decay is added to the gradient"),
        (lambda: _epochs(seed=1), "drawn from default_rng(0)?"),
        (lambda: _epochs(decay=0.0), "the weight decay of 0.01 is missing"),
        (lambda: _epochs(corrected=False), "not corrected for their start"),
        (lambda: (627, 5, 2), "5 steps are too few for lr 0.03"),
        (lambda: (627, 193, 100), "100 steps are too many for lr 0.1"),
        (lambda: (627.5, 193, 40), "whole numbers are wanted"),
    ],
    "accumulated_gradient": [
        (_accumulate(lambda gs, ns, m: sum(gs) / len(gs)), "the mean of means"),
        (_accumulate(lambda gs, ns, m: sum(gs)), "the pieces' means are added"),
        (_accumulate(lambda gs, ns, m: sum(n * g for g, n in zip(gs, ns))), "the sum over the rows"),
        (_accumulate(lambda gs, ns, m: gs[-1]), "only the last piece"),
        (_accumulate(_weighted, clip=lambda g, c: g), "the gradient is not clipped"),
        (_clipped_pieces, "clip once, at the end"),
        (_last_lost, "the last, shorter piece is left out"),
        (lambda grad, X, y, size, max_norm: _clip(sum(size * grad(a, b) for a, b in _pieces(X, y, size)) / len(X), max_norm),
         "the last has fewer than `size`"),
        (_norm_of_the_sum, "the norm is that of the sum"),
        (_accumulate(_weighted, clip=lambda g, c: g / np.linalg.norm(g) * c), "clipping never makes it longer"),
        (lambda grad, X, y, size, max_norm: _clip(grad(X, y), max_norm), "fit into memory"),
        (_twice, "with the same row twice"),
    ],
}  # fmt: skip
