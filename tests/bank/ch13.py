"""Right and wrong answers to the exercises of "Build Value"."""

import math
from collections import deque
from fractions import Fraction

import numpy as np

from gdcourse.scalar import Value, topological_order


def _sigmoid(slope=lambda s, x: s * (1 - s), value=lambda s: s):
    def answer(x):
        e = math.exp(-abs(x.data))
        s = 1 / (1 + e) if x.data >= 0 else e / (1 + e)
        return Value(value(s), (x, slope(s, x.data)))

    return answer


def _sigmoid_by_tanh(x):
    t = math.tanh(x.data / 2)
    return Value(0.5 + 0.5 * t, [x, 0.25 * (1 - t * t)])


def _sigmoid_by_hand_made_node(x):
    class Node:
        grad = 0.0

    node = Node()
    with np.errstate(over="ignore"):
        node.data = float(1 / (1 + np.exp(-np.float64(x.data))))
    e = math.exp(-abs(x.data))
    node.edges = [(x, e / (1 + e) ** 2)]
    return node


def _maximum(tie=(0.5, 0.5), win=(1.0, 0.0), value=max):
    def answer(x, y):
        if x.data == y.data:
            slopes = tie
        else:
            slopes = win if x.data > y.data else win[::-1]
        return Value(value(x.data, y.data), *zip((x, y), slopes))

    return answer


def _maximum_without_zeros(x, y):
    if x.data == y.data:
        return Value(x.data, (x, 0.5), (y, 0.5))
    winner = x if x.data > y.data else y
    return Value(winner.data, (winner, 1.0))


def _maximum_by_sign(x, y):
    slope = (1 + np.sign(x.data - y.data)) / 2
    return Value((x.data + y.data + abs(x.data - y.data)) / 2, (y, 1 - slope), (x, slope))


def _sweep(order, reset=True, seed=lambda out: 1.0 if out.edges else out.grad + 1.0, add=True, edges=lambda e: e,
           share=lambda slope, grad: slope * grad):  # fmt: skip
    """Sweep over ``order(output)``, consumers first, with faults."""

    def answer(output):
        nodes = order(output)
        for node in nodes:
            if reset is True and node.edges or reset == "all":
                node.grad = 0.0
        output.grad = seed(output)
        for node in nodes:
            for parent, slope in edges(node.edges):
                parent.grad = (parent.grad if add else 0.0) + share(slope, node.grad)
        return output

    return answer


def _down(output):
    return topological_order(output)[::-1]


def _recursive(output):
    order, seen = [], set()

    def visit(node):
        if node not in seen:
            seen.add(node)
            for parent, _ in node.edges:
                visit(parent)
            order.insert(0, node)

    visit(output)
    return order


def _breadth(output):
    order = [output]
    for node in order:
        order += [p for p in dict(node.edges) if p not in set(order)]
    return order


def _never_pops(output):
    order, seen, stack = [], set(), [output]
    while stack:
        node = stack[-1]
        if node not in seen:
            seen.add(node)
            order.append(node)
            stack += [parent for parent, _ in node.edges]
    return order


def _seen_in_a_list(output):
    order, stack = [], [(output, False)]
    while stack:
        node, done = stack.pop()
        if done:
            order.append(node)
        elif node not in order and (node, True) not in stack:
            stack.append((node, True))
            stack += [(parent, False) for parent, _ in node.edges]
    return order[::-1]


def _kahn(output):
    """Count consumers; a node is ready when all have come."""
    edges, waiting, queue = {output: list(output.edges)}, {output: 0}, deque([output])
    while queue:
        for parent, _ in edges[queue.popleft()]:
            if parent not in edges:
                edges[parent] = list(parent.edges)
                queue.append(parent)
            waiting[parent] = waiting.get(parent, 0) + 1
    order, ready = [], [output]
    while ready:
        order.append(ready.pop())
        for parent, _ in edges[order[-1]]:
            waiting[parent] -= 1
            if not waiting[parent]:
                ready.append(parent)
    return order


def _iterators(output):
    order, seen, stack = [], {output}, [(output, iter(output.edges))]
    while stack:
        node, parents = stack[-1]
        for parent, _ in parents:
            if parent not in seen:
                seen.add(parent)
                stack.append((parent, iter(parent.edges)))
                break
        else:
            order.append(node)
            stack.pop()
    return order[::-1]


def _gradients_aside(output):
    """The gradients in a dictionary first, written into the nodes at the end."""
    order = _kahn(output)
    grad = dict.fromkeys(order, 0.0) | {output: 1.0}
    for node in order:
        for parent, slope in node.edges:
            grad[parent] += slope * grad[node]
    for node in order:
        node.grad = grad[node] if len(node.edges) else node.grad + grad[node]
    return output


