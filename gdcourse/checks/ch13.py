"""Checks of the exercises of "Build Value" (notebooks/13_scalar_autograd.ipynb)."""

import math

import numpy as np

from gdcourse.checks.core import Checker, Mistake, draw, is_close, numbers, run, want_close
from gdcourse.probes import ch13

check = Checker()


def made(answer, what, *data, places=None):
    """(value, slope in each input, number of edges, whether an input was changed) of the node that it makes."""
    places = list(places or range(len(data)))
    value, edges, changed = run(answer, what, list(data), places, probe=ch13.made)
    value, slopes = float(numbers(value, (), f"the data of {what}")), [0.0] * len(data)
    for place, slope in edges:
        slopes[place] += float(numbers(slope, (), f"a slope of {what}"))
    return value, slopes, len(edges), changed


@check.exercise(points=1)
def calls_by_hand(answer):
    got = numbers(run(answer), (3,), "(nodes, edges, gradient)")
    want_close(got[0], 4, "the number of nodes", [
        (5, "the plain 3 makes no node: a constant has no gradient."),
        (3, "3 - p calls __rsub__, which is made of two operations: a minus in front and a sum."),
        (2, "x itself is a node, too, and 3 - p makes two."),
    ], otherwise=f"{got[0]:g} is not the number of nodes: list the functions that Python calls, one by one.")  # fmt: skip
    want_close(got[1], 4, "the number of edges", [
        (3, "an edge belongs to each place: x stands in two places of x * x."),
        (5, "the plain 3 is nobody's parent: no edge starts at it."),
        (6, "plain numbers are nobody's parents: neither the 3 nor the -1 sends an edge."),
    ], otherwise=f"{got[1]:g} is not the number of edges: count, for each node, the Values it was made of.")  # fmt: skip
    want_close(got[2], -4, "the gradient", [
        (4, "the sign of the gradient is lost: the edge of the minus has slope -1."),
        (-2, "only one edge of x * x brings its share: the other adds another -2."),
        (2, "the gradient has two shares, and a minus in front."),
        (-1, "that is the value of y, or a gradient on the way; wanted that of x."),
    ], otherwise=f"the gradient of x is not {got[2]:g}: add slope times gradient over its edges.")  # fmt: skip


@check.exercise(points=1)
def two_sweeps_by_hand(answer):
    want_close(run(answer), [16, 1, 1], "(x.grad, y.grad, z.grad)", [
        ([12, 2, 1], "that is after the first sweep; the second begins at y."),
        ([4, 1, 1], "the second sweep does not overwrite x.grad: a leaf adds."),
        ([4, 1, 0], "that is the second sweep alone: what the first left in x and z is still there."),
        ([16, 1, 0], "z is no part of the second sweep, so z.grad keeps what the first one left."),
        ([16, 3, 1], "y.grad does not add: an inner node starts again, and the sweep begins with 1 at y."),
        ([24, 3, 1], "y starts again with 1 in the second sweep; you let it start with 3."),
        ([16, 2, 1], "the second sweep begins with 1 at y, and replaces what was there."),
        ([12, 1, 1], "the second sweep sends its shares on to x, too."),
        ([14, 1, 1], "x stands in two places of x * x: two edges bring a share each."),
        ([24, 2, 1], "the second sweep begins at y, not at z."),
    ], otherwise="not right: write down grad of x, y and z after the first sweep, then begin again with 1 at y.")  # fmt: skip


