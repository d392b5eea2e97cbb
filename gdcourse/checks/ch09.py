"""Checks of the exercises of "Follow a graph" (notebooks/09_chain_rule.ipynb)."""

import numpy as np

from gdcourse.checks.core import Checker, Mistake, draw, is_close, numbers, run, short, want_close
from gdcourse.probes import ch09

check = Checker()


@check.exercise(points=1)
def chain_by_hand(answer):
    first, second, third, whole = numbers(run(answer), (4,), "three slopes and the derivative")
    want_close(first, 3.0, "the slope of u in x", [
        (2.0, "2 is the value of u = 3x - 1; wanted its slope."),
        (-1.0, "-1 is the constant of 3x - 1; its slope is the factor of x."),
    ], otherwise=f"the slope of u = 3x - 1 is not {first:g}.")  # fmt: skip
    want_close(second, 4.0, "the slope of v in u", [
        (2.0, "the slope of 1 + u^2 is 2u: take it at u, which is 2, not at x = 1."),
        (5.0, "5 is the value of v; wanted its slope in u."),
        (12.0, "that is the slope of v in x; wanted the slope of this one step, in u."),
    ], otherwise=f"the slope of v = 1 + u^2 in u is not {second:g}: take it at the value of u.")  # fmt: skip
    want_close(third, -0.04, "the slope of y in v", [
        (0.04, "the sign is lost: 1/v falls as v grows."),
        (0.2, "that is the value of y; wanted the slope of 1/v."),
        (-0.2, "the slope of 1/v is -1/v^2: square the v."),
        (-0.25, "the slope of 1/v is taken at u; take it at the value of v."),
        (-1.0, "the slope of 1/v is taken at x; take it at the value of v."),
    ], otherwise=f"the slope of y = 1/v is not {third:g}: differentiate 1/v, at the value of v.")  # fmt: skip
    want_close(whole, -0.48, "the derivative", [
        (6.96, "slopes in a row multiply; you added them."),
        (0.48, "a sign is lost on the way: one of the three slopes is negative."),
        (-0.16, "the inner slope is missing: multiply all three."),
        (-0.12, "the middle slope is missing: multiply all three."),
        (12.0, "the outer slope is missing: multiply all three."),
    ], otherwise=f"the derivative is not {whole:g}: it is the product of the three slopes.")  # fmt: skip


@check.exercise(points=1)
def fan_out_by_hand(answer):
    itself, v, u, x = numbers(run(answer), (4,), "the gradients of L, v, u and x")
    if is_close([itself, v, u, x], [135, 21, 9, 1]):
        raise Mistake("the order is turned round: return the gradients in L, v, u, x.")
    want_close(itself, 1.0, "the gradient of L in L", [
        (108.0, "108 is the value of L; wanted the gradient of L in itself."),
        (0.0, "the sweep begins with the gradient of L in itself: how fast does L change when L does?"),
    ], otherwise=f"the gradient of L in itself is not {itself:g}.")  # fmt: skip
    want_close(v, 9.0, "the gradient of v", [
        (12.0, "the slope at the edge from v to L is u; you took v itself."),
    ], otherwise=f"the gradient of v is not {v:g}: L = u v has one edge from v.")  # fmt: skip
    want_close(u, 21.0, "the gradient of u", [
        (12.0, "u has two consumers: add what comes from v."),
        (9.0, "u has two consumers: add what comes from L."),
        (13.0, "the share from v is the slope 1 times the gradient of v."),
        (108.0, "u has two consumers, and their shares add; you multiplied them."),
    ], otherwise=f"the gradient of u is not {u:g}: add a share from L and a share from v.")  # fmt: skip
    want_close(x, 135.0, "the gradient of x", [
        (126.0, "x has a third edge, into v: add its share."),
        (72.0, "x . x has two edges from x: each of them carries a share."),
        (63.0, "x has three edges, two into u and one into v: add all shares."),
        (9.0, "the shares of x add: the last one must not overwrite the others."),
        (81.0, "u was not complete when it was passed on: it gets a share from v, too."),
    ], otherwise=f"the gradient of x is not {x:g}: three edges leave x.")  # fmt: skip


