"""Right and wrong answers to the exercises of "The same gradients in PyTorch"."""

from fractions import Fraction

import numpy as np
import torch

# The step


def _sgd(rule=lambda v, g, beta: beta * v + g, off=lambda v, g, lr, beta: lr * v, coast=False):
    def answer(params, velocity, lr, momentum):
        for k, p in enumerate(params):
            g = np.zeros_like(p.data) if p.grad is None and coast else p.grad
            if g is None:
                continue
            old = velocity.get(k, np.zeros_like(g))
            velocity[k] = rule(old, g, momentum)
            p.data -= off(velocity[k], g, lr, momentum)
        return velocity

    return answer


def _sgd_new_dict(params, velocity, lr, momentum):
    """A new dictionary, and an assignment into the array."""
    live = {k: p for k, p in enumerate(params) if p.grad is not None}
    new = {k: (momentum * velocity[k] if k in velocity else 0) + p.grad.copy() for k, p in live.items()}
    for k, p in live.items():
        p.data[...] = p.data - lr * new[k]
    return {**velocity, **new}


def _sgd_in_place(params, velocity, lr, momentum):
    """The velocity's array changes, too."""
    for k in range(len(params)):
        if params[k].grad is None:
            continue
        if k in velocity:
            velocity[k] *= momentum
            velocity[k] += params[k].grad
        else:
            velocity[k] = params[k].grad.copy()
        params[k].data += -lr * velocity[k]
    return velocity


def _sgd_torch(params, velocity, lr, momentum):
    """torch.optim does it, on tensors that share the arrays."""
    for k, p in enumerate(params):
        if p.grad is None:
            continue
        leaf = torch.from_numpy(p.data).requires_grad_()
        leaf.grad = torch.from_numpy(p.grad.copy())
        optimizer = torch.optim.SGD([leaf], lr=lr, momentum=momentum)
        if momentum and k in velocity:
            optimizer.state[leaf]["momentum_buffer"] = torch.from_numpy(velocity[k].copy())
        optimizer.step()
        kept = optimizer.state[leaf].get("momentum_buffer")
        velocity[k] = p.grad.copy() if kept is None else kept.numpy().copy()
    return velocity


def _sgd_alias(params, velocity, lr, momentum):
    for k, p in enumerate(params):
        if p.grad is not None:
            velocity[k] = momentum * velocity[k] + p.grad if k in velocity else p.grad
            p.data -= lr * velocity[k]
    return velocity


def _sgd_new_arrays(params, velocity, lr, momentum):
    for k, p in enumerate(params):
        if p.grad is not None:
            velocity[k] = momentum * velocity.get(k, 0.0) + p.grad
            p.data = p.data - lr * velocity[k]
    return velocity


def _sgd_zeroing(params, velocity, lr, momentum):
    velocity = _sgd()(params, velocity, lr, momentum)
    for p in params:
        p.grad = None
    return velocity


def _sgd_old(params, velocity, lr, momentum):
    for k, p in enumerate(params):
        if p.grad is not None:
            old = velocity.get(k, np.zeros_like(p.grad))
            p.data -= lr * old
            velocity[k] = momentum * old + p.grad
    return velocity


def _sgd_every_leaf(params, velocity, lr, momentum):
    for k, p in enumerate(params):
        velocity[k] = momentum * velocity.get(k, 0.0) + p.grad
        p.data -= lr * velocity[k]
    return velocity


def _sgd_lr_inside(params, velocity, lr, momentum):
    for k, p in enumerate(params):
        if p.grad is not None:
            velocity[k] = momentum * velocity.get(k, 0.0) + lr * p.grad
            p.data -= velocity[k]
    return velocity


# The gate


def _gate(dx=lambda u, x, a, s: u * (s + a * x * s * (1 - s)),
          da=lambda u, x, a, s: (u * x * x * s * (1 - s)).sum(axis=0)):  # fmt: skip
    def answer(u, x, a):
        s = 1 / (1 + np.exp(-a * x))
        return dx(u, x, a, s), da(u, x, a, s)

    return answer


def _gate_torch(u, x, a):
    X, A = (torch.tensor(t, requires_grad=True) for t in (x, a))
    (X * torch.sigmoid(A * X)).backward(torch.tensor(u))
    return X.grad.numpy(), A.grad.numpy()


