"""Checks of the exercises of "The same gradients in PyTorch" (notebooks/20_pytorch.ipynb)."""

import numpy as np

from gdcourse.checks.core import Checker, draw, measured, numbers, parts, run, want_close
from gdcourse.probes import Mistake, ch20

check = Checker()


@check.exercise(points=1)
def grad_by_hand(answer):
    before, w, end = numbers(run(answer), (3,), "(grad before the step, w, grad at the end)")
    want_close(before, 12, "grad before the step", [
        (6, "backward was called twice and nothing was emptied: the slopes add."),
        (4, "the inner slope of 3w is missing: a factor 3 for each call."),
        (2, "two calls, and the inner slope 3 of 3w."),
        (36, "gradients of two calls add; they are not multiplied."),
        (-12, "the sign is flipped: 3 * 2 - 5 is positive."),
        (18, "the third backward comes after the step."),
    ], otherwise="grad before the step is not the sum of two slopes of (3w - 5)^2 at w = 2.")  # fmt: skip
    want_close(w, 0.8, "w after the step", [
        (1.4, "step reads what stands in grad: both slopes, not one."),
        (3.2, "the sign of the step is flipped: lr * grad is taken off."),
        (-10, "lr is missing: the step takes off 0.1 * grad."),
        (1.2, "that is the length of the step; take it off from 2."),
        (2, "w has not moved: step takes off lr * grad."),
    ], otherwise="w after the step is not 2 - lr * grad.")  # fmt: skip
    want_close(end, -3.6, "grad at the end", [
        (-15.6, "the step empties nothing: the third slope is added to what stood there."),
        (15.6, "the step empties nothing, and 3 * 0.8 - 5 is negative."),
        (18, "the third slope is taken at the new w, not at 2."),
        (12, "the third backward adds its slope, too."),
        (27.6, "the sign of the third slope is lost: 3 * 0.8 - 5 is negative."),
        (-9.6, "the gradient before the step was 12, not 6."),
        (0, "nobody empties grad."),
    ], otherwise="grad at the end is not the old 12 plus the slope at the new w.")  # fmt: skip


@check.exercise(points=1)
def adam_by_hand(answer):
    got = numbers(run(answer), (4,), "(w1, w2 with eps = 1, w1, w2 with eps = 0)")
    want = np.array([-0.05, 0.075, -0.1, 0.1])
    g = np.array([1.0, -3.0])
    under = -0.1 * g / np.sqrt(g * g + 1)
    plain = -0.1 * np.sign(g)
    m, v = 0.1 * g, 0.001 * g * g
    want_close(got, want, "the four changes", [
        (-want, "the signs are flipped: the step goes against the gradient."),
        (want[[2, 3, 0, 1]], "the order is turned round: first eps = 1, then eps = 0."),
        (want[[1, 0, 3, 2]], "the weights are swapped: the first has the gradient 1."),
        (-np.abs(want), "the second gradient is negative, so its weight goes up."),
        (np.append(-0.1 * g / 2, -0.1 * g), "the divisor is |g| + eps, another for each weight."),
        (np.append(-0.1 * g / 2, plain), "the divisor is |g| + eps, another for each weight."),
        (np.append(under, plain), "eps stands under the root here; Adam adds it to the root."),
        (np.append(-0.1 * g, -0.1 * g), "that is plain descent: divide by the root of v_hat plus eps."),
        (np.append(-0.1 * g / (g * g + 1), -0.1 / g), "the root is missing: divide by sqrt(v_hat) + eps."),
        (np.append(-0.1 * m / (np.sqrt(v) + 1), -0.1 * m / np.sqrt(v)), "the means are not corrected: m_hat = g and v_hat = g^2 at t = 1."),
        (np.append(plain, plain), "eps = 1 counts: it stands beside |g| in the divisor."),
        (10 * want, "lr is missing."),
        (np.append([0.95, 1.075], [0.9, 1.1]), "wanted the changes, not new weights."),
        (np.append(-0.1 * g / (g + 1), -0.1 * np.ones(2)), "the root of g^2 is |g|, never negative."),
    ], otherwise="not the four changes -lr * g / (|g| + eps).")  # fmt: skip


def sgd_reference(data, grads, lr, momentum, rule):
    """Data and velocities after the steps, with ``rule(v, g)`` = (new v, what to take off)."""
    data, v = [a.copy() for a in data], {}
    for step in grads:
        for k, g in enumerate(step):
            if g is not None:
                v[k], off = rule(v.get(k, 0.0 * g), g)
                data[k] = data[k] - off
    return data, v