@check.exercise(points=2)
def jvp_and_vjp(answer):
    rng = draw(91)
    for n, p, q in ((3, 4, 6), (5, 2, 4), (2, 3, 5)):
        A, B = rng.normal(size=(p, n)), rng.normal(size=(q, p))
        x, v, u = rng.normal(size=n), rng.normal(size=n), rng.normal(size=q)
        push, pull = _pair(run(answer, x, v, u, A, B))
        f = lambda x, A=A, B=B: B @ np.sin(A @ x)
        J = np.array([(f(x + 1e-20j * e) / 1e-20).imag for e in np.eye(n)]).T  # (q, n)
        s, c = np.sin(A @ x), np.cos(A @ x)
        at_v, at_u = np.cos(A @ v), np.cos(B.T @ u)
        if np.shape(push) == (n,) and np.shape(pull) == (q,):
            raise Mistake(f"the two results are swapped: J v has the shape ({q},), J^T u has ({n},).")
        _exact(push, J @ v, "J v")
        want_close(push, J @ v, "J v", [
            (B @ (A @ v), "J v: the slopes of the sine are missing: multiply by cos(A x), entry by entry."),
            (B @ (s * (A @ v)), "J v: the slope of the sine is the cosine."),
            (B @ (-c * (A @ v)), "J v: the sign is flipped: the slope of the sine is +cos."),
            (B @ (at_v * (A @ v)), "J v: the slope of the sine is taken at A v; take it at A x."),
            (B @ np.sin(A @ v), "J v: that is f(v); wanted the Jacobian at x times v."),
            (f(x + v) - f(x), "J v: that is the rise for a step as long as v; J v is the tangent's."),
        ], rtol=1e-12, atol=1e-12)  # fmt: skip
        _exact(pull, J.T @ u, "J^T u")
        want_close(pull, J.T @ u, "J^T u", [
            (A.T @ (B.T @ u), "J^T u: the slopes of the sine are missing: multiply by cos(A x), entry by entry."),
            (A.T @ (c * B.sum(axis=0)), "J^T u: u is not used; that is right only when u is all ones."),
            (A.T @ (s * (B.T @ u)), "J^T u: the slope of the sine is the cosine."),
            (A.T @ (-c * (B.T @ u)), "J^T u: the sign is flipped: the slope of the sine is +cos."),
            (A.T @ (at_u * (B.T @ u)), "J^T u: the slope of the sine is taken at B^T u; take it at A x."),
        ], rtol=1e-12, atol=1e-12)  # fmt: skip
    n, p, q = 1200, 2, 1000
    A, B = rng.normal(size=(p, n)), rng.normal(size=(q, p))
    x, v, u = rng.normal(size=n), rng.normal(size=n), rng.normal(size=q)
    largest, total = run(answer, x, v, u, A, B, probe=ch09.sizes)
    if largest > 10 * p * n:
        raise Mistake(
            f"the numbers are right, but for n = {n}, p = {p}, q = {q} it built an array of "
            f"{largest:,} numbers, a Jacobian. Put the brackets so that every product is a matrix "
            "times a vector."
        )
    if total > 100 * p * n:
        raise Mistake(
            f"the numbers are right, but for n = {n}, p = {p}, q = {q} it computed {total:,} numbers: a "
            "Jacobian, column by column or row by row? Put the brackets so that a few products are enough."
        )


def _exact(result, want, what):
    """Raise a Mistake when ``result`` is near ``want`` but not as near as rounding allows."""
    got = numbers(result, np.shape(want), what)
    if is_close(got, want, 1e-7, 1e-7) and not is_close(got, want, 1e-12, 1e-12):
        raise Mistake(f"{what}: right to a few digits only, as a difference is: use the slopes themselves.")


def _pair(result):
    """The two entries of a pair; raises Mistake when ``result`` is none."""
    try:
        first, second = result
    except Exception:
        raise Mistake(f"wanted a pair of vectors (J v, J^T u), got {type(result).__name__}.") from None
    return first, second


def _truth(edges, u):
    """{node: gradient of sum u[k] k}: with the slopes in a table S, consumers' row, it solves g = u + S^T g."""
    names = list(edges)
    S = np.zeros((len(names), len(names)))
    for node, parents in edges.items():
        for parent, slope in parents:
            S[names.index(node), names.index(parent)] += slope
    weights = np.array([float(u.get(name, 0.0)) for name in names])
    return dict(zip(names, np.linalg.solve(np.eye(len(names)) - S.T, weights)))


