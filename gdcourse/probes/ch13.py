"""Probes of the exercises of "Build Value"."""

import numpy as np

from gdcourse.probes import Looks, Mistake, ask, counted


class Number:
    """An input with the fields of a Value, but without arithmetic: a new node is made from its ``data``."""

    def __init__(self, data):
        self.data, self.grad, self.edges = data, 0.0, ()

    def refuse(self, *other):
        raise TypeError("compute with x.data, a plain number, and make ONE new node from the result")

    def __getattr__(self, name):
        if name in ("exp", "log", "tanh", "relu", "backward"):
            return self.refuse
        raise AttributeError(name)

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = refuse
    __pow__ = __rpow__ = __neg__ = __abs__ = __lt__ = __gt__ = __le__ = __ge__ = refuse


def made(answer, what, data, places):
    """The node that it makes of inputs with these ``data``, one input at each of ``places``.

    (its data, an (input, slope) pair for each edge, whether it changed an input).
    """
    inputs = [Number(value) for value in data]
    result = ask(answer, *(inputs[k] for k in places))
    if isinstance(result, Number):
        raise Mistake(f"{what}: it returned its input itself; make a new node, Value(data, (x, slope), ...).")
    if not hasattr(result, "data") or not hasattr(result, "edges") or isinstance(result, np.ndarray):
        raise Mistake(
            f"{what}: wanted a Value, got {type(result).__name__}: return Value(data, (x, slope), ...)."
        )
    try:
        pairs = [(parent, slope) for parent, slope in result.edges]
        if len(result.edges) != len(pairs):  # TypeError for zip, iter and the like, which are read only once
            raise ValueError
    except (TypeError, ValueError):
        raise Mistake(
            f"{what}: each edge is a pair (parent, slope), and the pairs follow each other with no list around "
            "them: Value(data, (x, slope), ...)."
        ) from None
    edges = []
    for parent, slope in pairs:
        if any(slope is x for x in inputs):
            raise Mistake(f"{what}: an edge is turned round: the parent first, then the slope.")
        if hasattr(slope, "edges"):
            raise Mistake(f"{what}: a slope is a plain number, not a Value: compute it from the data.")
        place = [k for k, x in enumerate(inputs) if x is parent]
        if not place:
            raise Mistake(
                f"{what}: an edge comes from something that is not an input: take it straight from the input."
            )
        edges.append((place[0], slope))
    if not edges:
        raise Mistake(f"{what}: the node has no edges, so no gradient reaches its inputs.")
    changed = any([x.data, x.grad, x.edges] != [value, 0.0, ()] for x, value in zip(inputs, data))
    return result.data, edges, changed


LOOKS = Looks()


class Node:
    """A node that counts how often it is looked at: its edges, its gradient, and in a set or a list."""

    __slots__ = ("data", "_edges", "_grad")

    def __init__(self, *edges):
        self.data, self._edges, self._grad = 0.0, edges, 0.0

    def __hash__(self):
        LOOKS.look()
        return id(self)

    def __eq__(self, other):
        LOOKS.look()
        return self is other

    @property
    def edges(self):
        LOOKS.look()
        return self._edges

    @edges.setter
    def edges(self, new):
        raise TypeError("the edges belong to the graph: leave them as they are")

    @property
    def grad(self):
        LOOKS.look()
        return self._grad

    @grad.setter
    def grad(self, new):
        LOOKS.look()
        self._grad = new


def swept(answer, table, outputs, why, start=0.0):
    """The gradients of all nodes after a sweep from each of ``outputs``, one after the other on the same nodes.

    ``table`` holds [(place of the parent, slope), ...] for each node, parents first; ``start`` is the gradient
    that every node has before. ``why`` is the Mistake for too many looks at the nodes.
    """
    nodes = []
    for parents in table:
        nodes.append(Node(*((nodes[p], s) for p, s in parents)))
        nodes[-1]._grad = start
    grads = []
    for output in outputs:
        result = LOOKS.run(why, len(nodes), sum(map(len, table)), answer, nodes[output])
        if result is not nodes[output]:
            raise Mistake(f"wanted the output back, `return output`; got {type(result).__name__}.")
        grads.append([node._grad for node in nodes])
        if not all(isinstance(g, (int, float, np.number)) for g in grads[-1]):
            raise Mistake("a grad is not a number any more.")
    return grads


POLYNOMIALS = {
    "t * t": lambda t: t * t,
    "t * t * t": lambda t: t * t * t,
    "5 * t + 1": lambda t: 5 * t + 1,
    "1 + t * 2 * t": lambda t: 1 + t * 2 * t,
    "3 - t * t * t": lambda t: 3 - t * t * t,
    "(t - 2) * -t": lambda t: (t - 2) * -t,
    "u * u + t, u = t * t + t": lambda t: (t * t + t) * (t * t + t) + t,
}


def once(answer, name, x):
    """What it returned for the polynomial ``name`` at x; it is to call it once, with no plain number."""
    result, calls = counted(answer, POLYNOMIALS[name], x)
    if not calls:
        raise Mistake("f was not called: call it with a Value.")
    if len(calls) > 1:
        raise Mistake(f"f was called {len(calls)} times: once is enough, and take no differences.")
    if isinstance(calls[0], (int, float, complex, np.number, np.ndarray)):
        raise Mistake("f was called with a plain number: call it with a Value that holds a dual number.")
    return result