@check.exercise(points=2)
def sgd_step(answer):
    rng = draw(201)
    for shapes, lr, momentum in (([(3,), (2, 4)], 0.1, 0.9), ([(4,)], 0.3, 0.0), ([(2,), (3,), (2, 2)], 0.2, 0.5)):  # fmt: skip
        data = [rng.normal(size=s) for s in shapes]
        history = [
            [
                None if (t + k) % 3 == 2 and len(shapes) > 1 else rng.normal(size=s)
                for k, s in enumerate(shapes)
            ]
            for t in range(4)
        ]
        after = run(answer, data, history, lr, momentum, probe=ch20.stepped)
        for t, (moved, velocity) in enumerate(after, 1):
            judge_sgd(moved, velocity, data, history[:t], lr, momentum)


def judge_sgd(moved, velocity, data, history, lr, momentum):
    ref = lambda rule: sgd_reference(data, history, lr, momentum, rule)
    want, v = ref(lambda v, g: (momentum * v + g, lr * (momentum * v + g)))
    zeroed = [[np.zeros_like(a) if g is None else g for a, g in zip(data, step)] for step in history]
    flat = lambda arrays: np.concatenate([np.ravel(a) for a in arrays])
    others = [
        (lambda v, g: (momentum * v + g, -lr * (momentum * v + g)), "the sign of the step is flipped: take lr * v off."),
        (lambda v, g: (g, lr * g), "the old velocity is lost: v = momentum * v + g needs the one from the step before."),
        (lambda v, g: (momentum * v + g, momentum * v + g), "lr is missing."),
        (lambda v, g: (momentum * v + (1 - momentum) * g, lr * (momentum * v + (1 - momentum) * g)), "g comes in whole: v = momentum * v + g, without 1 - momentum."),
        (lambda v, g: (momentum * v + g, lr * (g + momentum * (momentum * v + g))), "that is Nesterov's step; take lr * v off."),
        (lambda v, g: (momentum * v + g, lr * v), "the step uses the old velocity: update v first."),
        (lambda v, g: (v + g, lr * (v + g)), "the old velocity is kept whole: multiply it by momentum."),
        (lambda v, g: (v + momentum * g, lr * (v + momentum * g)), "momentum multiplies the old velocity, not the gradient."),
        (lambda v, g: (momentum * v + g, 0.0 * g), "nothing has moved."),
    ]  # fmt: skip
    mistakes = [(flat(ref(rule)[0]), text) for rule, text in others]
    coasting = sgd_reference(
        data, zeroed, lr, momentum, lambda v, g: (momentum * v + g, lr * (momentum * v + g))
    )
    mistakes.append(
        (flat(coasting[0]), "a leaf without a gradient stays where it is, and its velocity waits.")
    )
    want_close(flat(moved), flat(want), "the data", mistakes,
               otherwise="the data are not theta - lr * v with v = momentum * v + g.")  # fmt: skip
    if set(velocity) != set(v):
        raise Mistake("the dictionary has an entry for each leaf that has had a gradient, and for no other.")
    for k in v:
        want_close(velocity[k], v[k], f"velocity {k}", [
            (lr * v[k], "lr belongs to the step, not into v."),
            (-v[k], "v is the sum of gradients, with a plus; the step takes it off."),
            (history[-1][k] if history[-1][k] is not None else np.full(v[k].shape, np.nan), "the new velocity is not kept."),
        ], otherwise="the velocity is not momentum * v + g.")  # fmt: skip


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


