"""Right and wrong answers to the exercises of "Measure a slope"."""

import math

import numpy as np


def _steps(forward, central):
    return lambda eps, f, f2, f3: (
        forward(eps, abs(f), abs(f2), abs(f3)),
        central(eps, abs(f), abs(f2), abs(f3)),
    )


_forward = lambda eps, f, f2, f3: 2 * math.sqrt(eps * f / f2)
_central = lambda eps, f, f2, f3: (3 * eps * f / f3) ** (1 / 3)


def _gradient_loop(f, theta, h):
    start = np.array(theta, dtype=float)
    base, out = f(start), np.zeros(len(start))
    for j in range(len(start)):
        moved = start.copy()
        moved[j] += h
        out[j] = (f(moved) - base) / h
    return out


def _gradient_take_back(f, theta, h):
    t = np.array(theta, dtype=float)
    base, out = f(t), []
    for j in range(len(t)):
        old = t[j]
        t[j] = old + h
        out.append((f(t) - base) / h)
        t[j] = old
    return out


def _gradient_units(f, theta, h):
    base = f(theta)
    return [(f(theta + h * np.eye(1, len(theta), j)[0]) - base) / h for j in range(len(theta))]


def _gradient_whole_numbers(f, theta, h):
    base, out = f(theta), []
    for j in range(len(theta)):
        moved = theta.copy()
        moved[j] += h
        out.append((f(moved) - base) / h)
    return np.array(out)


def _gradient_pile(f, theta, h):
    t = np.array(theta, dtype=float)
    base, out = f(t), []
    for j in range(len(t)):
        t[j] += h
        out.append((f(t) - base) / h)
    return np.array(out)


def _gradient_in_place(f, theta, h):
    base, out = f(theta), []
    for j in range(len(theta)):
        theta[j] += h
        out.append((f(theta) - base) / h)
    return np.array(out)


def _gradient_calls(f, theta, h):
    eye = np.eye(len(theta))
    return np.array([(f(theta + h * e) - f(theta)) / h for e in eye])


def _gradient_all_at_once(f, theta, h):
    theta = np.array(theta, dtype=float)
    total = 0.0
    for e in np.eye(len(theta)):
        total += (f(theta + h * e) - f(theta)) / h
    return np.full(len(theta), total)


def _each(theta, slope):
    return np.array([slope(np.array(theta, dtype=float), e) for e in np.eye(len(theta))])


def _along(prepare, slope=None):
    slope = slope or (lambda f, t, u, h: (f(t + h * u) - f(t - h * u)) / (2 * h))
    return lambda f, theta, v, h: slope(f, theta, prepare(v), h)


_unit = lambda v: v / np.linalg.norm(v)


def _relative_branches(claimed, measured):
    if math.isnan(claimed) or math.isnan(measured):
        return math.inf
    scale = abs(claimed) if abs(claimed) > abs(measured) else abs(measured)
    return math.fabs(measured - claimed) / (scale if scale > 1e-300 else 1e-300)


def _powers(order=(0, 1, 2, 3), worst=np.max, shift=0):
    """The experiment, in plain loops."""
    best = []
    for kind, last in ((np.float64, 40), (np.float32, 20)):
        x = np.linspace(3, 3.01, 50).astype(kind)
        for central in (False, True):
            errors = {}
            for k in range(2, last + 1):
                h = kind(2) ** kind(-k)
                left = x - h if central else x
                slope = (1 / (x + h) - 1 / left) / (2 * h if central else h)
                errors[k] = worst(np.abs(slope.astype(float) + 1 / x.astype(float) ** 2))
            best.append(min(errors, key=errors.get) + shift)
    return [best[i] for i in order]


def _powers_in_a_table(kinds=((np.float64, 40), (np.float32, 20))):
    """All steps and points at once: rows are powers, columns are points."""
    best = []
    for kind, last in kinds:
        k = np.arange(2, last + 1)
        h = np.ldexp(kind(1), -k)[:, None].astype(kind)
        x = (3 + np.arange(50) * (0.01 / 49)).astype(kind)[None, :]
        one = kind(1)
        slopes = [(one / (x + h) - one / x) / h, (one / (x + h) - one / (x - h)) / (h + h)]
        best += [k[np.abs(s + 1.0 / x.astype(float) ** 2).max(axis=1).argmin()] for s in slopes]
    return np.array(best)


