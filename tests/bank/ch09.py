"""Right and wrong answers to the exercises of "Follow a graph"."""

import functools
import math
from collections import deque
from fractions import Fraction
from graphlib import TopologicalSorter

import numpy as np


def _products(slopes=lambda x, A: np.cos(A @ x), seed=lambda u: u):
    def answer(x, v, u, A, B):
        s = slopes(x, A)
        return B @ (s * (A @ v)), A.T @ (s * (B.T @ seed(u)))

    return answer


def _products_by_steps(x, v, u, A, B):
    def push(t):
        return B.dot(np.cos(A.dot(x)) * A.dot(t))

    z = A @ x
    back = u @ B
    back = back * np.cos(z)
    return push(v), back @ A


def _products_in_loops(x, v, u, A, B):
    m, rising, pulled = len(A), np.zeros(len(B)), np.zeros(len(x))
    for l in range(m):
        s = math.cos(sum(A[l] * x))
        rising = rising + B[:, l] * s * sum(A[l] * v)
        pulled = pulled + A[l] * s * sum(B[:, l] * u)
    return [rising, pulled]


def _products_with_jacobian(x, v, u, A, B):
    J = B @ (np.cos(A @ x)[:, None] * A)
    return J @ v, J.T @ u


def _products_by_columns(x, v, u, A, B):
    J = np.array([B @ (np.cos(A @ x) * column) for column in A.T]).T
    return J @ v, J.T @ u


def _products_measured(x, v, u, A, B):
    f = lambda x: B @ np.sin(A @ x)
    slope = lambda v: (f(x + 6e-6 * v) - f(x - 6e-6 * v)) / 1.2e-5
    return slope(v), [u @ slope(e) for e in np.eye(len(x))]


def _neuron_measured(w, b, x, y):
    loss = lambda w, b: (np.tanh(w * x + b) - y) ** 2 / 2 + w * w / 2
    h = 6e-6
    return (loss(w + h, b) - loss(w - h, b)) / (2 * h), (loss(w, b + h) - loss(w, b - h)) / (2 * h)


def _back(
    start=lambda edges, u: {n: u.get(n, 0.0) for n in edges}, order=reversed, add=True, parents=lambda p: p
):
    def answer(edges, u):
        grad = start(edges, u)
        for node in order(list(edges)):
            for parent, slope in parents(edges[node]):
                grad[parent] = grad[parent] * add + slope * grad[node]
        return grad

    return answer


def _back_one_output_at_a_time(edges, u):
    total = dict.fromkeys(edges, 0.0)
    for output, weight in u.items():
        grad = dict.fromkeys(edges, 0.0)
        grad[output] = 1.0
        for node in list(edges)[::-1]:
            for parent, slope in edges[node]:
                grad[parent] += slope * grad[node]
        for node in edges:
            total[node] += weight * grad[node]
    return total


def _back_by_forward_mode(edges, u):
    def forward(start):
        slope = {}
        for node, parents in edges.items():
            slope[node] = 1.0 if node == start else sum(s * slope[p] for p, s in parents)
        return slope

    return {start: sum(weight * forward(start)[k] for k, weight in u.items()) for start in edges}


def _back_matrix(edges, u):
    names = list(edges)
    S = np.zeros((len(names), len(names)))
    for i, node in enumerate(names):
        for parent, slope in edges[node]:
            S[i, names.index(parent)] += slope
    total, share = np.zeros(len(names)), np.array([u.get(k, 0.0) for k in names])
    while np.any(share):
        total, share = total + share, share @ S
    return dict(zip(names, total))


def _weight_wins(edges, u):
    return _back()(edges, u) | u


def _weight_lost(edges, u):
    return {k: g - u.get(k, 0.0) for k, g in _back()(edges, u).items()}


def _forward(edges, u):
    slope = {}
    for node, parents in edges.items():
        slope[node] = u.get(node, 0.0) + sum(s * slope[p] for p, s in parents)
    return slope