def _gate_loops(u, x, a):
    dx, da = np.zeros(x.shape), np.zeros(len(a))
    for i, j in np.ndindex(x.shape):
        s = 0.5 * (1 + np.tanh(a[j] * x[i, j] / 2))
        dx[i, j] = u[i, j] * (s + a[j] * x[i, j] * s * (1 - s))
        da[j] += u[i, j] * x[i, j] ** 2 * s * (1 - s)
    return [dx, da]


# The walk


def _order(edges, root):
    """Depth first: parents before children."""
    order, seen = [], set()

    def visit(name):
        if name not in seen:
            seen.add(name)
            for parent, slope in edges[name]:
                if slope is not None:
                    visit(parent)
            order.append(name)

    visit(root)
    return order


def _walk_recursive(graph, root):
    """Sorted by depth first, parents before children; then reversed."""
    order = _order(graph, root)
    grad = {name: 0 for name in order}
    grad[root] = 1
    for name in reversed(order):
        for parent, slope in graph[name]:
            if slope is not None:
                grad[parent] += slope * grad[name]
    return {name: grad[name] for name in order if not graph[name]}


def _walk_memo(graph, root):
    """Forwards: the derivative of each node in one leaf, remembered, leaf by leaf."""
    edges, found = dict(graph.items()), {}
    alive, todo = set(), [root]
    while todo:
        name = todo.pop()
        if name not in alive:
            alive.add(name)
            todo += [p for p, s in edges[name] if s is not None]
    for leaf in alive:
        if not edges[leaf]:
            known = {leaf: 1.0}

            def slope_of(name, known=known):
                if name not in known:
                    known[name] = sum(s * slope_of(p) for p, s in edges[name] if s is not None)
                return known[name]

            found[leaf] = slope_of(root)
    return found


def _walk_matrix(graph, root):
    edges = dict(graph.items())
    names = list(edges)
    A, reach, k = np.zeros((len(names), len(names))), {root}, names.index(root)
    for _ in names:
        reach |= {p for name in reach for p, s in edges[name] if s is not None}
    for name in names:
        for parent, s in edges[name]:
            A[names.index(name), names.index(parent)] += s or 0.0
    row = np.linalg.inv(np.eye(len(names)) - A)[k]
    return {name: row[i] for i, name in enumerate(names) if name in reach and not edges[name]}


def _walk(
    add=True,
    slopes=True,
    cut=True,
    double=True,
    inner=False,
    drop_zero=False,
    every=False,
):
    """Right by default; each word makes one mistake."""

    def answer(graph, root):
        edges = {k: list(v) if double else list(dict(v).items()) for k, v in graph.items()}
        if not cut:
            edges = {k: [(p, 0.0 if s is None else s) for p, s in v] for k, v in edges.items()}
        order = _order(edges, root)
        grad = dict.fromkeys(edges if every else order, 0.0)
        grad[root] = 1.0
        for name in reversed(order):
            for parent, s in edges[name]:
                if s is not None:
                    share = (s if slopes else 1.0) * grad[name]
                    grad[parent] = grad[parent] + share if add else share
        return {k: g for k, g in grad.items() if (inner or not edges[k]) and not (drop_zero and g == 0)}

    return answer


def _walk_paths(graph, root):
    """Every path by itself: right, and far too slow for many paths."""
    grad = {}

    def go(name, g):
        edges = graph[name]
        if not edges:
            grad[name] = grad.get(name, 0.0) + g
        for parent, s in edges:
            if s is not None:
                go(parent, s * g)

    go(root, 1.0)
    return grad


def _walk_paths_of_a_copy(graph, root):
    return _walk_paths(dict(graph), root)


def _walk_no_root_leaf(graph, root):
    return {k: g for k, g in _walk()(graph, root).items() if k != root}


def _walk_first_visit(place):
    """Hands a node on when it is first taken from that place of the list."""

    def answer(graph, root):
        grad, seen, todo = {root: 1.0}, set(), [root]
        while todo:
            name = todo.pop(place)
            if name not in seen:
                seen.add(name)
                for parent, slope in graph[name]:
                    if slope is not None:
                        grad[parent] = grad.get(parent, 0.0) + slope * grad[name]
                        todo.append(parent)
        return {name: g for name, g in grad.items() if not graph[name]}

    return answer


# The loop in torch