@check.exercise(points=3)
def gate_vjp(answer):
    rng = draw(202)
    for m, n in ((4, 3), (2, 5), (6, 1)):
        x, a, u = rng.normal(size=(m, n)), rng.normal(size=n) + 0.5, rng.normal(size=(m, n))
        f = lambda x, a: np.sum(u * x * sigmoid(a * x))
        want_x, want_a = measured(lambda x: f(x, a), x, 1e-5), measured(lambda a: f(x, a), a, 1e-5)
        dx, da = parts(run(answer, u, x, a), ("the gradient in x", "the gradient in a"))
        s = sigmoid(a * x)
        d = s * (1 - s)
        want_close(dx, want_x, "the gradient in x", [
            (s + a * x * d, "u is forgotten: right only when the upstream gradient is 1."),
            (u * s, "x acts inside the sigmoid, too: the term a x s' is missing."),
            (u * a * x * d, "x is the factor in front, too: the term s is missing."),
            (u * (s + x * d), "the inner slope of a x in x is a; it is missing."),
            (u * d, "the product rule is missing: s + a x s', with s' = s (1 - s)."),
            (u * (s + a * x * s), "s' is s (1 - s), not s."),
            (u * (s - a * x * d), "the sign of the second term is flipped."),
            (x * s, "that is the forward result."),
            (u * (s + a * x * sigmoid(x) * (1 - sigmoid(x))), "s' is to be taken at a x, not at x."),
        ], rtol=1e-5, atol=1e-7, otherwise="the gradient in x is not u (s + a x s').")  # fmt: skip
        if np.shape(da) == (m, n) and (m, n) != (n,):
            raise Mistake(
                "the gradient in a has the shape of x: a was copied into every row, so sum over the rows."
            )
        total = (u * x * x * d).sum(axis=0)
        want_close(da, want_a, "the gradient in a", [
            ((x * x * d).sum(axis=0), "u is forgotten in the gradient in a."),
            (total / m, "the mean over the rows was taken; copies add up, so it is a sum."),
            ((u * x * d).sum(axis=0), "a factor x is missing: one x stands in front, one inside."),
            ((u * x * x * d)[0], "that is the first row alone: sum over the rows."),
            (np.full(n, total.sum()), "the sum went over the columns, too: each a_j has its own."),
            ((u * x * s).sum(axis=0), "that is u y: s' and an inner x are missing."),
            (a * total, "the inner slope of a x in a is x, not a x."),
        ], rtol=1e-5, atol=1e-7, otherwise="the gradient in a is not the sum over rows of u x x s'.")  # fmt: skip


def graphs_to_walk():
    """(graph, root) pairs, each also with its lists of edges turned round: a wrong walk may suit one order."""
    for graph, root in some_graphs():
        yield graph, root
        yield {name: edges[::-1] for name, edges in graph.items()}, root


def some_graphs():
    """(graph, root) pairs: a cut edge, a diamond, doubled edges, a lonely leaf, many paths, ways of all lengths."""
    yield {"a": [], "b": [("a", 3.0), ("a", -0.5)], "c": [("b", 2.0), ("a", 1.5)]}, "c"
    yield {"x": [], "u": [("x", 2.0)], "v": [("u", 3.0), ("x", 1.0)], "w": [("u", 5.0), ("v", 7.0), ("k", None)],
           "k": [("x", 9.0)], "other": [("v", 1.0)], "z": []}, "w"  # fmt: skip
    yield {"y": [("p", 1.0), ("t", 1.0)], "x": [], "t": [("p", 0.5)], "p": [("x", 6.0), ("c", None)], "c": []}, "y"  # fmt: skip
    yield {"x": [], "y": [("x", 2.0)]}, "x"
    yield {"x": [], "c": [("x", 2.0)], "y": [("c", None), ("w", 0.0)], "w": []}, "y"
    n = 40
    ladder = {"x": [], "n0": [("x", 1.0)], "d": []}
    for k in range(1, n):
        ladder[f"n{k}"] = [(f"n{k - 1}", 0.5), (f"n{k - 1}", 0.5), ("d", 0.0 if k % 2 else 1.0)]
    rng = draw(203)
    yield {name: ladder[name] for name in rng.permutation(list(ladder)).tolist()}, f"n{n - 1}"
    for _ in range(3):
        names = rng.permutation(list("abcdefghi")).tolist()  # parents first, two of them leaves
        parents = [[]] * 2 + [rng.permutation(k)[:3] for k in range(2, 9)]
        slopes = lambda some: [(names[p], float(rng.normal()) if rng.random() < 0.9 else None) for p in some]
        graph = {name: slopes(some) for name, some in zip(names, parents)}
        graph[names[-1]] = [(name, 1.0) for name in names[2:-1]]
        yield {name: graph[name] for name in sorted(graph)}, names[-1]


