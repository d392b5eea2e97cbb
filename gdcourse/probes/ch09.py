"""Probes of the exercises of "Follow a graph"."""

import numpy as np

from gdcourse.probes import Looks, Mistake, ask, counted


class Watched(np.ndarray):
    """An array that notes the largest size, and the sum of the sizes, of the arrays computed from it."""

    largest = total = 0

    def __array_finalize__(self, parent):
        Watched.largest = max(Watched.largest, self.size)
        Watched.total += self.size


def sizes(answer, x, v, u, A, B):
    """(largest, sum) of the sizes of the arrays that it computes from x, A and B."""
    x, A, B = (array.view(Watched) for array in (x, A, B))
    Watched.largest = Watched.total = 0
    ask(answer, x, v, u, A, B)
    return Watched.largest, Watched.total


LOOKS = Looks()


class Node(str):
    """A node's name that counts how often it is looked up or compared, also in copies of the graph."""

    def __hash__(self):
        LOOKS.look()
        return str.__hash__(self)

    def __eq__(self, other):
        LOOKS.look()
        return str.__eq__(self, other)


class Slope(float):
    """A slope that counts its products: a walk along paths multiplies, however it names the nodes."""

    def __mul__(self, other):
        LOOKS.look()
        return float(self) * other

    def __rmul__(self, other):
        LOOKS.look()
        return other * float(self)


def looked(answer, edges, output, why):
    """What it returned, with a bound on look-ups, comparisons and products; ``why`` is the Mistake for more."""
    named = {Node(n): [(Node(p), Slope(s)) for p, s in parents] for n, parents in edges.items()}
    result = LOOKS.run(why, len(edges), sum(map(len, edges.values())), answer, named, Node(output))
    return {str(node): grad for node, grad in result.items()} if isinstance(result, dict) else result


def _loop(t):
    total = 1.0
    for k in range(1, 5):
        total = total * t - k / t
    return total


FUNCTIONS = {
    "t + t": lambda t: t + t,
    "3 + t": lambda t: 3 + t,
    "t + 3": lambda t: t + 3,
    "t * t": lambda t: t * t,
    "3 * t": lambda t: 3 * t,
    "t * 3": lambda t: t * 3,
    "-t": lambda t: -t,
    "t - t * t": lambda t: t - t * t,
    "t - 3": lambda t: t - 3,
    "3 - t": lambda t: 3 - t,
    "t / 4": lambda t: t / 4,
    "t / (t + 2)": lambda t: t / (t + 2),
    "2 / t": lambda t: 2 / t,
    "(t * t) * (t * t)": lambda t: (t * t) * (t * t),
    "7.0": lambda t: 7.0,
    "a loop of five lines": _loop,
}


def once(answer, name, x):
    """What it returned for the function ``name`` at x; it is to call the function once, with an object of its own."""
    result, calls = counted(answer, FUNCTIONS[name], x)
    if any(isinstance(t, complex | np.complexfloating) or type(t) is np.ndarray for t in calls):
        raise Mistake(
            "f was called with a complex number or an array: wanted a dual number, a class of your own."
        )
    if len(calls) > 1:
        raise Mistake(
            f"f was called {len(calls)} times; call it once, with a dual number, and take no differences."
        )
    if not calls:
        raise Mistake("f was not called: call it with a dual number.")
    return result
