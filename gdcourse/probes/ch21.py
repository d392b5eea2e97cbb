"""What runs beside the answers of "Use one GPU well" (notebooks/21_one_gpu.ipynb)."""

from itertools import islice

import numpy as np

from gdcourse.probes import Mistake, ask, heard


def pieced(answer, X, y, theta, size):
    """(the answer's gradient, [(rows, gradient)] of each piece, the y of all rows used)."""
    d, used, seen = len(theta), [], []

    def gradient(X, y):
        X, y = np.asarray(X), np.asarray(y, dtype=float)
        if X.ndim != 2 or X.shape[1] != d or y.shape != X.shape[:1]:
            raise Mistake(f"gradient got shapes {X.shape} and {y.shape}, wanted (n, {d}) and (n,).")
        if len(y) == 0:
            raise Mistake("gradient was called with an empty piece: the mean of no rows is not defined.")
        if len(y) > size:
            raise Mistake(f"gradient got {len(y)} rows at once; only {size} fit.")
        mean = X.T @ (X @ theta - y) / len(y)
        seen.extend(y.tolist())
        used.append((len(y), mean.copy()))  # the answer may change what it gets
        return mean

    return heard(answer, gradient, X, y, size), used, seen


def timed(answer, duration, compile_time, busy, repeat):
    """(what the answer returns, its launches) for a GPU with a queue and a clock of its own: no real time.

    What the GPU knows are local variables: it has no attribute in which the answer could look up the time.
    """
    time, free, launched = 0.0, busy, []  # in milliseconds

    class Gpu:
        def now(self):
            return time

        def launch(self, work):
            nonlocal time, free
            time += 0.01
            free = max(free, time) + (0 if work in launched else compile_time) + duration
            launched.append(work)

        def wait(self):
            nonlocal time
            time = max(time, free)

    return ask(answer, Gpu(), "product", repeat), len(launched)


def cut(answer, a, c):
    """The first 1000 of the sizes that the answer returns; None in place of what is no whole number."""
    sizes = ask(answer, a, c)
    try:
        return [int(s) if s == int(s) else None for s in islice(sizes, 1000)]
    except Exception:
        raise Mistake(f"wanted a list of the segments' numbers of layers, got {sizes!r}.") from None