def _fit(
    X,
    y,
    w,
    lr,
    steps,
    zero=True,
    mean=True,
    sign=1.0,
    scale=1.0,
    result=lambda losses, last: sum(losses) / len(losses),
):
    X, y = torch.tensor(X), torch.tensor(y)
    w = torch.tensor(w, requires_grad=True)
    losses = []
    for _ in range(steps):
        error = scale * (X @ w - y) ** 2
        loss = error.mean() if mean else error.sum()
        loss.backward()
        with torch.no_grad():
            w -= sign * lr * w.grad
        if zero:
            w.grad = None
        losses.append(loss.item())
    return w.detach().numpy(), result(losses, float(((X @ w - y) ** 2).mean().detach()))


def _fitting(**words):
    return lambda X, y, w, lr, steps: _fit(X, y, w, lr, steps, **words)


def _fit_optimizer(X, y, w, lr, steps):
    X, y, w = (torch.tensor(a) for a in (X, y, w))
    w.requires_grad_()
    optimizer, total = torch.optim.SGD([w], lr=lr), 0.0
    for _ in range(steps):
        loss = torch.nn.functional.mse_loss(X @ w, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += float(loss.detach())
    return w.detach().numpy(), total / steps


def _fit_autograd(X, y, w, lr, steps):
    X, y, w, total = torch.tensor(X), torch.tensor(y), torch.tensor(w), 0.0
    for _ in range(steps):
        w.requires_grad_()
        loss = (X @ w - y).square().mean()
        (g,) = torch.autograd.grad(loss, w)
        w, total = w.detach() - lr * g, total + loss.item()
    return w.tolist(), total / steps


def _fit_numpy(X, y, w, lr, steps):
    losses = []
    for _ in range(steps):
        r = X @ w - y
        losses.append(r @ r / len(y))
        w = w - lr * 2 * X.T @ r / len(y)
    return w, np.mean(losses)


def _fit_graph_kept(X, y, w, lr, steps):
    X, y = torch.tensor(X), torch.tensor(y)
    w, total = torch.tensor(w, requires_grad=True), 0.0
    for _ in range(steps):
        w.grad = None
        loss = ((X @ w - y) ** 2).mean()
        loss.backward()
        with torch.no_grad():
            w -= lr * w.grad
        total += loss
    return w.detach().numpy(), total / steps


def _fit_held(kind):
    """The second bug in disguise: the number is taken at the end, and all graphs live until then."""

    def answer(X, y, w, lr, steps):
        X, y = torch.tensor(X), torch.tensor(y)
        w, total, losses = torch.tensor(w, requires_grad=True), 0.0, []
        for _ in range(steps):
            w.grad = None
            loss = ((X @ w - y) ** 2).mean()
            (w.grad,) = torch.autograd.grad(loss, w) if kind == "list" else (loss.backward(), w.grad)[1:]
            with torch.no_grad():
                w -= lr * w.grad
            if kind == "total":
                total = total + loss
            else:
                losses.append(loss)
        mean = total / steps if kind == "total" else sum(loss.item() for loss in losses) / steps
        return w.detach().numpy(), mean if kind == "list" else mean.item()

    return answer


# The experiment


def _errors(measure=lambda fine, rough: np.abs(fine - rough).max() / np.abs(fine).max(), low=np.float32,
            seeds=range(5)):  # fmt: skip
    out = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        drawn = (
            rng.normal(size=(32, 20)),
            rng.normal(size=(50, 20)) / np.sqrt(20),
            rng.normal(size=50) / np.sqrt(50),
        )
        grads = []
        for dtype in (np.float64, low):
            X, W, v = (torch.tensor(a.astype(np.float32).astype(dtype)) for a in drawn)
            W.requires_grad_()
            (((X @ W.T).tanh() @ v) ** 2).mean().backward()
            grads.append(W.grad.numpy().astype(float))
        out.append(measure(*grads))
    return min(out), max(out)


def _errors_autograd():
    out = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        arrays = [
            rng.normal(size=(32, 20)),
            rng.normal(size=(50, 20)) / 20**0.5,
            rng.normal(size=50) / 50**0.5,
        ]
        grads = []
        for cast in (torch.Tensor.double, torch.Tensor.float):
            X, W, v = (cast(torch.tensor(a).float()) for a in arrays)
            loss = lambda W, X=X, v=v: (torch.tanh(X @ W.mT) @ v).pow(2).mean()
            grads.append(torch.func.grad(loss)(W).double())
        out.append(((grads[0] - grads[1]).abs().max() / grads[0].abs().max()).item())
    return np.array([min(out), max(out)])


def _errors_numpy():
    out = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        arrays = [
            rng.normal(size=(32, 20)),
            rng.normal(size=(50, 20)) / 20**0.5,
            rng.normal(size=50) / 50**0.5,
        ]
        g = []
        for t in (np.float64, np.float32):
            X, W, v = (a.astype(np.float32).astype(t) for a in arrays)
            a = np.tanh(X @ W.T)
            g.append((((a @ v) / t(16))[:, None] * (1 - a * a) * v).T @ X)
        out.append(abs(g[0] - g[1]).max() / abs(g[0]).max())
    return [min(out), max(out)]


# The loop that the data decide


def _settle(turn=True, slope=True, after=True, back=lambda W, d: W.T @ d, share=np.outer, last=False, start=lambda u: u,
            count=lambda k: k):  # fmt: skip
    def answer(W, x, u):
        path = [x]
        while path[-1] @ path[-1] > 1:
            path.append(np.tanh(W @ path[-1]))
        g, dW = start(u), np.zeros(W.shape)
        g = -g if turn and path[-1].sum() < 0 else g
        for k in range(len(path) - 1, 0, -1):
            d = g * (1 - (path[k] if after else path[k - 1]) ** 2) if slope else g
            if not last or k == len(path) - 1:
                dW += share(d, path[k - 1])
            g = back(W, d)
        return count(len(path) - 1), dW, g

    return answer


def _settle_rows(W, x, u):
    """The chapter's version, with rows."""
    rounds, dW, dx = _settle()(W.T, x, u)
    return rounds, dW.T, dx


def _settle_torch(W, x, u):
    W, x = (torch.tensor(a, requires_grad=True) for a in (W, x))
    h, rounds = x, 0
    while (h * h).sum().item() > 1:
        h, rounds = torch.tanh(W @ h), rounds + 1
    h = -h if h.sum().item() < 0 else h + 0.0
    h.backward(torch.tensor(u))
    return rounds, np.zeros(W.shape) if W.grad is None else W.grad.numpy(), x.grad.numpy()


def _settle_recursive(W, x, u):
    if x @ x <= 1:
        return 0, np.zeros(W.shape), -u if x.sum() < 0 else u
    h = np.tanh(W @ x)
    rounds, dW, g = _settle_recursive(W, h, u)
    d = g * (1 - h**2)
    return rounds + 1, dW + d[:, None] * x[None], d @ W


def _settle_forwards(W, x, u):
    """Jacobians pushed forwards: large, and right."""
    n = len(x)
    h, JW, Jx, rounds = x, np.zeros((n, n, n)), np.eye(n), 0
    while h @ h > 1:
        JW = np.einsum("ij,jkl->ikl", W, JW)
        JW[np.arange(n), np.arange(n)] += h
        h, Jx, rounds = np.tanh(W @ h), W @ Jx, rounds + 1
        s = 1 - h * h
        JW, Jx = s[:, None, None] * JW, s[:, None] * Jx
    sign = -1.0 if h.sum() < 0 else 1.0
    return rounds, sign * np.einsum("i,ikl->kl", u, JW), sign * u @ Jx


_g = np.array([1.0, -3.0])

RIGHT = {
    "grad_by_hand": [lambda: [12.0, 0.8, -3.6], lambda: (12, Fraction(4, 5), Fraction(-18, 5)),
                     lambda: np.array([6 + 6, 2 - 0.1 * 12, 12 + 6 * (3 * 0.8 - 5)])],
    "adam_by_hand": [lambda: [-0.05, 0.075, -0.1, 0.1], lambda: (Fraction(-1, 20), Fraction(3, 40), -0.1, 0.1),
                     lambda: np.concatenate([-0.1 * _g / (abs(_g) + eps) for eps in (1, 0)])],
    "sgd_step": [_sgd_new_dict, _sgd_in_place, _sgd_torch],
    "gate_vjp": [_gate(), _gate_torch, _gate_loops],
    "walk_back": [_walk_recursive, _walk_memo, _walk_matrix],
    "fit_with_torch": [_fit_optimizer, _fit_autograd, _fit_numpy],
    "float32_error": [_errors, _errors_autograd, _errors_numpy],
    "settle_gradient": [_settle_torch, _settle_recursive, _settle_forwards],
}  # fmt: skip

WRONG = {
    "grad_by_hand": [
        (lambda: (6, 1.4, -9.6), "the slopes add"),
        (lambda: (4, 1.6, 0), "a factor 3 for each call"),
        (lambda: (36, -1.6, 0), "they are not multiplied"),
        (lambda: (-12, 3.2, 0), "3 * 2 - 5 is positive"),
        (lambda: (12, 1.4, -3.6), "both slopes, not one"),
        (lambda: (12, 3.2, 39.6), "the sign of the step is flipped"),
        (lambda: (12, -10, -198), "lr is missing"),
        (lambda: (12, 2, 18), "w has not moved"),
        (lambda: (12, 0.8, -15.6), "the step empties nothing: the third slope"),
        (lambda: (12, 0.8, 18), "taken at the new w, not at 2"),
        (lambda: (12, 0.8, 27.6), "the sign of the third slope"),
        (lambda: (12, 0.8, 12), "the third backward adds its slope, too"),
    ],
    "adam_by_hand": [
        (lambda: (0.05, -0.075, 0.1, -0.1), "the signs are flipped"),
        (lambda: (-0.1, 0.1, -0.05, 0.075), "the order is turned round"),
        (lambda: np.append(-0.1 * _g / np.sqrt(_g**2 + 1), [-0.1, 0.1]), "eps stands under the root"),
        (lambda: (-0.1, 0.3, -0.1, 0.3), "plain descent"),
        (lambda: (-0.05, -0.075, -0.1, -0.1), "the second gradient is negative"),
        (lambda: (-0.05, 0.15, -0.1, 0.1), "another for each weight"),
        (lambda: (-0.05, 0.03, -0.1, 0.1 / 3), "the root is missing"),
        (lambda: np.concatenate([-0.01 * _g / (0.001**0.5 * abs(_g) + eps) for eps in (1, 0)]), "not corrected"),
        (lambda: (-0.1, 0.1, -0.1, 0.1), "eps = 1 counts"),
        (lambda: (-0.5, 0.75, -1, 1), "lr is missing"),
        (lambda: (-0.05, -0.15, -0.1, -0.1), "never negative"),
        (lambda: (-0.05, 0.075, -0.1, 0.2), "not the four changes"),
    ],
    "sgd_step": [
        (_sgd_new_arrays, "p.data is a new array"),
        (_sgd_alias, "IS the gradient's array"),
        (_sgd_zeroing, "a gradient was emptied"),
        (_sgd(off=lambda v, g, lr, beta: -lr * v), "the sign of the step is flipped"),
        (_sgd(rule=lambda v, g, beta: g.copy()), "the old velocity is lost"),
        (_sgd(off=lambda v, g, lr, beta: v), "lr is missing"),
        (_sgd(rule=lambda v, g, beta: beta * v + (1 - beta) * g), "without 1 - momentum"),
        (_sgd_every_leaf, "without a gradient (p.grad is None) stays as it is"),
        (_sgd_old, "update v first"),
        (_sgd(rule=lambda v, g, beta: v + g), "the old velocity is kept whole"),
        (_sgd(coast=True), "a leaf without a gradient stays"),
        (_sgd_lr_inside, "lr belongs to the step, not into v"),
    ],
    "gate_vjp": [
        (_gate(dx=lambda u, x, a, s: s + a * x * s * (1 - s)), "u is forgotten: right only"),
        (_gate(dx=lambda u, x, a, s: u * s), "the term a x s' is missing"),
        (_gate(dx=lambda u, x, a, s: u * a * x * s * (1 - s)), "the term s is missing"),
        (_gate(dx=lambda u, x, a, s: u * (s + x * s * (1 - s))), "the inner slope of a x in x is a"),
        (_gate(dx=lambda u, x, a, s: u * s * (1 - s)), "the product rule is missing"),
        (_gate(dx=lambda u, x, a, s: u * (s + a * x * s)), "s' is s (1 - s), not s"),
        (_gate(dx=lambda u, x, a, s: u * (s - a * x * s * (1 - s))), "the sign of the second term"),
        (_gate(da=lambda u, x, a, s: u * x * x * s * (1 - s)), "has the shape of x"),
        (_gate(da=lambda u, x, a, s: (u * x * x * s * (1 - s)).mean(axis=0)), "the mean over the rows was taken"),
        (_gate(da=lambda u, x, a, s: (x * x * s * (1 - s)).sum(axis=0)), "u is forgotten in the gradient in a"),
        (_gate(da=lambda u, x, a, s: (u * x * s * (1 - s)).sum(axis=0)), "a factor x is missing"),
        (_gate(da=lambda u, x, a, s: (u * x * x * s * (1 - s))[0]), "the first row alone"),
    ],
    "walk_back": [
        (_walk(add=False), "shares add up"),
        (_walk(slopes=False), "not multiplied along a path"),
        (_walk_first_visit(-1), "hands on at its first visit"),
        (_walk_first_visit(0), "until all that use it have paid in"),
        (_walk(cut=False), "behind a cut edge"),
        (_walk(double=False), "both count"),
        (_walk(inner=True), "is no leaf"),
        (_walk(drop_zero=True), "a gradient of 0 that flows there"),
        (_walk(every=True), "is not reached from the root"),
        (_walk_paths, "walks every path by itself"),
        (_walk_paths_of_a_copy, "it never ends, or walks"),
        (_walk_no_root_leaf, "the root may be a leaf itself"),
    ],
    "fit_with_torch": [
        (_fitting(zero=False), "the gradients still add up"),
        (_fit_graph_kept, "still holds its graph"),
        (_fit_held("total"), "every step's graph is held"),
        (_fit_held("list"), "take the number, loss.item()"),
        (_fitting(sign=-1.0), "the sign of the step"),
        (_fitting(mean=False), "the MEAN of the squares"),
        (_fitting(scale=0.5), "half as long"),
        (lambda X, y, w, lr, steps: (_fit(X, y, w, lr, steps + 1)[0], 0.0), "one step too many"),
        (lambda X, y, w, lr, steps: _fit(X, y, w, lr, 1), "only the first step counts"),
        (_fitting(result=lambda losses, last: losses[-1]), "that is the last loss"),
        (_fitting(result=lambda losses, last: last), "the loss at the end"),
        (_fitting(result=lambda losses, last: losses[-1] / len(losses)), "add, do not overwrite"),
    ],
    "float32_error": [
        (lambda: _errors()[::-1], "the order is turned round"),
        (lambda: _errors(low=np.float64), "the same precision"),
        (lambda: (0.0, 3e-7), "really computed in float32"),
        (lambda: (2e-7, 2e-7), "five different results"),
        (lambda: _errors(lambda fine, rough: 1 + np.abs(fine - rough).max()), "no rounding"),
        (lambda: _errors(lambda fine, rough: 1e3 * np.abs(fine - rough).max() / np.abs(fine).max()), "too large for float32"),
        (lambda: _errors(lambda fine, rough: np.abs(fine - rough).max()), "the plain difference"),
        (lambda: _errors(lambda fine, rough: np.abs(fine - rough).mean() / np.abs(fine).max()), "a mean of differences"),
        (lambda: _errors(lambda fine, rough: np.abs((fine - rough) / fine).max()), "divided by itself"),
        (lambda: _errors(lambda fine, rough: np.abs(fine - rough).max() / np.abs(fine).mean()), "not entry by entry or by the mean"),
        (lambda: _errors(lambda fine, rough: np.abs(fine - rough).min() / np.abs(fine).max() + 1e-10), "smaller than float32 allows"),
    ],
    "settle_gradient": [
        (_settle(turn=False), "the sign is forgotten"),
        (_settle(slope=False), "the slope 1 - tanh^2 is missing"),
        (_settle(after=False), "the h AFTER the round"),
        (_settle(back=lambda W, d: W @ d), "the transposed W"),
        (_settle(share=lambda d, h: np.outer(h, d)), "entry (i, j) is delta_i h_j"),
        (_settle(last=True), "add the shares of all rounds"),
        (_settle(start=np.ones_like), "u is forgotten"),
        (_settle(start=np.negative), "the sign is flipped everywhere"),
        (_settle_rows, "rows have h @ W"),
        (_settle(count=lambda k: k + 1), "ended after the point"),
        (_settle(count=lambda k: min(k, 1)), "ended before the point"),
        (lambda W, x, u: _settle()(W, x, u)[1:], "that holds the rounds"),
    ],
}  # fmt: skip