def _powers_by_sorting():
    f, answer = lambda t: t**-1, {}
    for name, last in (("float64", 40), ("float32", 20)):
        x = np.linspace(3, 3.01, 50).astype(name)
        for side in (0, 1):
            scores = []
            for k in range(2, last + 1):
                h = np.asarray(0.5**k, dtype=name)
                slope = (f(x + h) - f(x - side * h)) / ((1 + side) * h)
                scores.append((max(abs(np.float64(slope) + np.float64(x) ** -2.0)), k))
            answer[name, side] = sorted(scores)[0][1]
    return tuple(answer.values())


_D = lambda f, x, h: (f(x + h) - f(x - h)) / (2 * h)
_F = lambda f, x, h: (f(x + h) - f(x)) / h

RIGHT = {
    "forward_error_by_hand": [
        lambda: [12.61, 0.61, 0.6],
        lambda: np.array([(9.261 - 8) / 0.1, (9.261 - 8) / 0.1 - 12, 0.1 * 12 / 2]),
        lambda: ((2.1**3 - 2**3) / 0.1, (2.1**3 - 2**3) / 0.1 - 3 * 2**2, 0.1 / 2 * 6 * 2),
    ],
    "direction_by_hand": [
        lambda: [-2.8, 10.0, -0.6, 0.8],
        lambda: (6 * 0.6 - 8 * 0.8, math.hypot(6, -8), -6 / 10, 8 / 10),
        lambda: np.array([-14 / 5, math.sqrt(100), -3 / 5, 4 / 5]),
    ],
    "optimal_steps": [
        _steps(_forward, _central),
        lambda eps, f, f2, f3: np.array([np.sqrt(4 * eps * abs(f / f2)), (3 * eps * abs(f / f3)) ** (1 / 3)]),
        lambda eps, f, f2, f3: [2 * (eps * abs(f) / abs(f2)) ** 0.5, math.cbrt(3 * eps * abs(f) / abs(f3))],
    ],
    "forward_gradient": [_gradient_loop, _gradient_take_back, _gradient_units],
    "directional_slope": [
        _along(_unit),
        lambda f, theta, v, h: (f(theta + v * (h / math.hypot(*v))) - f(theta - v * (h / math.hypot(*v)))) / h / 2,
        lambda f, theta, v, h: np.diff([f(theta + s * h * v / np.sqrt(v @ v)) for s in (-1, 1)])[0] / (2 * h),
    ],
    "relative_error": [
        _relative_branches,
        lambda c, m: float(np.abs(c - m) / np.max([np.abs(c), np.abs(m), 1e-300])),
        lambda c, m: math.inf if c != c or m != m else abs(m - c) / sorted([abs(c), abs(m), 1e-300])[-1],
    ],
    "best_powers": [_powers, _powers_in_a_table, _powers_by_sorting],
    "richardson": [
        lambda f, x, h: (4 * _D(f, x, h / 2) - _D(f, x, h)) / 3,
        lambda f, x, h: _D(f, x, h / 2) + (_D(f, x, h / 2) - _D(f, x, h)) / 3,
        lambda f, x, h: np.dot([1, -8, 8, -1], [f(x - h), f(x - h / 2), f(x + h / 2), f(x + h)]) / (6 * h),
    ],
}  # fmt: skip