def _eager(output):
    for node in _down(output):
        if node.edges:
            node.grad = 0.0
    output.grad = 1.0

    def visit(node):
        for parent, slope in node.edges:
            parent.grad += slope * node.grad
            visit(parent)

    visit(output)
    return output


def _path_by_path(output):
    for node in _down(output):
        if node.edges:
            node.grad = 0.0

    def visit(node, share):
        node.grad += share
        for parent, slope in node.edges:
            visit(parent, slope * share)

    visit(output, 1.0)
    return output


def _divide(slopes, value=lambda x, y: x / y):
    def answer(x, y):
        return Value(value(x.data, y.data), *zip((x, y), slopes(x.data, y.data)))

    return answer


def _divide_bug(x, y):
    out = Value(x.data)
    out.data /= y.data
    out.edges = ((x, 1 / y.data), (y, -out.data / y.data**2))
    return out


def _divide_repaired(x, y):
    out = Value(x.data)
    out.edges = ((x, 1 / y.data), (y, -out.data / y.data**2))
    out.data /= y.data
    return out


def _divide_by_logs(x, y):
    q = x.data * y.data**-1
    return Value(q, (y, q * -1 / y.data), (x, q / x.data))


def _divide_in_place(x, y):
    slopes = 1 / y.data, -x.data / y.data**2
    x.data /= y.data
    return Value(x.data, (x, slopes[0]), (y, slopes[1]))


def _first(step, limit=1e-5):
    value, slope, k = 1.0, 1.0, 0
    while slope >= limit:
        value, local = step(value)
        slope, k = slope * local, k + 1
    return k


def _steps(v):
    s = 1 / (1 + math.exp(-v))
    return s, s * (1 - s)


def _tanh(v):
    return math.tanh(v), 1 / math.cosh(v) ** 2


def _vanish_with_values():
    """All gradients of tanh from one chain: y_k in x is the product of the slopes on the way."""
    counts = []
    for step in (lambda v: (1 + (-v).exp()) ** -1, lambda v: v.tanh()):
        v, total, k = Value(1.0), 1.0, 0
        while total >= 1e-5:
            leaf = Value(v.data)
            v, k = step(leaf), k + 1
            v.backward()
            total *= leaf.grad
        counts.append(k)
    return counts


def _jet(f, x, parts=lambda c: (c[1], 2 * c[2])):
    """Truncated Taylor series: t = x + h, coefficients up to h^2."""

    class Jet:
        def __init__(self, c):
            self.c = np.asarray(c, dtype=float)

        def __add__(self, other):
            return Jet(self.c + of(other).c)

        def __mul__(self, other):
            return Jet(np.convolve(self.c, of(other).c)[:3])

        __radd__, __rmul__ = __add__, __mul__
        __neg__ = lambda self: self * -1.0
        __sub__ = lambda self, other: self + -of(other)
        __rsub__ = lambda self, other: -self + other

    of = lambda a: a if isinstance(a, Jet) else Jet([a, 0, 0])
    return parts(of(f(Jet([x, 1, 0]))).c)


def _dual_in_value(rule=lambda a, b: a[1] * b[0] + a[0] * b[1], seed=1.0, parts=lambda y, g: g):
    def answer(f, x):
        class D(tuple):
            __slots__ = ()
            __add__ = lambda a, b: D((a[0] + of(b)[0], a[1] + of(b)[1]))
            __mul__ = lambda a, b: D((a[0] * of(b)[0], rule(a, of(b))))
            __radd__, __rmul__ = __add__, __mul__

        of = lambda a: a if isinstance(a, D) else D((a, 0.0))
        t = Value(D((x, seed)))
        y = f(t)
        y.backward()
        return parts(of(y.data), of(t.grad))

    return answer


def _matrix_in_value(f, x):
    """A dual number as the matrix ((v, s), (0, v))."""

    class M:
        __array_ufunc__ = None

        def __init__(self, table):
            self.t = table

        def __add__(self, other):
            return M(self.t + of(other))

        def __mul__(self, other):
            return M(self.t @ of(other))

        __radd__, __rmul__ = __add__, __mul__

    of = lambda a: a.t if isinstance(a, M) else a * np.eye(2)
    t = Value(M(np.array([[x, 1.0], [0.0, x]])))
    f(t).backward()
    return of(t.grad)[0]


def _plain_value(f, x):
    t = Value(x)
    f(t).backward()
    return t.grad, 0.0