def path_sums(graph, root, slope=lambda s: s):
    """{leaf: sum over all paths of the product of slopes} by linear algebra, for leaves with a path."""
    place = {name: k for k, name in enumerate(graph)}
    A, E = np.zeros((2, len(graph), len(graph)))
    for name, edges in graph.items():
        for parent, s in edges:
            if slope(s) is not None:
                A[place[name], place[parent]] += slope(s)
                E[place[name], place[parent]] = 1
    total = np.linalg.solve((np.eye(len(graph)) - A).T, np.eye(len(graph))[place[root]])
    paths = np.linalg.solve((np.eye(len(graph)) - E).T, np.eye(len(graph))[place[root]])
    return {name: total[k] for name, k in place.items() if not graph[name] and paths[k] > 0.5}


def last_share(graph, root):
    """The wrong answer that overwrites: each node has only the share that came last, depth first."""
    grad, todo = {root: 1.0}, [root]
    for _ in range(500):
        if not todo:
            break
        name = todo.pop(0)
        for parent, s in graph[name]:
            if s is not None:
                grad[parent] = s * grad[name]
                todo.append(parent)
    return {name: g for name, g in grad.items() if not graph[name]}


def first_visit(graph, root, place):
    """The wrong answer in which a node hands on when it is first taken from that place of the list."""
    grad, seen, todo = {root: 1.0}, set(), [root]
    while todo:
        name = todo.pop(place)
        for parent, s in graph[name] if name not in seen else []:
            if s is not None:
                grad[parent] = grad.get(parent, 0.0) + s * grad[name]
                todo.append(parent)
        seen.add(name)
    return {name: g for name, g in grad.items() if not graph[name]}


@check.exercise(points=3)
def walk_back(answer):
    for graph, root in graphs_to_walk():
        want, got = path_sums(graph, root), run(answer, graph, root, probe=ch20.walked)
        inner = [name for name in got if graph.get(name) if isinstance(name, str)]
        if inner:
            raise Mistake(f"{inner[0]} is no leaf: return the nodes with an empty list alone.")
        if root in want and root not in got:
            raise Mistake("the root may be a leaf itself: then its gradient is 1.")
        cut = path_sums(graph, root, lambda s: 0.0 if s is None else s)
        for name in got:
            if name not in want:
                if name in cut:
                    raise Mistake(
                        f"{name} stands behind a cut edge (None): nothing flows there, so it does not appear."
                    )
                raise Mistake(f"{name} is not reached from the root: it does not appear.")
        for name in want:
            if name not in got:
                zero = "; a gradient of 0 that flows there is a gradient, too" if want[name] == 0 else ""
                raise Mistake(f"{name} is reached from the root over edges that are not cut, but is missing{zero}.")  # fmt: skip
        order = list(want)
        value = lambda table: np.array([table[name] for name in order], dtype=float)
        values = numbers([got[name] for name in order], (len(order),), "the gradients")
        once = {k: list(dict(v).items()) for k, v in graph.items()}
        mistakes = [(value(path_sums(once, root)), "two edges that join the same two nodes both count."),
                    (value({**dict.fromkeys(order, np.nan), **last_share(graph, root)}), "shares add up: the last one overwrites the others here."),
                    (-value(want), "the sign is flipped: the gradient of the root in itself is 1."),
                    (value(path_sums(graph, root, lambda s: s and 1.0)), "the slopes are not multiplied along a path."),
                    (0 * value(want), "all gradients are 0: start with 1 at the root."),
                    *[(value(first_visit(graph, root, place)), "a node hands on at its first visit, which may be too early: it waits until all that use it have paid in.")
                      for place in (-1, 0)]]  # fmt: skip
        want_close(values, value(want), "the gradients", mistakes, otherwise=(
            "a gradient is not the sum over all paths of the products of slopes: does each node wait for all its shares?"
        ))  # fmt: skip


def torch_run(X, y, w, lr, steps, keep=False):
    """(w, losses before each step) of descent, with gradients that add up where asked for."""
    total, losses = np.zeros(len(w)), []
    for _ in range(steps):
        r = X @ w - y
        losses.append(np.mean(r * r))
        g = 2 * X.T @ r / len(y)
        total = total + g if keep else g
        w = w - lr * total
    return w, losses + [np.mean((X @ w - y) ** 2)]