def _graph(rng, n):
    """A random graph of ``n`` nodes, parents first, with whole slopes and some double edges."""
    edges = {"n0": [], "n1": []}
    for k in range(2, n):
        parents = rng.integers(max(0, k - 4), k, size=rng.integers(1, 4))
        edges[f"n{k}"] = [(f"n{p}", float(s)) for p, s in zip(parents, rng.choice([-2, -1, 1, 2, 3], size=3))]
    return edges


def _sweep(edges, u, order, overwrite=False, by_node=False, first=False):
    """A reverse sweep with a fault that is asked for."""
    grad = {node: float(u.get(node, 0.0)) for node in edges}
    for node in order:
        parents = edges[node]
        if by_node:  # a dictionary of slopes: double edges are lost
            parents = list(dict(parents).items())
        for parent, slope in parents[:1] if first else parents:
            grad[parent] = slope * grad[node] if overwrite else grad[parent] + slope * grad[node]
    return grad


def _values(result, edges, what="the result"):
    """The gradients as an array in the order of ``edges``; raises Mistake when they are not all there."""
    if not isinstance(result, dict):
        raise Mistake(f"wanted a dictionary {{node: gradient}}, got {type(result).__name__}.")
    for node in edges:
        if node not in result:
            raise Mistake(
                f"node {str(node)!r} is missing in {what}: every node has a gradient; it is 0 where the "
                "output does not depend on it."
            )
    return numbers([result[node] for node in edges], (len(edges),), "the gradients")


def _compare(got, edges, want, mistakes):
    """Raise a Mistake unless ``got`` equals the dictionary ``want``, naming the first of ``mistakes`` it equals."""
    names = list(edges)
    true = np.array([want[node] for node in names])
    if is_close(got, true):
        return
    for wrong, message in mistakes:
        if is_close(got, np.array([wrong[node] for node in names])):
            raise Mistake(message)
    k = next(i for i in range(len(got)) if not is_close(got[i], true[i]))
    graph = {str(node): [(str(p), s) for p, s in parents] for node, parents in edges.items()}
    raise Mistake(
        f"the gradient of {str(names[k])!r} is {short(got[k])}, wanted {short(true[k])}"
        + (f", in {graph}." if len(graph) <= 6 else f", in a graph of {len(graph)} nodes.")
    )


@check.exercise(points=2)
def pull_back(answer):
    rng = draw(92)
    two = {"x": [], "y": [("x", 3.0), ("x", 2.0)], "z": [("y", 4.0), ("x", -1.0)]}
    cases = [(two, {"z": 1.0}), (two, {"y": 2.0}), (two, {"y": 2.0, "z": -1.0}), (two, {"z": -3.0, "y": 0.5})]
    for n in (6, 8, 10):
        edges = _graph(rng, n)
        cases.append((edges, {f"n{n - 1}": 2.0, f"n{n - 3}": -1.0, "n1": 0.5}))
    for edges, u in cases:
        got, order = _values(run(answer, edges, u), edges), list(reversed(edges))
        ones = dict.fromkeys(u, 1.0)
        last = {k: u[k] for k in list(u)[-1:]}
        sent = _sweep(edges, u, order)
        _compare(got, edges, _truth(edges, u), [
            (dict.fromkeys(edges, 0.0),
             "every gradient is 0: u is a dictionary {node: weight}, not the name of one node."),
            (_sweep({k: [(p, 1.0) for p, _ in v] for k, v in edges.items()}, u, order),
             "the slopes are not used: send slope times gradient to each parent."),
            (_sweep(edges, u, order, overwrite=True),
             "a share overwrites what was there: a node with several consumers adds them, with +=."),
            (_sweep(edges, ones, order), "the weights are not used: start a node k of u with u[k], not with 1."),
            (_sweep(edges, last, order), "only one of the outputs counts: start each node of u with its weight."),
            (_sweep(edges, u, list(edges)),
             "the sweep runs the wrong way or stops early: begin at the last node and visit every node."),
            (_sweep(edges, u, order, by_node=True),
             "two edges between the same nodes count as one: go through the list of edges."),
            (_sweep(edges, u, order, first=True), "only the first parent of each node gets a share."),
            ({k: sent[k] - u.get(k, 0.0) for k in edges},
             "the weights are missing in the result: a weighted node starts with its own weight."),
            (_forward(edges, u), "that is forward mode: send from each node to its parents, the last node first."),
            ({k: u[k] if k in u else sent[k] for k in edges},
             "a weighted node may have consumers: add their shares to its weight."),
        ])  # fmt: skip


