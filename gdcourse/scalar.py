"""Reverse-mode differentiation of numbers: each operation remembers its inputs and slopes.

Derived in "Build Value" (notebooks/13_scalar_autograd.ipynb).
"""

import math


class Value:
    """A number that remembers how it was made, for ``backward`` to find its slopes.

    ``edges`` holds a (parent, local slope) pair for each input of its operation; the
    slope is a number, known as soon as the value is. Nothing points from a parent to
    what is made of it: a graph has no cycles and is freed with its last name.

    >>> x = Value(3.0)
    >>> y = x * x + 2 * x
    >>> y.backward()
    >>> y.data, x.grad
    (15.0, 8.0)
    """

    __slots__ = ("data", "grad", "edges", "__weakref__")

    def __init__(self, data, *edges):
        self.data, self.grad, self.edges = data, 0.0, edges

    def __repr__(self):
        return f"Value(data={self.data}, grad={self.grad})"

    def __add__(self, other):
        if isinstance(other, Value):
            return Value(self.data + other.data, (self, 1.0), (other, 1.0))
        return Value(self.data + other, (self, 1.0))

    def __mul__(self, other):
        if isinstance(other, Value):
            return Value(self.data * other.data, (self, other.data), (other, self.data))
        return Value(self.data * other, (self, other))

    def __pow__(self, n):
        """``x ** n`` for a number n; the slope is n x^(n-1), but 0 for n = 0 at any x.

        Raises ValueError for a root of a negative number, ZeroDivisionError where the
        slope has no end (a root of 0, 1/0).
        """
        if self.data < 0 and n % 1:
            raise ValueError(f"{self.data} ** {n} is not a real number")
        return Value(self.data**n, (self, n * self.data ** (n - 1) if n else 0.0))

    def exp(self):
        """e to the power of this number."""
        e = math.exp(self.data)
        return Value(e, (self, e))

    def log(self):
        """The natural logarithm; ValueError at 0 and below."""
        return Value(math.log(self.data), (self, 1 / self.data))

    def tanh(self):
        """The hyperbolic tangent."""
        t = math.tanh(self.data)
        return Value(t, (self, 1 - t * t))

    def relu(self):
        """This number where it is positive, else 0; the slope at 0 is 0."""
        return Value(max(self.data, 0.0), (self, 1.0 if self.data > 0 else 0.0))

    # fmt: off
    __neg__      = lambda self: self * -1.0
    __sub__      = lambda self, other: self + -other
    __rsub__     = lambda self, other: -self + other
    __truediv__  = lambda self, other: self * other**-1.0
    __rtruediv__ = lambda self, other: self**-1.0 * other
    # fmt: on
    __radd__, __rmul__ = __add__, __mul__

    def backward(self):
        """Add d(self)/d(leaf) to each leaf's grad; inner nodes first go back to 0."""
        order = topological_order(self)
        for node in order:
            if node.edges:
                node.grad = 0.0
        self.grad += 1.0  # an inner node has just been set to 0
        for node in reversed(order):
            for parent, slope in node.edges:
                parent.grad += slope * node.grad


def topological_order(output):
    """Every node that leads to ``output``, parents before what is made of them.

    A depth-first search with a stack of its own, so that depth is no limit.

    >>> x = Value(2.0)
    >>> y = x * x
    >>> [node.data for node in topological_order(y + y * x)]
    [2.0, 4.0, 8.0, 12.0]
    """
    order, seen, stack = [], set(), [(output, False)]
    while stack:
        node, parents_done = stack.pop()
        if parents_done:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))  # comes up again when all its parents are done
            stack += [(parent, False) for parent, _ in node.edges]
    return order


def dot(w, x, b):
    """``b + sum_i w_i x_i`` as one node; ValueError unless lists w, x have one length.

    >>> dot([Value(2.0), Value(3.0)], [Value(4.0), Value(5.0)], Value(1.0)).data
    24.0
    """
    if len(w) != len(x):
        raise ValueError(f"{len(w)} weights for {len(x)} inputs; wanted one for each")
    total = b.data + sum(wi.data * xi.data for wi, xi in zip(w, x))
    edges = [edge for wi, xi in zip(w, x) for edge in ((wi, xi.data), (xi, wi.data))]
    return Value(total, (b, 1.0), *edges)