def _kahn(edges, output):
    """Count consumers, then release a node when all have paid in."""
    reached, queue = {output}, deque([output])
    while queue:
        for parent, _ in edges[queue.popleft()]:
            if parent not in reached:
                reached.add(parent)
                queue.append(parent)
    return _release(edges, output, reached)


def _release(edges, output, consumers):
    """The sweep that releases a node when all of its ``consumers`` have paid in."""
    waiting = dict.fromkeys(edges, 0)
    for node in consumers:
        for parent, _ in edges[node]:
            waiting[parent] += 1
    grad = dict.fromkeys(edges, 0)
    grad[output] = 1
    ready = [output]
    while ready:
        node = ready.pop()
        for parent, slope in edges[node]:
            grad[parent] += slope * grad[node]
            waiting[parent] -= 1
            if waiting[parent] == 0:
                ready.append(parent)
    return grad


def _library_order(edges, output):
    order = list(TopologicalSorter({n: [p for p, _ in e] for n, e in edges.items()}).static_order())
    grad = {n: np.float64(n == output) for n in edges}
    for node in order[::-1]:
        for parent, slope in edges[node]:
            grad[parent] += slope * grad[node]
    return grad


def _iterators(edges, output):
    """Depth-first with a stack of iterators."""
    order, seen, stack = [], {output}, [(output, iter(edges[output]))]
    while stack:
        node, parents = stack[-1]
        for parent, _ in parents:
            if parent not in seen:
                seen.add(parent)
                stack.append((parent, iter(edges[parent])))
                break
        else:
            order.insert(0, node)
            stack.pop()
    grad = {node: 0.0 for node in edges} | {output: 1.0}
    for node in order:
        for parent, slope in edges[node]:
            grad[parent] = grad[parent] + slope * grad[node]
    return grad


def _eager(edges, output):
    grad = dict.fromkeys(edges, 0.0)
    grad[output] = 1.0

    def visit(node):
        for parent, slope in edges[node]:
            grad[parent] += slope * grad[node]
            visit(parent)

    visit(output)
    return grad


def _pull_without_memo(edges, output):
    """The same walk from the other end: no dictionary is looked up on the way."""

    def pull(node):
        if node == output:
            return 1.0
        return sum(s * pull(k) for k, parents in edges.items() for p, s in parents if p == node)

    return {node: pull(node) for node in edges}


def _walk_objects(edges, output):
    """Path by path over objects, which know their parents."""

    class Box:
        grad = 0.0

    boxes = {node: Box() for node in edges}
    for node, parents in edges.items():
        boxes[node].parents = [(boxes[p], s) for p, s in parents]

    def visit(box, share):
        box.grad += share
        for parent, slope in box.parents:
            visit(parent, share * slope)

    visit(boxes[output], 1.0)
    return {node: box.grad for node, box in boxes.items()}


def _search_from_every_node(edges, output):
    order, seen = [], set()

    def visit(node):
        if node not in seen:
            seen.add(node)
            for parent, _ in edges[node]:
                visit(parent)
            order.append(node)

    for node in edges:
        visit(node)
    return _finish(edges, output, order[::-1])


def _cached_consumers(edges, output):
    uses = {node: [] for node in edges}
    for node, parents in edges.items():
        for parent, slope in parents:
            uses[parent].append((node, slope))

    @functools.lru_cache(None)
    def gradient(node):
        return float(node == output) + sum(slope * gradient(k) for k, slope in uses[node])

    return {node: gradient(node) for node in edges}


def _sweep_until_still(edges, output):
    grad = {node: float(node == output) for node in edges}
    while True:
        new = {node: float(node == output) for node in edges}
        for node, parents in edges.items():
            for parent, slope in parents:
                new[parent] += slope * grad[node]
        if new == grad:
            return grad
        grad = new


def _finish(edges, output, order, add=True, parents=lambda p: p):
    grad = {n: float(n == output) for n in edges}
    for node in order:
        for parent, slope in parents(edges[node]):
            grad[parent] = grad[parent] * add + slope * grad[node]
    return grad