@check.exercise(points=2)
def sigmoid(answer):
    rng = draw(131)
    for at in [*rng.uniform(-3, 3, size=6).tolist(), 0.0, 8.0, -8.0, 800.0, -800.0]:
        try:
            value, (slope,), count, changed = made(answer, "sigmoid(x)", at)
        except Mistake as mistake:
            if "OverflowError" in str(mistake):
                raise Mistake(
                    f"at x = {at:g} math.exp overflows: use e^-x for x >= 0 and e^x for x < 0, never a large exponent."
                ) from None
            raise
        e = math.exp(-abs(at))
        s = 1 / (1 + e) if at >= 0 else e / (1 + e)
        true = e / (1 + e) ** 2
        want_close(value, s, f"the value at x = {at:.4g}", [
            (1 - s, f"the value is turned round at x = {at:.4g}: that is the sigmoid of -x. Are both signs of x right?"),
            (math.tanh(at), "that is tanh; wanted 1 / (1 + e^-x)."),
            (at, "the value is still x: data takes the result."),
        ], otherwise=f"the value at x = {at:.4g} is not 1 / (1 + e^-x).")  # fmt: skip
        want_close(slope, true, f"the slope at x = {at:.4g}", [
            (1.0, "the slope is 1 everywhere: write the derivative of the sigmoid at the edge."),
            (s, "the slope is the value itself, as for exp; here it is s (1 - s)."),
            (1 - s, "the slope has two factors, s and 1 - s."),
            (-true, "the sign of the slope is flipped: the sigmoid rises."),
            (1 - s * s, "1 - s^2 is the slope of tanh; here it is s (1 - s)."),
            (at * (1 - at), "the slope s (1 - s) takes s, the value of the result, not x."),
            (math.exp(-at) if at > -700 else 0.0, "the slope of 1 / u is -1 / u^2: divide by (1 + e^-x)^2."),
            (2 * true, "the slope is twice too large: is the edge there twice?"),
        ], otherwise=f"the slope at x = {at:.4g} is not the derivative of the sigmoid.")  # fmt: skip
        if changed:
            raise Mistake("it changed its input: only make a new node.")
        if count != 1:
            raise Mistake(f"one input, in one place: wanted one edge, got {count}.")


@check.exercise(points=2)
def maximum(answer):
    rng = draw(132)
    pairs = [*rng.normal(size=(6, 2)).tolist(), [1.5, 1.5], [0.0, 0.0], [-2.0, -2.0], [1.0, 1.0 + 1e-9]]
    for a, b in pairs:
        value, slopes, _, changed = made(answer, "maximum(x, y)", a, b)
        where = f"x = {a:.4g}, y = {b:.4g}"
        true = [0.5, 0.5] if a == b else [float(a > b), float(b > a)]
        want_close(value, max(a, b), f"the value at {where}", [
            (min(a, b), "that is the smaller one: wanted the larger."),
        ])  # fmt: skip
        want_close(slopes, true, f"the slopes at {where}", [
            ([1.0, 0.0], "at a tie all goes to x: x and y have the same right to it, so a half each."
             if a == b else "the slopes are swapped: the larger input gets 1."),
            ([0.0, 1.0], "at a tie all goes to y: x and y have the same right to it, so a half each."
             if a == b else "the slopes are swapped: the larger input gets 1."),
            ([1.0, 1.0], "at a tie both get 1: then maximum(x, x), which is x, would have the slope 2."
             if a == b else "both inputs get slope 1: the smaller one has no influence, slope 0."),
            ([0.0, 0.0], "at a tie no input gets anything: a half each."
             if a == b else "no input gets anything: the larger one has slope 1."),
            ([0.5, 0.5], "a half each is for ties only."),
            ([a, b], "the slopes are not the values: moving the larger input by h moves the result by h."),
            ([b, a], "those are the slopes of a product."),
        ])  # fmt: skip
        if changed:
            raise Mistake("it changed its input: only make a new node.")
    _, (slope,), *_ = made(answer, "maximum(x, x)", 0.7, places=(0, 0))
    want_close(
        slope, 1.0, "the slope of maximum(x, x)", otherwise="maximum(x, x) is x: its slopes must add up to 1."
    )


def gradients_of(table, output, before, fault=None):
    """The gradients after a sweep, computed on the table; with a typical fault when one is named."""
    reached = {output}
    for k in range(output, -1, -1):
        if k in reached:
            reached |= {p for p, _ in table[k]}
    grad = list(before)
    for k in reached:
        if table[k] and fault not in ("kept", "not reset") or fault == "cleared":
            grad[k] = 0.0
    grad[output] = grad[output] + 1.0 if fault == "kept" or not table[output] else 1.0
    if fault == "unseeded":
        grad[output] = 0.0
    if fault == "eager":
        return eager(table, output, grad)
    order = sorted(reached, reverse=fault != "forwards")
    for k in order:
        for p, s in dict(table[k]).items() if fault == "by node" else table[k]:
            grad[p] = (
                s * grad[k]
                if fault == "overwritten"
                else grad[p] + s * (1.0 if fault == "upstream" else grad[k])
            )
    return grad


def eager(table, k, grad):
    for p, s in table[k]:
        grad[p] += s * grad[k]
        eager(table, p, grad)
    return grad