def _differences(f, x):
    def slope(at):
        t = Value(at)
        f(t).backward()
        return t.grad

    return slope(x), (slope(x + 6e-6) - slope(x - 6e-6)) / 1.2e-5


RIGHT = {
    "calls_by_hand": [
        lambda: [4.0, 4.0, -4.0],
        lambda: (4, 4, Fraction(-4)),
        lambda: np.array([4, 4, -2 * 2]),
    ],
    "two_sweeps_by_hand": [
        lambda: [16.0, 1.0, 1.0],
        lambda: (3 * 2**2 + 2 * 2, 1, 1),
        lambda: np.array([16, 1, 1]),
    ],
    "sigmoid": [_sigmoid(), _sigmoid_by_tanh, _sigmoid_by_hand_made_node],
    "maximum": [_maximum(), _maximum_without_zeros, _maximum_by_sign],
    "backward": [_sweep(_kahn), _sweep(_iterators), _gradients_aside],
    "divide": [_divide_repaired, _divide_by_logs, _divide(lambda x, y: (1 / y, -x / y**2))],
    "vanish": [
        lambda: [8, 2995],
        lambda: np.array([_first(_steps), _first(_tanh)]),
        _vanish_with_values,
    ],
    "second_derivative": [_jet, _dual_in_value(), _matrix_in_value],
}