def _order(edges, output):
    """Consumers first; only the nodes that the output depends on."""
    waits = {n: {p for p, _ in e} for n, e in edges.items()}
    order = list(TopologicalSorter(waits).static_order())[::-1]
    grad = _finish(edges, output, order)
    reached = {output}
    for node in order:
        if node in reached:
            reached |= waits[node]
    return [n for n in order if n in reached], grad


def _breadth(edges, output):
    order, queue = [], [output]
    while queue:
        node = queue.pop(0)
        if node not in order:
            order.append(node)
            queue += [p for p, _ in edges[node]]
    return _finish(edges, output, order)


def _search_again_and_again(edges, output):
    """Right, but it looks through all nodes for one that is ready: the square of their number."""
    todo, order = list(edges), []
    while todo:
        used = {p for n in todo for p, _ in edges[n]}
        ready = next(n for n in todo if n not in used)
        todo.remove(ready)
        order.append(ready)
    return _finish(edges, output, order)


def _neuron(slope=lambda z, a: 1 - a * a, penalty=1.0, upstream=lambda r: r, sign=1):
    def answer(w, b, x, y):
        z = w * x + b
        a = math.tanh(z)
        g = upstream(sign * (a - y)) * slope(z, a)
        return g * x + penalty * w, g

    return answer


def _counted(n):
    """Both costs by multiplying out shapes."""
    shapes = [(12, 20), (20, 30), (30, n)]

    def product(left, right):
        return left[0] * left[1] * right[1], (left[0], right[1])

    c1, left = product(shapes[0], shapes[1])
    c2, _ = product(left, shapes[2])
    c3, right = product(shapes[1], shapes[2])
    c4, _ = product(shapes[0], right)
    return c1 + c2, c3 + c4


def _dual(**faults):
    """A dual number as a pair; ``faults`` replaces methods by wrong ones."""

    def answer(f, x):
        class D(tuple):
            pass

        def lift(a):
            return a if isinstance(a, D) else D((a, 0.0))

        rules = {
            "add": lambda a, b: (a[0] + b[0], a[1] + b[1]),
            "sub": lambda a, b: (a[0] - b[0], a[1] - b[1]),
            "mul": lambda a, b: (a[0] * b[0], a[1] * b[0] + a[0] * b[1]),
            "truediv": lambda a, b: (a[0] / b[0], (a[1] * b[0] - a[0] * b[1]) / b[0] ** 2),
            "neg": lambda a, b: (-a[0], -a[1]),
            "lift": lift,
        } | faults
        lift = rules.pop("lift")
        for name, rule in rules.items():
            if rule is None:
                continue
            if name == "neg":
                D.__neg__ = lambda a, rule=rule: D(rule(a, a))
                continue
            if name.startswith("r"):
                setattr(D, f"__{name}__", lambda a, b, rule=rule: D(rule(lift(b), lift(a))))
                continue
            setattr(D, f"__{name}__", lambda a, b, rule=rule: D(rule(lift(a), lift(b))))
            if f"r{name}" not in rules:
                setattr(D, f"__r{name}__", lambda a, b, rule=rule: D(rule(lift(b), lift(a))))
        y = f(D((x, 1.0)))
        return tuple(y) if isinstance(y, D) else (y, 0.0)

    return answer


def _dual_class(f, x):
    class Number:
        def __init__(self, v, d):
            self.v, self.d = v, d

        def of(a):
            return a if isinstance(a, Number) else Number(a, 0)

        def __add__(a, b):
            b = Number.of(b)
            return Number(a.v + b.v, a.d + b.d)

        def __mul__(a, b):
            b = Number.of(b)
            return Number(a.v * b.v, a.v * b.d + a.d * b.v)

        def __pow__(a, n):
            return Number(a.v**n, n * a.v ** (n - 1) * a.d)

        def __neg__(a):
            return a * -1

        def __sub__(a, b):
            return a + -Number.of(b)

        def __rsub__(a, b):
            return Number.of(b) + -a

        def __truediv__(a, b):
            return a * Number.of(b) ** -1.0

        def __rtruediv__(a, b):
            return a**-1.0 * b

        __radd__, __rmul__ = __add__, __mul__

    y = Number.of(f(Number(x, 1)))
    return [y.v, y.d]