def _forward(edges, u):
    slope = {}
    for node, parents in edges.items():
        slope[node] = u.get(node, 0.0) + sum(s * slope[p] for p, s in parents)
    return slope


def _eager(edges, output):
    grad = dict.fromkeys(edges, 0.0)
    grad[output] = 1.0

    def visit(node):
        for parent, slope in edges[node]:
            grad[parent] += slope * grad[node]
            visit(parent)

    visit(output)
    return grad


def _breadth(edges, output):
    """The sweep in the order of a breadth-first search from the output, each node once."""
    order = [output]
    for node in order:
        order += [p for p, _ in dict(edges[node]).items() if p not in order]
    return _sweep(edges, {output: 1.0}, order)


def _small(answer, edges, output):
    what = "the gradients of a graph"
    why = (
        f"it looks at the same nodes again and again: the graph has {len(edges)} nodes only. Does the loop end, "
        "or does it walk each path by itself?"
    )
    result = run(answer, edges, output, why, probe=ch09.looked)
    got, u, order = _values(result, edges, what), {output: 1.0}, _post_order(edges, output)
    mistakes = [
        (_eager(edges, output),
         "a node passes on its gradient before it is complete, so early shares are sent twice (6 for the diamond's "
         "4): wait until all consumers have paid in."),
        (_sweep(edges, u, order, by_node=True),
         "two edges between the same nodes count as one: go through the list of edges."),
        (_sweep(edges, u, order, overwrite=True),
         "a share overwrites what was there: a node used several times adds its shares, with +=."),
        (_sweep(edges, u, _when_paid(edges, output, edges)),
         "a node waits for a consumer that the output does not depend on, so the sweep stops early: count only "
         "consumers on the way to the output."),
        (_sweep(edges, u, list(reversed(edges))),
         "you read the dictionary backwards, but its order is arbitrary: find a topological order first."),
        (_sweep(edges, u, list(edges)),
         "you read the dictionary from front to back, but its order is arbitrary: find a topological order first."),
        (_breadth(edges, output),
         "the nodes come in the order of their distance from the output; one with a short and a long way to it is "
         "passed on too early."),
        (_sweep(edges, u, order[::-1]),
         "the sweep runs from parents to consumers: begin at the output."),
    ]  # fmt: skip
    _compare(got, edges, _truth(edges, u), mistakes)


@check.exercise(points=3)
def gradients(answer):
    rng = draw(93)
    diamond = {"c": [("b", 1.0), ("b", 1.0)], "a": [], "b": [("a", 1.0), ("a", 1.0)]}
    skip = {"y": [("x", 3.0)], "z": [("x", 5.0), ("y", 2.0)], "x": [("v", 4.0)], "v": []}
    skip |= {"w": [("z", 7.0)], "s": [("y", 6.0)], "t": []}  # z does not depend on them
    for edges, output in ((skip, "z"), (diamond, "c"), (diamond, "b")):
        _small(answer, edges, output)
    doublings = {f"d{k}": [(f"d{k - 1}", 1.0)] * 2 if k else [] for k in range(20, -1, -1)}
    why = (
        "on 20 doublings it looks at the same edges again and again: it walks each of the 2^20 paths by itself, or "
        "repeats the sweep. Pass a node's gradient on once, when it is complete."
    )
    result = run(answer, doublings, "d20", why, probe=ch09.looked)
    _compare(_values(result, doublings), doublings, {f"d{k}": 2.0 ** (20 - k) for k in range(21)}, [])
    for n in (6, 8, 10, 10):
        edges = _graph(rng, n)
        name = dict(zip(edges, rng.permutation(list(edges)).tolist()))  # names that do not tell the order
        edges = {name[k]: [(name[p], s) for p, s in parents] for k, parents in edges.items()}
        shuffled = {k: edges[k] for k in rng.permutation(list(edges)).tolist()}
        _small(answer, shuffled, name[f"n{n - 1 - n % 3}"])
    order = [4999, 0, *range(2, 4999), 1]  # both ends deep, for a search from either end of the dictionary
    chain = {f"c{k}": [(f"c{k - 1}", 1.0)] if k else [] for k in order}
    why = (
        "on a chain of 5,000 nodes the work grows like the square of the number of nodes: look at each edge once or "
        "twice."
    )
    result = run(answer, chain, "c4999", why, probe=ch09.looked)
    if not is_close(_values(result, chain), 1.0):
        raise Mistake("on a chain of 5,000 nodes with slopes 1 every gradient is 1; yours are not.")