WRONG = {
    "calls_by_hand": [
        (lambda: (5, 4, -4), "a constant has no gradient"),
        (lambda: (3, 4, -4), "made of two operations"),
        (lambda: (2, 4, -4), "x itself is a node"),
        (lambda: (7, 4, -4), "7 is not the number of nodes"),
        (lambda: (4, 3, -4), "x stands in two places"),
        (lambda: (4, 5, -4), "the plain 3 is nobody's parent"),
        (lambda: (4, 6, -4), "neither the 3 nor the -1"),
        (lambda: (4, 4, 4), "the sign of the gradient is lost"),
        (lambda: (4, 4, -2), "the other adds another"),
        (lambda: (4, 4, -1), "that is the value of y"),
        (lambda: (4, 4, 9), "the gradient of x is not 9"),
        (lambda: (4, 4), "wanted shape (3,)"),
    ],
    "two_sweeps_by_hand": [
        (lambda: (12, 2, 1), "after the first sweep; the second"),
        (lambda: (4, 1, 1), "does not overwrite x.grad"),
        (lambda: (4, 1, 0), "the second sweep alone"),
        (lambda: (16, 1, 0), "z is no part of the second sweep"),
        (lambda: (16, 3, 1), "y.grad does not add"),
        (lambda: (24, 3, 1), "you let it start with 3"),
        (lambda: (16, 2, 1), "replaces what was there"),
        (lambda: (12, 1, 1), "sends its shares on to x"),
        (lambda: (14, 1, 1), "two edges bring a share each"),
        (lambda: (24, 2, 1), "begins at y, not at z"),
        (lambda: (1, 2, 3), "write down grad of x, y and z"),
    ],
    "sigmoid": [
        (lambda x: 1 / (1 + (-x).exp()), "make ONE new node"),
        (lambda x: Value((s := 1 / (1 + math.exp(-x.data))), (x, s * (1 - s))), "math.exp overflows"),
        (_sigmoid(lambda s, x: 1.0), "the slope is 1 everywhere"),
        (_sigmoid(lambda s, x: s), "as for exp; here"),
        (_sigmoid(lambda s, x: x * (1 - x)), "the value of the result, not x"),
        (_sigmoid(lambda s, x: s * (s - 1)), "the sign of the slope is flipped"),
        (_sigmoid(lambda s, x: 1 - s * s), "is the slope of tanh; here"),
        (lambda x: Value(math.tanh(x.data), (x, 1.0)), "that is tanh; wanted"),
        (_sigmoid(value=lambda s: 1 - s), "the value is turned round"),
        (lambda x: Value(_sigmoid()(x).data), "the node has no edges"),
        (lambda x: _sigmoid()(x).data, "wanted a Value, got float"),
        (lambda x: Value((v := _sigmoid()(x)).data, (Value(x.data), v.edges[0][1])), "straight from the input"),
    ],
    "maximum": [
        (_maximum((1.0, 0.0)), "at a tie all goes to x"),
        (_maximum((0.0, 1.0)), "at a tie all goes to y"),
        (_maximum((1.0, 1.0)), "at a tie both get 1"),
        (_maximum((0.0, 0.0)), "at a tie no input gets anything"),
        (_maximum(win=(0.0, 1.0)), "the slopes are swapped"),
        (_maximum(win=(1.0, 1.0)), "both inputs get slope 1"),
        (_maximum(win=(0.5, 0.5)), "a half each is for ties only"),
        (_maximum(value=min), "that is the smaller one"),
        (lambda x, y: x if x.data > y.data else y, "returned its input itself"),
        (lambda x, y: (x + y) / 2, "make ONE new node"),
        (lambda x, y: Value(max(x.data, y.data), x, y), "each edge is a pair"),
        (lambda x, y: max(x.data, y.data), "wanted a Value, got float"),
    ],
    "backward": [
        (_eager, "sends its gradient on before it is complete"),
        (_path_by_path, "2^20 paths"),
        (_sweep(_down, reset="all"), "a leaf does not start again"),
        (_sweep(_down, reset=False), "set inner nodes to 0 first"),
        (_sweep(_down, edges=lambda e: dict(e).items()), "count as one"),
        (_sweep(_down, add=False), "a share overwrites"),
        (_sweep(_down, share=lambda slope, grad: slope), "you send the slope alone"),
        (_sweep(_recursive), "RecursionError: a path of 5,001 nodes"),
        (_sweep(_down, seed=lambda out: 1.0), "it adds 1 to it: 6."),
        (_sweep(_breadth), "do all consumers pay in"),
        (_sweep(_never_pops), "Does the loop end"),
        (_sweep(_seen_in_a_list), "grows like the square"),
    ],
    "divide": [
        (_divide_bug, "the bug is still there"),
        (_divide(lambda x, y: (1 / y, x / y**2)), "the sign of the slope in y is flipped"),
        (_divide(lambda x, y: (1 / y, -1 / y**2)), "keeps the factor x"),
        (_divide(lambda x, y: (1 / y, -x / y)), "divide x by y squared"),
        (_divide(lambda x, y: (y, -x / y**2)), "the slope in x is 1 / y, not y"),
        (_divide(lambda x, y: (1.0, -x / y**2)), "the slope in x is 1 / y, not 1."),
        (_divide(lambda x, y: (y, x)), "slopes of a product"),
        (_divide(lambda x, y: (-x / y**2, 1 / y)), "the two slopes are swapped"),
        (lambda x, y: Value(x.data / y.data, (x, 1 / y.data)), "y has lost its edge"),
        (_divide(lambda x, y: (1 / y, -x / y**2), lambda x, y: y / x), "the value is upside down"),
        (_divide_in_place, "it changed its input"),
        (lambda x, y: x * y**-1, "make ONE new node"),
    ],
    "vanish": [
        (lambda: (2995, 8), "two counts are swapped"),
        (lambda: (7, 2995), "7 steps of the sigmoid leave"),
        (lambda: (9, 2995), "9 is one more than needed"),
        (lambda: (10, 13911), "10 steps would bring"),
        (lambda: (8, 2994), "2994 steps of tanh leave"),
        (lambda: (8, 2996), "2996 is one more"),
        (lambda: (8, 644), "below 1e-4"),
        (lambda: (8, 13911), "bring tanh below 1e-6"),
        (lambda: (8, 8), "tanh is far slower"),
        (lambda: (8, 3000), "3000 is not the first count for tanh"),
        (lambda: (8.5, 2995), "whole numbers are wanted"),
        (lambda: (5, 2995), "5 is not the first count for the sigmoid"),
    ],
    "second_derivative": [
        (_plain_value, "it is zero: the local slopes"),
        (_differences, "f was called 3 times"),
        (lambda f, x: (x, f(x)), "with a plain number"),
        (lambda f, x: (1.0, 2.0), "f was not called"),
        (lambda f, x: _dual_in_value()(f, x)[::-1], "the two are swapped"),
        (_dual_in_value(parts=lambda y, g: (g[0], g[0])), "the first derivative stands twice"),
        (lambda f, x: _jet(f, x, parts=lambda c: (c[1], c[2])), "a Taylor coefficient"),
        (_dual_in_value(seed=2.0), "does the dual number start with slope 1"),
        (_dual_in_value(parts=lambda y, g: y), "the value and the first derivative"),
        (_dual_in_value(parts=lambda y, g: (g[0], -g[1])), "sign of the second derivative"),
        (_dual_in_value(parts=lambda y, g: (g[0], g[0] ** 2)), "the square of the first derivative"),
        (_dual_in_value(rule=lambda a, b: a[1] * b[0] + 2 * a[0] * b[1]), "the second derivative of f(t) = t * t * t at"),
    ],
}  # fmt: skip