@check.exercise(points=2)
def fit_with_torch(answer):
    rng = draw(204)
    for m, n, steps in ((7, 3, 6), (5, 2, 1), (9, 4, 15)):
        X, y, w0 = rng.normal(size=(m, n)), rng.normal(size=m), rng.normal(size=n)
        w, mean = parts(run(answer, X, y, w0, 0.05, steps, probe=ch20.fitted), ("w", "the mean loss"))
        want, losses = torch_run(X, y, w0, 0.05, steps)
        kept, kept_losses = torch_run(X, y, w0, 0.05, steps, keep=True)
        r = lambda scale: torch_run(X, y, w0, 0.05 * scale, steps)[0]
        want_close(w, want, "w", [
            (kept, "the gradients still add up from step to step: empty w.grad once a step."),
            (r(-1), "the sign of the step is flipped."),
            (r(m), "the loss is the MEAN of the squares, not their sum."),
            (r(0.5), "the steps are half as long: there is no 1/2 in this loss."),
            (w0, "w has not moved: is the step taken from the gradient of each loss?"),
            (torch_run(X, y, w0, 0.05, steps + 1)[0], "one step too many."),
            (torch_run(X, y, w0, 0.05, 1)[0], "only the first step counts: is the gradient emptied after it is read, is the return inside the loop?"),
        ], otherwise="w is not where the repaired loop ends.")  # fmt: skip
        before = losses[:-1]
        want_close(mean, np.mean(before), "the mean loss", [
            (before[-1], "that is the last loss; wanted the mean over all steps."),
            (np.sum(before), "that is the sum of the losses: divide by the number of steps."),
            (losses[-1], "that is the loss at the end; wanted the mean of the losses before each step."),
            (np.mean(losses[1:]), "each loss is taken before its step."),
            (np.mean(losses), "the loss after the last step does not count."),
            (before[-1] / steps, "only the last loss is in the total: add, do not overwrite."),
            (np.mean(kept_losses[:-1]), "the losses are those of the loop with the bug."),
        ], otherwise="not the mean of the losses before each step.")  # fmt: skip
    few, many = (run(answer, X, y, w0, 0.05, steps, probe=ch20.held_graphs) for steps in (2, 14))
    if any(m > f + 5 for f, m in zip(few, many)):
        raise Mistake(
            "every step's graph is held until the end: take the number, loss.item(), inside the loop."
        )


def rounding(seed):
    """The relative difference of float32 and float64 gradients, in NumPy."""
    rng = np.random.default_rng(seed)  # the exercise names the seeds, so it is these in every term
    arrays = (rng.normal(size=(32, 20)), rng.normal(size=(50, 20)) / np.sqrt(20), rng.normal(size=50) / np.sqrt(50))  # fmt: skip

    def gradient(dtype):
        X, W, v = (a.astype(np.float32).astype(dtype) for a in arrays)
        t = np.tanh(X @ W.T)  # (32, 50)
        delta = (t @ v * dtype(2 / 32))[:, None] * v * (1 - t * t)
        return delta.T @ X

    fine = gradient(np.float64)
    return np.abs(gradient(np.float32) - fine).max() / np.abs(fine).max(), np.abs(fine).max()


@check.exercise(points=2)
def float32_error(answer):
    small, large = numbers(run(answer), (2,), "(smallest, largest)")
    found, sizes = zip(*(rounding(seed) for seed in range(5)))
    if small > large:
        raise Mistake("the order is turned round: first the smallest, then the largest of the five.")
    if small <= 0 or large < 1e-12:
        raise Mistake("both gradients have the same precision: is one of them really computed in float32?")
    if small == large:
        raise Mistake("the five seeds give five different results: does each seed draw its own arrays?")
    if large > 1e-2:
        raise Mistake(
            "a difference this large is no rounding: do both gradients belong to the same numbers, rounded at the start? Is grad empty before each backward?"
        )
    if large > 2e-5:
        raise Mistake(
            "too large for float32: was each entry divided by itself (some are nearly 0)? Divide by the largest "
            "entry. Or is something in half precision?"
        )
    low, high = min(found), max(found)
    if not (low / 4 < small and large < 4 * high):
        scaled = [e * s for e, s in zip(found, sizes)]
        if min(scaled) / 4 < small and large < 4 * max(scaled):
            raise Mistake(
                "too small: that is the plain difference, or a mean of differences; take the largest one, over the "
                "largest entry."
            )
        if large >= 4 * high:
            raise Mistake(
                "larger than rounding makes it: divide by the largest entry, not entry by entry or by the mean."
            )
        raise Mistake(
            "smaller than float32 allows: take the largest difference of an entry, over the largest entry."
        )


def settle(W, x, rounds, sign):
    """The result of a run with its questions already answered."""
    for _ in range(rounds):
        x = np.tanh(W @ x)
    return sign * x