def _dual_matrices(f, x):
    """A dual number is the matrix ((v, s), (0, v)): matrix arithmetic knows the product rule."""

    class M:
        __array_priority__ = 100

        def __init__(self, table):
            self.t = np.array(table, dtype=float)

    eye = np.eye(2)
    table = lambda a: a.t if isinstance(a, M) else a * eye
    for name, op in {
        "add": lambda a, b: a + b,
        "sub": lambda a, b: a - b,
        "mul": lambda a, b: a @ b,
        "truediv": lambda a, b: a @ np.linalg.inv(b),
    }.items():
        setattr(M, f"__{name}__", lambda a, b, op=op: M(op(table(a), table(b))))
        setattr(M, f"__r{name}__", lambda a, b, op=op: M(op(table(b), table(a))))
    M.__neg__ = lambda a: M(-a.t)
    y = table(f(M([[x, 1], [0, x]])))
    return y[0, 0], y[0, 1]


RIGHT = {
    "chain_by_hand": [
        lambda: [3, 4.0, -1 / 25, -12 / 25],
        lambda: np.array([3, 2 * 2, -(5**-2), 3 * 2 * 2 * -(5**-2)]),
        lambda: (Fraction(3), Fraction(4), Fraction(-1, 25), Fraction(-12, 25)),
    ],
    "fan_out_by_hand": [
        lambda: [1.0, 9.0, 21.0, 135.0],
        lambda: (1, 3 * 3, 9 + 12, 4 * 3**3 + 3 * 3**2),
        lambda: np.array([1, 9, 12 + 9, 9 + 2 * 3 * 21]),
    ],
    "jvp_and_vjp": [_products_by_steps, _products_in_loops, _products()],
    "pull_back": [_back_one_output_at_a_time, _back_by_forward_mode, _back_matrix],
    "gradients": [_kahn, _library_order, _iterators],
    "neuron_backward": [
        _neuron(),
        _neuron(lambda z, a: 1 / math.cosh(z) ** 2),
        lambda w, b, x, y: np.array([x, 1]) * (np.tanh(x * w + b) - y) / np.cosh(x * w + b) ** 2 + np.array([w, 0]),
    ],
    "crossover": [
        lambda: [16, 43200, 84000],
        lambda: (next(n for n in range(1, 99) if _counted(n)[0] < _counted(n)[1]), *_counted(100)),
        lambda: np.array([7200 // 480 + 1, 7200 + 360 * 100, 840 * 100]),
    ],
    "dual_slope": [_dual(), _dual_class, _dual_matrices],
}  # fmt: skip

WRONG = {
    "chain_by_hand": [
        (lambda: (3, 2, -0.04, -0.24), "which is 2, not at x = 1"),
        (lambda: (3, 4, 0.04, 0.48), "1/v falls as v grows"),
        (lambda: (3, 4, -0.2, -2.4), "square the v"),
        (lambda: (3, 4, -0.25, -3), "taken at u; take it at the value of v"),
        (lambda: (3, 4, -1, -12), "taken at x; take it at the value of v"),
        (lambda: (3, 4, -0.04, 6.96), "you added them"),
        (lambda: (3, 4, -0.04, 0.48), "a sign is lost on the way"),
        (lambda: (3, 4, -0.04, -0.16), "the inner slope is missing"),
        (lambda: (3, 4, 0.2, 2.4), "that is the value of y"),
        (lambda: (2, 4, -0.04, -0.48), "2 is the value of u"),
        (lambda: (3, 12, -0.04, -0.48), "the slope of v in x"),
        (lambda: (3, 4, -0.04, -0.5), "the derivative is not -0.5"),
    ],
    "fan_out_by_hand": [
        (lambda: (135, 21, 9, 1), "order is turned round"),
        (lambda: (108, 9, 21, 135), "108 is the value of L"),
        (lambda: (0, 9, 21, 135), "the sweep begins with"),
        (lambda: (1, 12, 21, 135), "you took v itself"),
        (lambda: (1, 9, 12, 81), "add what comes from v"),
        (lambda: (1, 9, 9, 63), "add what comes from L"),
        (lambda: (1, 9, 108, 135), "you multiplied them"),
        (lambda: (1, 9, 21, 126), "x has a third edge"),
        (lambda: (1, 9, 21, 72), "two edges from x"),
        (lambda: (1, 9, 21, 9), "must not overwrite"),
        (lambda: (1, 9, 21, 81), "u was not complete"),
        (lambda: (1, 9, 21, 100), "the gradient of x is not 100"),
    ],
    "jvp_and_vjp": [
        (lambda x, v, u, A, B: (B @ (A @ v), A.T @ (B.T @ u)), "J v: the slopes of the sine are missing"),
        (_products(lambda x, A: np.sin(A @ x)), "J v: the slope of the sine is the cosine"),
        (_products(lambda x, A: -np.cos(A @ x)), "J v: the sign is flipped"),
        (lambda x, v, u, A, B: (B @ np.sin(A @ v), A.T @ (np.cos(A @ x) * (B.T @ u))), "that is f(v)"),
        (_products(seed=lambda u: np.ones_like(u)), "u is not used"),
        (lambda x, v, u, A, B: _products()(x, v, u, A, B)[::-1], "two results are swapped"),
        (lambda x, v, u, A, B: (B @ np.sin(A @ (x + v)) - B @ np.sin(A @ x), u), "as long as v"),
        (_products_by_columns, "column by column"),
        (_products_measured, "J v: right to a few digits only"),
        (_products_with_jacobian, "it built an array of 1,200,000 numbers"),
        (lambda x, v, u, A, B: _products()(x, v, u, A, B)[1], "wanted a pair of vectors"),
        (lambda x, v, u, A, B: (_products()(x, v, u, A, B)[0], 2 * _products()(x, v, u, A, B)[1]), "J^T u: got ["),
    ],
    "pull_back": [
        (_back(add=False), "a share overwrites what was there"),
        (_back(lambda edges, u: {n: float(n in u) for n in edges}), "the weights are not used"),
        (_back(lambda edges, u: {n: u[n] * (n == list(u)[-1]) if n in u else 0.0 for n in edges}),
         "only one of the outputs counts"),
        (_back(order=list), "the sweep runs the wrong way"),
        (lambda edges, u: {n: float(n == u) for n in edges}, "every gradient is 0"),
        (lambda edges, u: _back()({n: [(p, 1.0) for p, _ in e] for n, e in edges.items()}, u),
         "the slopes are not used"),
        (_back(parents=lambda p: dict(p).items()), "two edges between the same nodes count as one"),
        (_weight_lost, "the weights are missing in the result"),
        (_weight_wins, "a weighted node may have consumers"),
        (_forward, "that is forward mode"),
        (lambda edges, u: {n: g for n, g in _back()(edges, u).items() if n in u}, "node 'x' is missing"),
        (lambda edges, u: list(_back()(edges, u).values()), "wanted a dictionary"),
    ],
    "gradients": [
        (_eager, "passes on its gradient before it is complete"),
        (lambda edges, output: _finish(edges, output, _order(edges, output)[0], add=False), "overwrites what was there"),
        (_pull_without_memo, "2^20 paths"),
        (_walk_objects, "walks each of the 2^20"),
        (lambda edges, output: _finish(edges, output, list(edges)[::-1]), "read the dictionary backwards"),
        (_breadth, "distance from the output"),
        (lambda edges, output: _finish(edges, output, _order(edges, output)[0], parents=lambda p: dict(p).items()),
         "count as one"),
        (lambda edges, output: _release(edges, output, edges), "waits for a consumer that the output does not depend on"),
        (_search_again_and_again, "square of the number of nodes"),
        (_search_from_every_node, "RecursionError: a path of 5,000 nodes"),
        (_cached_consumers, "too deep for a function that calls itself"),
        (_sweep_until_still, "or repeats the sweep"),
    ],
    "neuron_backward": [
        (_neuron(lambda z, a: 1 - z * z), "the bug is still there"),
        (_neuron_measured, "right to a few digits only"),
        (_neuron(penalty=0.0), "the gradient of the penalty is missing"),
        (_neuron(penalty=2.0), "the penalty is 1/2 w^2"),
        (_neuron(lambda z, a: 1.0), "the slope of tanh is missing"),
        (_neuron(upstream=lambda r: 1.0), "the upstream gradient r is missing"),
        (_neuron(lambda z, a: a * (1 - a)), "is the slope of the sigmoid"),
        (_neuron(lambda z, a: 1 - math.tanh(a) ** 2), "tanh is applied twice"),
        (_neuron(sign=-1), "sign of r is flipped"),
        (lambda w, b, x, y: (w, _neuron()(w, b, x, y)[1]), "overwrites the other"),
        (lambda w, b, x, y: _neuron()(w, b, x, y)[::-1], "two gradients are swapped"),
        (lambda w, b, x, y: _neuron()(w, b, x, y)[0], "wanted shape (2,)"),
    ],
    "crossover": [
        (lambda: (13, 43200, 84000), "must pay off first"),
        (lambda: (15, 43200, 84000), "the costs are equal"),
        (lambda: (12, 43200, 84000), "the sizes in between count"),
        (lambda: (16, 84000, 43200), "two costs are swapped"),
        (lambda: (16, 36000, 84000), "J3 J2, is missing"),
        (lambda: (16, 7200, 84000), "with J1, is missing"),
        (lambda: (16, 43200, 60000), "with J3, is missing"),
        (lambda: (16, 43200, 24000), "J2 J1, is missing"),
        (lambda: (1, 43200, 84000), "input end wins by far"),
        (lambda: (15.5, 43200, 84000), "whole numbers are wanted"),
        (lambda: (20, 43200, 84000), "the smallest n is not 20"),
        (lambda: 16, "wanted shape (3,)"),
    ],
    "dual_slope": [
        (lambda f, x: (f(x), (f(x + 6e-6) - f(x - 6e-6)) / 1.2e-5), "f was called 3 times"),
        (lambda f, x: ((y := np.broadcast_to(f(np.array([x + 1e-20j])), 1)[0]).real, y.imag / 1e-20), "or an array"),
        (lambda f, x: ((y := f(x + 1e-20j)).real, y.imag / 1e-20), "with a complex number"),
        (_dual(mul=lambda a, b: (a[0] * b[0], a[1] * b[1])), "slopes do not multiply"),
        (_dual(mul=lambda a, b: (a[0] * b[0], a[1] * b[0])), "has two terms"),
        (_dual(rsub=lambda a, b: (b[0] - a[0], b[1] - a[1])), "mind the order in __rsub__"),
        (_dual(truediv=lambda a, b: (a[0] / b[0], (a[1] * b[0] + a[0] * b[1]) / b[0] ** 2)), "has a minus"),
        (_dual(truediv=lambda a, b: (a[0] / b[0], (a[1] * b[0] - a[0] * b[1]) / b[0])), "divides by b^2"),
        (_dual(neg=lambda a, b: (-a[0], a[1])), "the minus belongs to the slope"),
        (_dual(rtruediv=lambda a, b: (b[0] / a[0], (b[1] * a[0] - a[1] * b[0]) / a[0] ** 2)), "upside down"),
        (lambda f, x: _dual()(f, x)[::-1], "value and slope are swapped"),
        (lambda f, x: (x, 1.0), "f was not called"),
    ],
}  # fmt: skip