WRONG = {
    "forward_error_by_hand": [
        (lambda: (12, 0.61, 0.6), "12 is the derivative"),
        (lambda: (12.01, 0.01, 0.6), "central difference"),
        (lambda: (11.41, -0.59, 0.6), "step to the left"),
        (lambda: (1.261, 0.61, 0.6), "divide it by the run"),
        (lambda: (12.61, -0.61, 0.6), "sign of the error is flipped"),
        (lambda: (12.61, 0.61, 1.2), "half is missing"),
        (lambda: (12.61, 0.61, 6), "step is missing"),
        (lambda: (12.61, 0.61, 0.06), "not squared"),
        (lambda: (12.61, 0.61, 0.61), "that is the error itself"),
        (lambda: (12.61, 0.61, 0.63), "not at 2.1"),
        (lambda: (13, 0.61, 0.6), "the secant slope is not 13"),
        (lambda: None, "returned None"),
    ],
    "direction_by_hand": [
        (lambda: (10, 10, -0.6, 0.8), "a sign is lost"),
        (lambda: (2.8, 10, -0.6, 0.8), "the sign is flipped"),
        (lambda: (-2, 10, -0.6, 0.8), "added the entries"),
        (lambda: (-2.8, 14, -0.6, 0.8), "sizes of the entries"),
        (lambda: (-2.8, 100, -0.6, 0.8), "take the root"),
        (lambda: (-2.8, -10, -0.6, 0.8), "it is positive"),
        (lambda: (-2.8, 10, 0.6, -0.8), "steepest way up"),
        (lambda: (-2.8, 10, -6, 8), "has length 10"),
        (lambda: (-2.8, 10, 0.8, 0.6), "along the contour"),
        (lambda: (-2.8, 10, 0.8, -0.6), "entries are swapped"),
        (lambda: (-2.8, 9, -0.6, 0.8), "the largest slope is not 9"),
    ],
    "optimal_steps": [
        (_steps(lambda e, f, a, b: math.sqrt(e * f / a), _central), "factor 2 is missing"),
        (_steps(lambda e, f, a, b: 4 * e * f / a, _central), "gives h squared"),
        (_steps(lambda e, f, a, b: 2 * math.sqrt(e * a / f), _central), "strongly curved"),
        (_steps(_forward, lambda e, f, a, b: (e * f / b) ** (1 / 3)), "factor 3 is missing"),
        (_steps(_forward, lambda e, f, a, b: (3 * e * f / b) ** 0.5), "not the square root"),
        (_steps(_forward, lambda e, f, a, b: (3 * e * f / a) ** (1 / 3)), "feels f''', not f''"),
        (_steps(_forward, lambda e, f, a, b: 3 * e * f / b), "third root is missing"),
        (_steps(_central, _forward), "swapped: return the forward one first"),
        (_steps(_forward, lambda e, f, a, b: e * f / b), "x divided by 3"),
        (lambda e, f, a, b: (_forward(e, f, a, b), np.cbrt(3 * e * f / b)), "math domain error"),
        (lambda e, f, a, b: (2 * np.sqrt(e * f / abs(a)), np.cbrt(3 * e * f / abs(b))), "no real value"),
        (lambda e, f, a, b: (2 * np.sqrt(e * abs(f / a)), np.cbrt(3 * e * f / b)), "a step is positive"),
    ],
    "forward_gradient": [
        (lambda f, t, h: _each(t, lambda t, e: (f(t + h * e) - f(t - h * e)) / (2 * h)), "central difference"),
        (lambda f, t, h: _each(t, lambda t, e: (f(t) - f(t - h * e)) / h), "step backwards"),
        (lambda f, t, h: _each(t, lambda t, e: f(t + h * e) - f(t)), "division by h"),
        (lambda f, t, h: _each(t, lambda t, e: (f(t) - f(t + h * e)) / h), "sign is flipped"),
        (lambda f, t, h: _each(t, lambda t, e: (f(t + h * e) - f(t)) / (2 * h)), "not by 2h"),
        (_gradient_pile, "pile up"),
        (_gradient_in_place, "changed its input in place"),
        (_gradient_whole_numbers, "make a float copy"),
        (_gradient_calls, "call f(theta) once"),
        (_gradient_all_at_once, "every entry is the same"),
        (lambda f, t, h: (f(t + h) - f(t)) / h, "wanted shape (3,)"),
        (lambda f, t, h: [(f(t[j] + h) - f(t[j])) / h for j in range(len(t))], "f was called with shape ()"),
    ],
    "directional_slope": [
        (_along(lambda v: v), "not made a unit vector"),
        (lambda f, t, v, h: _along(lambda v: v)(f, t, v, h) / np.linalg.norm(v), "before stepping, not after"),
        (_along(lambda v: v / (v @ v)), "length squared"),
        (_along(lambda v: v / np.abs(v).sum()), "sum of its sizes"),
        (_along(lambda v: v / np.abs(v).max()), "largest entry"),
        (_along(lambda v: v / v.sum()), "sum of its entries"),
        (_along(_unit, lambda f, t, u, h: (f(t + h * u) - f(t)) / h), "forward difference"),
        (_along(_unit, lambda f, t, u, h: (f(t) - f(t - h * u)) / h), "backward difference"),
        (_along(_unit, lambda f, t, u, h: (f(t + h * u) - f(t - h * u)) / h), "divide by 2h"),
        (_along(_unit, lambda f, t, u, h: f(t + h * u) - f(t - h * u)), "run 2h is missing"),
        (_along(_unit, lambda f, t, u, h: (f(t - h * u) - f(t + h * u)) / (2 * h)), "sign is flipped"),
        (lambda f, t, v, h: _each(t, lambda t, e: _D(lambda s: f(t + s * e), 0, h)), "wanted shape ()"),
    ],
    "relative_error": [
        (lambda c, m: max(0.0, (c - m) / c) if c else 1.0, "a gradient too small"),
        (lambda c, m: (c - m) / max(abs(c), abs(m), 1e-300), "take the absolute value"),
        (lambda c, m: abs(abs(c) - abs(m)) / max(abs(c), abs(m), 1e-300), "flipped sign passes"),
        (lambda c, m: abs(c - m) / abs(m), "divide by the larger of the two sizes"),
        (lambda c, m: abs(c - m) / ((abs(c) + abs(m)) / 2 + 1e-30), "mean of both"),
        (lambda c, m: abs(c - m) / max(c, abs(m), 1e-300), "with abs on each"),
        (lambda c, m: abs(c - m) / max(abs(c), abs(m), 1e-8), "in tiny units"),
        (lambda c, m: abs(c - m) / max(c, m, 1e-300), "picks the 1e-300"),
        (lambda c, m: abs(c - m) / max(abs(c), abs(m)), "ZeroDivisionError"),
        (lambda c, m: max(0.0, abs(c - m) / max(abs(c), abs(m), 1e-300)), "gives 0; mind"),
        (lambda c, m: 1.0 if c != c or m != m else _relative_branches(c, m), "gives 1; mind"),
        (lambda c, m: np.float64(abs(c - m)) / np.float64(max(abs(c), abs(m))), "which is never zero"),
    ],
    "best_powers": [
        (lambda: [2.0**-k for k in (25, 17, 10, 7)], "those are steps h"),
        (lambda: [-25, -17, -10, -7], "k is positive"),
        (lambda: [24.5, 16, 10, 7], "whole numbers"),
        (lambda: _powers((2, 3, 0, 1)), "float32 and float64 are swapped"),
        (lambda: _powers((1, 0, 3, 2)), "forward and central are swapped"),
        (lambda: _powers((0, 2, 1, 3)), "the order is forward64"),
        (lambda: [40, 40, 20, 20], "forward in float64: k = 40"),
        (lambda: [25, 2, 10, 7], "central in float64: k = 2"),
        (lambda: [25, 17, 25, 17], "forward in float32: k = 25"),
        (lambda: [25, 17, 10, 10], "central in float32: k = 10"),
        (lambda: _powers(shift=-2), "2 too small"),
        (lambda: (24, 16, 9, 6), "that is the prediction"),
    ],
    "richardson": [
        (_D, "at h alone"),
        (lambda f, x, h: _D(f, x, h / 2), "at h / 2 alone"),
        (lambda f, x, h: (4 * _D(f, x, h) - _D(f, x, h / 2)) / 3, "weights are swapped"),
        (lambda f, x, h: (_D(f, x, h) + _D(f, x, h / 2)) / 2, "a mean only averages"),
        (lambda f, x, h: 2 * _D(f, x, h / 2) - _D(f, x, h), "cancel an error in h;"),
        (lambda f, x, h: 4 * _D(f, x, h / 2) - _D(f, x, h), "divide by 3"),
        (lambda f, x, h: (4 * _D(f, x, h) - _D(f, x, 2 * h)) / 3, "you used h and 2h"),
        (lambda f, x, h: (4 * _F(f, x, h / 2) - _F(f, x, h)) / 3, "their error goes with h"),
        (lambda f, x, h: 2 * _F(f, x, h / 2) - _F(f, x, h), "even terms vanish"),
        (lambda f, x, h: (_D(f, x, h), _D(f, x, h / 2)), "wanted shape ()"),
    ],
}  # fmt: skip