def settle_back(W, x, u, slope=True, after=True, turn=True, transposed=False, outer=False, last=False):
    """(dW, dx) with one fault where it is asked for."""
    path = [x]
    while path[-1] @ path[-1] > 1:
        path.append(np.tanh(W @ path[-1]))
    g, dW = (-u if turn and path[-1].sum() < 0 else u), np.zeros(W.shape)
    for k in range(len(path) - 1, 0, -1):
        d = g * (1 - (path[k] if after else path[k - 1]) ** 2) if slope else g
        share = np.outer(path[k - 1], d) if outer else np.outer(d, path[k - 1])
        if not last or k == len(path) - 1:
            dW = dW + share
        g = W @ d if transposed else W.T @ d
    return dW, g


def settle_rounds(W, x):
    """The rounds of a run, None when it goes on for more than 20."""
    for rounds in range(21):
        if x @ x <= 1:
            return rounds
        x = np.tanh(W @ x)


def settle_draws():
    """[(W, x, u, rounds, sign)] with no question near its limit, those that are not turned first.

    With W transposed a run takes another number of rounds, but it ends.
    """
    rng, found = draw(205), {}
    while len(found) < 8:
        n = int(rng.integers(2, 5))
        W, x, u = rng.normal(size=(n, n)), rng.normal(size=n), rng.normal(size=n)
        rounds, turned = settle_rounds(W, x), settle_rounds(W.T, x)
        if rounds is None or rounds > 3 or turned is None or turned == rounds > 0:
            continue
        h = settle(W, x, rounds, 1)
        if abs(h @ h - 1) > 0.05 and abs(h.sum()) > 0.05:
            found.setdefault((rounds, np.sign(h.sum())), (W, x, u))
    return [(*found[key], *key) for key in sorted(found, key=lambda key: (-key[1], key[0]))]


@check.exercise(points=3)
def settle_gradient(answer):
    for W, x, u, rounds, sign in settle_draws():
        n = len(x)
        f = lambda W, x: u @ settle(W, x, rounds, sign)
        dW, dx = measured(lambda W: f(W, x), W, 1e-5), measured(lambda x: f(W, x), x, 1e-5)
        got = parts(run(answer, W, x, u), ("the rounds", "dL/dW", "dL/dx"))
        count = numbers(got[0], (), "the rounds")
        if count != rounds and count == settle_rounds(W.T, x):
            dx_got = numbers(got[2], (n,), "dL/dx")
            if any(np.allclose(dx_got, settle_back(W.T, x, g)[1], rtol=1e-5) for g in (u, np.ones(n))):
                raise Mistake("here a round is tanh(W @ h); the chapter's rows have h @ W.")
        if count != rounds:
            side = "after" if count > rounds else "before"
            raise Mistake(
                f"{count:g} rounds is wrong for this run: the loop ended {side} the point where h . h is at most 1."
            )
        wrong = [(settle_back(W, x, u, turn=False), "the sign is forgotten: where h was turned, u is turned, too."),
                 (settle_back(W, x, u, slope=False), "the slope 1 - tanh^2 is missing."),
                 (settle_back(W, x, u, after=False), "the slope is 1 - h^2 with the h AFTER the round."),
                 (settle_back(W, x, u, transposed=True), "going back multiplies by the transposed W: W.T @ delta."),
                 (settle_back(W, x, u, outer=True), "dL/dW is turned round: entry (i, j) is delta_i h_j."),
                 (settle_back(W, x, u, last=True), "W is used once a round: add the shares of all rounds."),
                 (settle_back(W, x, np.ones(n)), "u is forgotten: start from u, not from ones."),
                 (settle_back(W, x, -u), "the sign is flipped everywhere.")]  # fmt: skip
        want_close(got[1], dW, "dL/dW", [(a, t) for (a, _), t in wrong], rtol=1e-5, atol=1e-7,
                   otherwise="dL/dW does not agree with measured slopes: check a run of one round first.")  # fmt: skip
        want_close(got[2], dx, "dL/dx", [(b, t) for (_, b), t in wrong] + [
            (np.zeros(n), "dL/dx is zero: without a round, x itself is the result."),
            (x, "that is x; wanted what is left of u when it has come back to x."),
        ], rtol=1e-5, atol=1e-7, otherwise="dL/dx does not agree with measured slopes.")  # fmt: skip
