"""Probes of the exercises of "Measure a slope"."""

import numpy as np

from gdcourse.probes import Mistake, heard


def on_a_bowl(answer, A, b, theta, h):
    """(what it returned, the number of calls) for f(t) = t A t / 2 + b t."""
    calls, d = [], len(b)

    def f(t):
        calls.append(1)
        t = np.asarray(t, dtype=float)
        if t.shape != (d,):
            raise Mistake(f"f was called with shape {t.shape}; wanted theta's shape, ({d},).")
        return float(0.5 * t @ A @ t + b @ t)

    return heard(answer, f, theta, h), len(calls)


def on_cubes(answer, c, theta, v, h):
    """For f(t) = sum of c t^3."""
    return answer(lambda t: float(c @ np.asarray(t, dtype=float) ** 3), theta, v, h)


def on_a_polynomial(answer, p, x, h):
    return answer(lambda t: np.polyval(p, t), x, h)