def _post_order(edges, output):
    """Consumers before parents, by counting consumers."""
    reached, stack = {output}, [output]
    while stack:
        for parent, _ in edges[stack.pop()]:
            if parent not in reached:
                reached.add(parent)
                stack.append(parent)
    return _when_paid(edges, output, reached)


def _when_paid(edges, output, consumers):
    """The nodes from the output on, each when all of its ``consumers`` have come."""
    waiting = dict.fromkeys(edges, 0)
    for node in consumers:
        for parent, _ in edges[node]:
            waiting[parent] += 1
    order = [output]
    for node in order:
        for parent, _ in edges[node]:
            waiting[parent] -= 1
            if not waiting[parent]:
                order.append(parent)
    return order


@check.exercise(points=2)
def neuron_backward(answer):
    rng = draw(94)
    for _ in range(4):
        w, x, z, r = rng.uniform(0.3, 1.2, size=4) * rng.choice([-1, 1], size=4)  # none near 0
        a = np.tanh(z)
        b, y = z - w * x, a - r
        loss = lambda w, b, x=x, y=y: (np.tanh(w * x + b) - y) ** 2 / 2 + w**2 / 2
        true = [loss(w + 1e-20j, b).imag / 1e-20, loss(w, b + 1e-20j).imag / 1e-20]
        slope = 1 - a * a
        pair = lambda g, keep=1.0: [g * x + keep * w, g]
        result = run(answer, w, b, x, y)
        _exact(result, true, "(dL/dw, dL/db)")
        want_close(result, true, "(dL/dw, dL/db)", [
            (pair(r * (1 - z * z)), "the bug is still there: 1 - z * z is not the slope of tanh at z. Look at grad_z."),
            (pair(r * slope, 0.0), "dL/dw: w is used twice; the gradient of the penalty is missing."),
            (pair(r * slope, 2.0), "dL/dw: the penalty is 1/2 w^2; its slope is w."),
            (pair(r), "the slope of tanh is missing in grad_z."),
            (pair(slope), "the upstream gradient r is missing in grad_z."),
            (pair(r * (1 - a)), "a (1 - a) and 1 - a belong to other functions; the slope of tanh is 1 - a^2."),
            (pair(r * a * (1 - a)), "a (1 - a) is the slope of the sigmoid; the slope of tanh is 1 - a^2."),
            (pair(r * (1 - np.tanh(a) ** 2)), "tanh is applied twice: its slope is 1 - tanh(z)^2, and tanh(z) is a."),
            (pair(-r * slope), "the sign of r is flipped: it is a - y."),
            ([r * slope + w, r * slope], "dL/dw: the slope at the edge from w to z is x."),
            ([w, r * slope], "dL/dw: the penalty's gradient overwrites the other; w is used twice, so add."),
            (true[::-1], "the two gradients are swapped: return dL/dw first."),
        ], rtol=1e-12, atol=1e-12)  # fmt: skip


