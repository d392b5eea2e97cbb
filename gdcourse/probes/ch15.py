"""What runs beside the answers of "Modules and a training loop" (notebooks/15_modules.ipynb)."""

import numpy as np

from gdcourse.probes import Mistake, arrays, ask

HANDED = []  # all arrays that answers got: an answer may remember ids, and those of lost arrays come back


def planted(tree, given):
    """``tree`` with the array ``given[name]`` itself in place of each text "#name"."""
    if isinstance(tree, dict):
        return {key: planted(part, given) for key, part in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)(planted(part, given) for part in tree)
    return given[tree[1:]] if isinstance(tree, str) and tree.startswith("#") else tree


def named(answer, tree, given):
    """(what the answer found, which of ``given`` these are, names found by a second call).

    ``tree`` holds "#name" for each array of the dictionary ``given``. An array that is none of these is
    called None; None stands for what is not a dictionary in the second call.
    """
    HANDED.extend(given.values())
    tree = planted(tree, given)
    before = list(map(id, arrays(tree)))
    found = ask(answer, tree)
    if list(map(id, arrays(tree))) != before:
        raise Mistake("it changed its input in place: work on a copy.")
    if not isinstance(found, dict):
        raise Mistake(f"wanted a dictionary {{name: array}}, got {type(found).__name__}.")
    if not all(isinstance(name, str) for name in found):
        raise Mistake("a name is not a string: join the keys with dots, list places by str(place).")
    if any(not isinstance(x, np.ndarray) for x in found.values()):
        raise Mistake("something that is no array is in the result: skip numbers, strings and None.")
    found = dict(found)  # the answer may go on filling its own
    which = {id(x): name for name, x in given.items()}
    again = ask(answer, tree)
    names = list(again) if isinstance(again, dict) else None
    return found, [which.get(id(x)) for x in found.values()], names


def accumulated(answer, X, y, w, size, max_norm):
    """(the answer's gradient, the rows of each call of grad)."""
    rows = []

    def grad(X, y):
        if len(X) != len(y):
            raise ValueError(f"X has {len(X)} rows, y has {len(y)}")
        if len(X) == 0:
            raise ValueError("a piece has no rows")
        rows.append(len(X))
        return 2 * X.T @ (X @ w - y) / len(X)

    return ask(answer, grad, X, y, size, max_norm), rows