FAULTS = {
    "cleared": "a leaf does not start again: it keeps what it had, and adds. Only inner nodes are set to 0.",
    "kept": "an inner node starts again with 0, the output with 1: what an old sweep left there is not to be sent again.",
    "not reset": "an old sweep left its gradients in the inner nodes, and they are sent again: set inner nodes to 0 first.",
    "eager": "a node sends its gradient on before it is complete, so early shares are sent twice (6 for the diamond's 4).",
    "by node": "two edges between the same nodes count as one: go through all the edges.",
    "overwritten": "a share overwrites what was there: a node used several times adds its shares, with +=.",
    "upstream": "a share is slope times gradient of the consumer; you send the slope alone.",
    "unseeded": "the gradient of the output in itself is 1: nothing was put there, or it was set to 0 again before the loop.",
    "forwards": "the sweep runs from parents to consumers: begin at the output.",
}


@check.exercise(points=3)
def backward(answer):
    rng = draw(133)
    tables = [[[], [(0, 2.0)], [(0, 3.0), (1, 5.0)]], [[], [(0, 1.0), (0, 1.0)], [(1, 1.0), (1, 1.0)]]]
    tables.append([[], [(0, 2.0)], [(1, 3.0)], [(1, 5.0), (2, 7.0)]])  # a short and a long way to node 1
    for n in (6, 7, 8, 9):
        table = [[], []]
        for k in range(2, n):
            parents = rng.integers(max(0, k - 4), k, size=rng.integers(1, 4)).tolist()
            table.append([(p, float(s)) for p, s in zip(parents, rng.choice([-2, -1, 2, 3], size=3))])
        tables.append(table)
    for table in tables:
        outputs = [len(table) - 1, len(table) - 1, len(table) - 2]  # the second sweep finds old gradients
        why = (
            f"it looks at the same nodes again and again: the graph has {len(table)} only. Does the loop end?"
        )
        grads = run(answer, table, outputs, why, probe=ch13.swept)
        for output, before, got in zip(outputs, [[0.0] * len(table), *grads], grads):
            want = gradients_of(table, output, before)
            mistakes = [(gradients_of(table, output, before, f), text) for f, text in FAULTS.items()]
            want_close(got, want, "the gradients", mistakes + [
                (before, "no gradient has changed: is anything written into node.grad?"),
            ], otherwise=f"the gradients of a graph of {len(table)} nodes are not the sums over its paths: do all "
               "consumers pay in before a node sends on?")  # fmt: skip
    why = "a graph of one node is too much for it: does the loop end?"
    want_close(run(answer, [[]], [0], why, 5.0, probe=ch13.swept)[0][0], 6.0, "a leaf as the output", [
        (1.0, "when the output is itself a leaf, with grad 5, it adds 1 to it: 6."),
        (5.0, "when the output is itself a leaf, with grad 5, it adds 1 to it: 6 (it gained nothing)."),
    ])  # fmt: skip
    table = [[]] + [[(k, 1.0), (k, 1.0)] for k in range(20)]
    why = "20 doublings have 2^20 paths, and it walks each by itself: send a node's gradient on once, when it is complete."
    (grad,) = run(answer, table, [20], why, probe=ch13.swept)
    want_close(grad[0], 2.0**20, "the gradient after 20 doublings")
    table = [[]] + [[(k, 1.0)] for k in range(5000)]
    why = "on a chain of 5,000 nodes the work grows like the square of their number: look at each edge once or twice."
    (grad,) = run(answer, table, [5000], why, probe=ch13.swept)
    want_close(grad[0], 1.0, "the gradient at the end of a chain of 5,000 nodes")


@check.exercise(points=2)
def divide(answer):
    rng = draw(134)
    for _ in range(5):
        a, b = (rng.uniform(0.5, 3, size=2) * rng.choice([-1, 1], size=2)).tolist()
        value, slopes, _, changed = made(answer, "divide(x, y)", a, b)
        where = f"x = {a:.4g}, y = {b:.4g}"
        want_close(value, a / b, f"the value at {where}", [
            (b / a, "the value is upside down: x over y."),
            (a, "the value is x: the division is gone."),
        ])  # fmt: skip
        true = [1 / b, ((a / (b + 1e-20j)).imag) / 1e-20]
        want_close(slopes, true, f"the slopes at {where}", [
            ([1 / b, -a / b**3], "the bug is still there: the last slope takes the new value, out.data, for x."),
            ([1 / b, a / b**2], "the sign of the slope in y is flipped: x / y falls as y grows, for positive numbers."),
            ([1 / b, -1 / b**2], "the slope in y keeps the factor x: -x / y^2."),
            ([1 / b, -a / b], "the slope in y: divide x by y squared, or out.data by y."),
            ([b, -a / b**2], "the slope in x is 1 / y, not y."),
            ([1.0, -a / b**2], "the slope in x is 1 / y, not 1."),
            ([b, a], "those are the slopes of a product."),
            (true[::-1], "the two slopes are swapped."),
            ([1 / b, 0.0], "y has lost its edge: it has a gradient, too."),
            ([0.0, true[1]], "x has lost its edge: it has a gradient, too."),
        ], otherwise=f"the slopes at {where} are not those of x / y.")  # fmt: skip
        if changed:
            raise Mistake("it changed its input: the division belongs into a new node.")


