"""What runs beside the answers of "The same gradients in PyTorch" (notebooks/20_pytorch.ipynb)."""

import sys

import numpy as np

from gdcourse.probes import Looks, Mistake, ask


class Leaf:
    """What sgd_step gets for a parameter: an array and a gradient, no arithmetic."""

    def __init__(self, data):
        self.data, self.grad = data, None


def stepped(answer, data, history, lr, momentum):
    """[(data, velocities)] after each step; ``history`` holds the gradients of each, None for a leaf without."""
    leaves, velocity, after = [Leaf(array.copy()) for array in data], {}, []
    held = [leaf.data for leaf in leaves]  # what a model would hold
    for step in history:
        grads = [None if g is None else g.copy() for g in step]
        for leaf, g in zip(leaves, grads):
            leaf.grad = g
        try:
            velocity = ask(answer, leaves, velocity, lr, momentum)
        except (TypeError, AttributeError) as error:
            if any(g is None for g in grads) and "NoneType" in str(error):
                raise Mistake(
                    f"a leaf without a gradient (p.grad is None) stays as it is: skip it. ({type(error).__name__}: {error})"
                ) from None
            raise
        if not isinstance(velocity, dict):
            raise Mistake(f"wanted the dictionary {{place: velocity}}, got {type(velocity).__name__}.")
        for leaf, g, asked, array in zip(leaves, grads, step, held):
            if g is not None and leaf.grad is None:
                raise Mistake("a gradient was emptied: step leaves it; emptying is zero_grad's work.")
            if leaf.grad is not g or (g is not None and not np.array_equal(g, asked)):
                raise Mistake("a gradient was changed: step only reads it.")
            if leaf.data is not array:
                raise Mistake(
                    "p.data is a new array, and the model still holds the old one: change it in place, p.data -= ..."
                )
            if g is not None:
                if any(isinstance(v, np.ndarray) and np.shares_memory(v, g) for v in velocity.values()):
                    raise Mistake(
                        "a velocity IS the gradient's array, so the next change of the gradient changes it: keep a copy."
                    )
        if any(not isinstance(k, (int, np.integer)) or not 0 <= k < len(data) for k in velocity):
            raise Mistake("the keys of the dictionary are places in the list: 0, 1, ...")
        after.append(([array.copy() for array in held], {int(k): np.array(v) for k, v in velocity.items()}))
    return after


LOOKS = Looks()


class Edges(list):
    """A list of edges that counts how often it is gone through."""

    def __iter__(self):
        LOOKS.look()
        return super().__iter__()


class Watched(dict):
    """A graph that counts how often an answer looks at a node."""

    def __getitem__(self, key):
        LOOKS.look()
        return super().__getitem__(key)

    def get(self, key, default=None):
        LOOKS.look()
        return super().get(key, default)

    def items(self):
        for pair in super().items():
            LOOKS.look()
            yield pair


def walked(answer, graph, root):
    """What the answer returns for ``graph``, {name: [(parent, slope)]}, as a plain dictionary."""
    found = LOOKS.run(
        "it never ends, or walks every path by itself: a node hands on once, when all that use it have paid in.",
        len(graph), sum(map(len, graph.values())),
        answer, Watched({name: Edges(edges) for name, edges in graph.items()}), root)  # fmt: skip
    if not isinstance(found, dict):
        raise Mistake(f"wanted a dictionary {{leaf: gradient}}, got {type(found).__name__}.")
    return dict(found)


def fitted(answer, *args):
    """What the answer returns; a tensor in it must not hold its graph."""
    result = ask(answer, *args)
    if isinstance(result, (tuple, list)):
        for part, name in zip(result, ("w", "the mean loss")):
            if getattr(part, "requires_grad", False) is True:
                raise Mistake(
                    f"{name} is a tensor that still holds its graph: a loss is added up by .item(), weights leave by detach()."
                )
    return result


def held_graphs(answer, *args):
    """(nodes of the longest graph, most numbers with a graph alive at a time) while the answer runs.

    Without torch nothing is recorded, so nothing can be held.
    """
    torch = sys.modules.get("torch")
    if torch is None:
        return 0, 0
    known, seen = [], [(0, 0)]

    class Watch(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            result = func(*args, **(kwargs or {}))
            if isinstance(result, torch.Tensor) and result.grad_fn is not None and result.ndim == 0:
                known.append(torch.utils.weak.TensorWeakRef(result))
                found = [result.grad_fn]
                for fn in found:
                    found += [p for p, _ in fn.next_functions if p is not None and p not in found]
                seen.append((len(found), sum(number() is not None for number in known)))
            return result

    with Watch():
        ask(answer, *args)
    longest, alive = zip(*seen)
    return max(longest), max(alive)