@check.exercise(points=2)
def crossover(answer):
    got = numbers(run(answer), (3,), "n and two costs")
    if np.any(got != np.round(got)):
        raise Mistake(f"whole numbers are wanted; got {short(got)}.")
    n, output, inputs = got
    want_close(n, 16, "the smallest n", [
        (13, "13 ignores the price of the bracket J3 J2, which must pay off first: count."),
        (15, "at n = 15 the costs are equal; wanted the first n where the output end is cheaper."),
        (12, "12 is the number of outputs; the sizes in between count, too."),
        (31, "compare the costs of both products together, not the sizes n and 30."),
        (1, "for n = 1 the input end wins by far: are the two costs swapped?"),
    ], otherwise=f"the smallest n is not {n:g}: at which n does (J3 J2) J1 become cheaper?")  # fmt: skip
    if is_close([output, inputs], [84000, 43200]):
        raise Mistake("the two costs are swapped: the output end first.")
    want_close(output, 43200, "the cost of (J3 J2) J1", [
        (36000, "the product in the bracket, J3 J2, is missing."),
        (7200, "the second product, with J1, is missing."),
    ], otherwise=f"the cost of (J3 J2) J1 at n = 100 is not {output:g}: add the costs of two products.")  # fmt: skip
    want_close(inputs, 84000, "the cost of J3 (J2 J1)", [
        (60000, "the second product, with J3, is missing."),
        (24000, "the product in the bracket, J2 J1, is missing."),
    ], otherwise=f"the cost of J3 (J2 J1) at n = 100 is not {inputs:g}: add the costs of two products.")  # fmt: skip


SLOPES = {  # of the functions of the probe
    "t + t": lambda x: 2.0,
    "3 + t": lambda x: 1.0,
    "t + 3": lambda x: 1.0,
    "t * t": lambda x: 2 * x,
    "3 * t": lambda x: 3.0,
    "t * 3": lambda x: 3.0,
    "-t": lambda x: -1.0,
    "t - t * t": lambda x: 1 - 2 * x,
    "t - 3": lambda x: 1.0,
    "3 - t": lambda x: -1.0,
    "t / 4": lambda x: 0.25,
    "t / (t + 2)": lambda x: 2 / (x + 2) ** 2,
    "2 / t": lambda x: -2 / x**2,
    "(t * t) * (t * t)": lambda x: 4 * x**3,
    "7.0": lambda x: 0.0,
    "a loop of five lines": lambda x: ch09.FUNCTIONS["a loop of five lines"](x + 1e-20j).imag / 1e-20,
}


@check.exercise(points=3)
def dual_slope(answer):
    rng = draw(95)
    places = [*rng.uniform([1.1, -0.9], [1.9, -0.6]).round(3).tolist(), int(rng.integers(4, 10))]
    for name, slope in SLOPES.items():
        for x in places:
            result = run(answer, name, x, probe=ch09.once)
            value, measured = numbers(result, (2,), f"value and slope of f(t) = {name}")
            v, s, at = ch09.FUNCTIONS[name](x), slope(x), f"f(t) = {name} at {x}"
            if is_close([value, measured], [s, v]) and not is_close(v, s):
                raise Mistake("value and slope are swapped: return the value first.")
            want_close(value, v, f"the value of {at}", [
                (-v, f"the value of {at} has the wrong sign: mind "
                     + ("the minus in __neg__." if name == "-t" else "the order in __rsub__." if name == "3 - t"
                        else "the order in __sub__.")),
                (1 / v if v else 0.0, f"the value of {at} is upside down: mind the order in __rtruediv__."),
            ])  # fmt: skip
            mistakes = {
                "t * t": [(x, "the product rule has two terms: a' b + a b'."),
                          (1.0, "slopes do not multiply in a product: a' b + a b'.")],
                "3 - t": [(1.0, "the slope of 3 - t is -1: mind the sign in __rsub__.")],
                "-t": [(1.0, "the slope of -t is -1: the minus belongs to the slope, too.")],
                "t / (t + 2)": [((2 * x + 2) / (x + 2) ** 2,
                                 "the quotient rule has a minus: (a' b - a b') / b^2."),
                                (1.0, "the slope of a quotient is not the quotient of the slopes: (a' b - a b') / b^2."),
                                (2 / (x + 2), "the quotient rule divides by b^2: (a' b - a b') / b^2.")],
                "t / 4": [(1.0, "the quotient rule divides by b^2: (a' b - a b') / b^2.")],
                "2 / t": [(2 / x**2, "the slope of 2 / t is negative: 2 / t falls as t grows, for t > 0."),
                          (-1 / x**2, "the slope of 2 / t keeps the 2: -2 / t^2.")],
                "t + 3": [(2.0, "a plain number has slope 0, not 1.")],
                "3 + t": [(2.0, "a plain number has slope 0, not 1.")],
            }.get(name, [])  # fmt: skip
            want_close(measured, s, f"the slope of {at}", mistakes, rtol=1e-12, atol=1e-12)