@check.exercise(points=2)
def vanish(answer):
    got = numbers(run(answer), (2,), "(steps of the sigmoid, steps of tanh)")
    if np.any(got != np.round(got)):
        raise Mistake("whole numbers are wanted: counts of steps.")
    if is_close(got, [2995, 8]):
        raise Mistake("the two counts are swapped: the sigmoid first.")
    want_close(got[0], 8, "the steps of the sigmoid", [
        (7, "7 steps of the sigmoid leave a gradient above the limit: one more."),
        (9, "9 is one more than needed: 8 steps of the sigmoid are below already. Which k do you count from?"),
        (10, "10 steps would bring the sigmoid below 1e-6; the limit is 1e-5."),
    ], otherwise=f"{got[0]:g} is not the first count for the sigmoid: print the gradients for k = 1, 2, 3, ...")  # fmt: skip
    want_close(got[1], 2995, "the steps of tanh", [
        (2994, "2994 steps of tanh leave a gradient above the limit: one more."),
        (2996, "2996 is one more than needed: 2995 are below already."),
        (644, "644 steps bring tanh below 1e-4; the limit is 1e-5."),
        (13911, "13911 steps bring tanh below 1e-6; the limit is 1e-5."),
        (8, "tanh is far slower than the sigmoid: at 0 its slope is 1, so the gradient falls ever more slowly."),
    ], otherwise=f"{got[1]:g} is not the first count for tanh: try 1,000, then more; halve the interval.")  # fmt: skip


DERIVATIVES = {  # the first and the second of the polynomials of the probe
    "t * t": (lambda x: 2 * x, lambda x: 2.0),
    "t * t * t": (lambda x: 3 * x * x, lambda x: 6 * x),
    "5 * t + 1": (lambda x: 5.0, lambda x: 0.0),
    "1 + t * 2 * t": (lambda x: 4 * x, lambda x: 4.0),
    "3 - t * t * t": (lambda x: -3 * x * x, lambda x: -6 * x),
    "(t - 2) * -t": (lambda x: 2 - 2 * x, lambda x: -2.0),
    "u * u + t, u = t * t + t": (
        lambda x: 4 * x**3 + 6 * x**2 + 2 * x + 1,
        lambda x: 12 * x**2 + 12 * x + 2,
    ),
}


@check.exercise(points=3)
def second_derivative(answer):
    places = draw(135).uniform([1.1, -0.9, 2.1], [1.4, -0.6, 2.9]).round(3).tolist()
    for name, (first, second) in DERIVATIVES.items():
        for x in places:
            result, f = run(answer, name, x, probe=ch13.once), ch13.POLYNOMIALS[name]
            a, b, at = first(x), second(x), f"of f(t) = {name} at {x}"
            got = numbers(result, (2,), f"first and second derivative {at}")
            if is_close(got, [f(x), a]) and not is_close([f(x), a], [a, b]):
                raise Mistake(
                    "those are the value and the first derivative: wanted the first and the second."
                )
            if is_close(got, [b, a]) and not is_close(a, b):
                raise Mistake("the two are swapped: the first derivative first.")
            want_close(got[0], a, f"the first derivative {at}", [
                (f(x), "that is the value of f: look into x.grad."),
                (-a, "the sign of the first derivative is flipped."),
            ], rtol=1e-12, atol=1e-12)  # fmt: skip
            want_close(got[1], b, f"the second derivative {at}", [
                (a, "the first derivative stands twice: the second is in the dual part of x.grad."),
                (b / 2, "half of it: a Taylor coefficient is the second derivative over 2."),
                (2 * b, "twice too large: does the dual number start with slope 1?"),
                (a * a, "that is the square of the first derivative, not the derivative of it."),
                (0.0, "it is zero: the local slopes must be dual numbers, too, so data must be one from the start."),
                (-b, "the sign of the second derivative is flipped."),
            ], rtol=1e-12, atol=1e-12)  # fmt: skip
