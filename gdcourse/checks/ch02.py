"""Checks of the exercises of "Measure a slope" (notebooks/02_derivatives.ipynb)."""

import numpy as np

from gdcourse.checks.core import Checker, Mistake, draw, is_close, numbers, run, short, want_close
from gdcourse.probes import ch02

check = Checker()


@check.exercise(points=1)
def forward_error_by_hand(answer):
    slope, error, predicted = numbers(run(answer), (3,), "slope, error, prediction")
    want_close(slope, 12.61, "the secant slope", [
        (12.0, "12 is the derivative, the slope of the tangent; wanted the secant: (f(2.1) - f(2)) / 0.1."),
        (12.01, "that is the central difference; the forward one uses f(2.1) and f(2)."),
        (11.41, "that is the step to the left; the forward difference uses f(2.1) and f(2)."),
        (1.261, "that is the rise f(2.1) - f(2): divide it by the run 0.1."),
    ], otherwise=f"the secant slope is not {slope:g}: it is rise over run, (f(2.1) - f(2)) / 0.1.")  # fmt: skip
    want_close(error, 0.61, "the error of the slope", [
        (-0.61, "the sign of the error is flipped: take measured minus true, 12.61 - 12."),
    ], otherwise=f"the error is not {error:g}: it is the measured slope minus the true one, 3 * 2^2.")  # fmt: skip
    want_close(predicted, 0.6, "Taylor's prediction h f''(2) / 2", [
        (1.2, "the half is missing: the truncation error is h f'' / 2, as the integral of t is t^2 / 2."),
        (6.0, "the step is missing: the truncation error is h times f'' / 2, with h = 0.1."),
        (0.06, "h enters once, not squared: the forward error is h f'' / 2."),
        (0.61, "that is the error itself; Taylor's prediction h f'' / 2 is a little different."),
        (0.63, "f'' is taken at the starting point x = 2, not at 2.1."),
    ], otherwise=f"the prediction is not {predicted:g}: it is h times f''(2), divided by 2.")  # fmt: skip


@check.exercise(points=1)
def direction_by_hand(answer):
    slope, largest, v1, v2 = numbers(run(answer), (4,), "slope, largest slope, and two entries")
    want_close(slope, -2.8, "the slope along (0.6, 0.8)", [
        (10.0, "a sign is lost: the second product is -8 times 0.8."),
        (2.8, "the sign is flipped: 6 times 0.6 plus -8 times 0.8."),
        (-2.0, "you added the entries of the gradient; wanted the product g . v."),
    ], otherwise=f"the slope is not {slope:g}: multiply entry by entry and add.")  # fmt: skip
    want_close(largest, 10.0, "the largest slope", [
        (14.0, "you added the sizes of the entries; wanted the length, the root of the sum of squares."),
        (100.0, "that is the length squared: take the root."),
        (6.0, "that is the slope along the first axis; the gradient's own direction is steeper."),
        (-10.0, "the largest slope is uphill, along the gradient: it is positive."),
    ], otherwise=f"the largest slope is not {largest:g}: it is the length of the gradient.")  # fmt: skip
    want_close([v1, v2], [-0.6, 0.8], "the direction of steepest descent", [
        ([0.6, -0.8], "that is the steepest way up: steepest descent is -g / |g|."),
        ([-6.0, 8.0], "that has length 10: divide by the length to make a unit direction."),
        ([0.8, 0.6], "that is at a right angle to the gradient, along the contour: its slope is 0."),
        ([-0.8, -0.6], "that is at a right angle to the gradient, along the contour: its slope is 0."),
        ([0.8, -0.6], "the entries are swapped: divide each entry of the gradient by 10, in its own place."),
        ([-0.8, 0.6], "the entries are swapped: divide each entry of the gradient by 10, in its own place."),
    ], otherwise="that is not the direction of steepest descent: it is -g / |g|.")  # fmt: skip


@check.exercise(points=2)
def optimal_steps(answer):
    rng = draw(21)
    for signs in ((1, 1, 1), (1, 1, 1), (1, -1, -1), (-1, 1, 1), (-1, 1, -1), (1, -1, 1)):
        eps, (f, f2, f3) = 10.0 ** -rng.integers(6, 17), signs * rng.uniform(0.5, 9.0, size=3)
        a, b, c = abs(f), abs(f2), abs(f3)
        sizes = "one of f, f2, f3 is negative here, and the bounds use sizes: take abs."
        try:
            result = run(answer, eps, f, f2, f3)
        except Mistake as mistake:
            raise Mistake(f"{mistake} Mind that {sizes}" if min(signs) < 0 else str(mistake)) from None
        if min(signs) < 0 and _not_real(result):
            raise Mistake(f"the root has no real value: {sizes}")
        got = numbers(result, (2,), "forward and central step")
        forward, central = 2 * np.sqrt(eps * a / b), np.cbrt(3 * eps * a / c)
        if is_close(got, [central, forward]):
            raise Mistake("the two steps are swapped: return the forward one first.")
        want_close(got[0], forward, "the forward step", [
            (np.sqrt(eps * a / b), "the factor 2 is missing: E'(h) = 0 gives h^2 = 4 eps |f| / |f''|."),
            (np.sqrt(2 * eps * a / b), "h^2 should be 4 eps |f| / |f''|: both values of f are rounded, so 2 eps |f| / h."),
            (2 * eps * a / b, "the root is missing: E'(h) = 0 gives h squared."),
            (4 * eps * a / b, "the root is missing: E'(h) = 0 gives h squared."),
            (2 * np.sqrt(eps * b / a), "|f| and |f''| are swapped: a strongly curved function wants a smaller step."),
            (2 * np.sqrt(eps), "|f| and |f''| do not enter: 2 sqrt(eps) is right only when they are equal."),
            (-forward, "the root of h^2 that is wanted is the positive one."),
        ], atol=0)  # fmt: skip
        want_close(got[1], central, "the central step", [
            (-central, "a step is positive: the bounds use sizes, take abs(f) and abs(f3)."),
            (eps * a / c, "x ** 1/3 is x divided by 3: write x ** (1/3), or np.cbrt(x)."),
            (np.cbrt(eps * a / c), "the factor 3 is missing: E'(h) = h |f'''| / 3 - eps |f| / h^2."),
            (np.cbrt(6 * eps * a / c), "h^3 should be 3 eps |f| / |f'''|: the central run is 2h, rounding is eps |f| / h."),
            (np.sqrt(3 * eps * a / c), "E'(h) = 0 gives h cubed: take the third root, not the square root."),
            (3 * eps * a / c, "the third root is missing: E'(h) = 0 gives h cubed."),
            (np.cbrt(3 * eps * a / b), "the central difference feels f''', not f''."),
            (np.cbrt(3 * eps * c / a), "|f| and |f'''| are swapped."),
            (np.cbrt(3 * eps), "|f| and |f'''| do not enter: (3 eps)^(1/3) is right only when they are equal."),
        ], atol=0)  # fmt: skip


def _not_real(result):
    """True when ``result`` holds a NaN or a complex number."""
    try:
        array = np.asarray(result)
        return array.dtype.kind == "c" or (array.dtype.kind == "f" and bool(np.isnan(array).any()))
    except (TypeError, ValueError):
        return False


@check.exercise(points=2)
def forward_gradient(answer):
    rng = draw(22)
    for d, whole, h in ((3, False, 0.25), (4, False, 0.5), (2, False, 0.125), (5, True, 0.25)):
        A, b = rng.normal(size=(d, d)), rng.normal(size=d)
        A = A + A.T
        theta = rng.integers(-5, 6, size=d) if whole else rng.normal(size=d)
        result, calls = run(answer, A, b, theta, h, probe=ch02.on_a_bowl)
        got = numbers(result, (d,), "the gradient")
        g, curve = A @ theta + b, h / 2 * np.diag(A)  # f(theta + h e_j) - f(theta) = h g_j + h^2 A_jj / 2
        piled = g + curve + h * np.tril(A, -1).sum(axis=1)  # steps never taken back, each rise measured
        want = g + curve
        if whole and not is_close(got, want):
            raise Mistake(
                f"theta of whole numbers {short(theta)}: got {short(got)}, wanted {short(want)}. "
                "Adding h to an array of integers rounds it: make a float copy of theta."
            )
        want_close(got, want, "the gradient", [
            (g, "that is the central difference: here use f(theta + h e_j) and f(theta)."),
            (g - curve, "that is the step backwards: use f(theta + h e_j) - f(theta)."),
            (h * want, "the division by h is missing."),
            (-want, "the sign is flipped: f(theta + h e_j) minus f(theta)."),
            (want / 2, "divide by h, not by 2h: the run is h."),
            (piled, "the steps pile up: take coordinate j back before you step in the next."),
            (np.cumsum(piled),
             "the steps pile up: take coordinate j back before you step in the next."),
            (np.full(d, want.sum()), "every entry is the same: step in one coordinate at a time."),
        ])  # fmt: skip
        if calls > d + 1:
            raise Mistake(
                f"the numbers are right, but f was called {calls} times for d = {d}; wanted at most {d + 1}: "
                "call f(theta) once, before the loop."
            )


@check.exercise(points=2)
def directional_slope(answer):
    rng = draw(23)
    for d, h in ((2, 0.3), (3, 0.2), (5, 0.4)):
        c, theta = rng.normal(size=(2, d))
        v = rng.choice([-1, 1]) * (-1.0) ** np.arange(d) * rng.uniform(1, 4, size=d)  # both signs
        f = lambda t, c=c: c @ t**3
        size = np.linalg.norm(v)
        central = lambda u, h: (f(theta + h * u) - f(theta - h * u)) / (2 * h)
        u = v / size
        result = run(answer, c, theta, v, h, probe=ch02.on_cubes)
        want_close(result, central(u, h), f"the slope (d = {d})", [
            (central(v, h), "v was not made a unit vector: divide it by its length first."),
            (central(v, h) / size, "the step is h |v| long: divide v by its length before stepping, not after."),
            (central(v / size**2, h), "v was divided by its length squared: take the root, np.linalg.norm."),
            (central(v / np.abs(v).sum(), h), "v was divided by the sum of its sizes; wanted its length."),
            (central(v / np.abs(v).max(), h), "v was divided by its largest entry; wanted its length."),
            (central(v / v.sum(), h), "v was divided by the sum of its entries; wanted its length."),
            ((f(theta + h * u) - f(theta)) / h, "that is the forward difference: step to both sides."),
            ((f(theta) - f(theta - h * u)) / h, "that is the backward difference: step to both sides."),
            (central(u, h) * 2, "the run is 2h, from -h to +h: divide by 2h."),
            (central(u, h) * 2 * h, "the division by the run 2h is missing."),
            (-central(u, h), "the sign is flipped: f(theta + h u) minus f(theta - h u)."),
        ])  # fmt: skip


@check.exercise(points=2)
def relative_error(answer):
    rng = draw(25)
    small, large = rng.uniform([1, 3], [2, 4]).round(3).tolist()
    gap = large - small
    cases = [
        (large, small, gap / large, "a gradient too large"),
        (small, large, gap / large, "a gradient too small"),
        (-large, large, 2.0, "a flipped sign"),
        (large, -large, 2.0, "a flipped sign"),
        (-small, -large, gap / large, "two negative slopes"),
        (-large, -small, gap / large, "two negative slopes"),
        (0.0, large, 1.0, "a zero gradient"),
        (large, 0.0, 1.0, "a measured slope of zero"),
        (0.0, 0.0, 0.0, "both slopes zero"),
        (small * 1e-12, 0.0, 1.0, "two tiny slopes"),
        (small * (1 + 2e-7), small, 2e-7 / (1 + 2e-7), "two slopes that differ in the seventh digit"),
    ]
    for claimed, measured, want, what in cases:
        what = f"{what} ({claimed:g} against {measured:g})"
        got = _number(run(answer, claimed, measured), what)
        if got < 0:
            raise Mistake(
                f"{what}: got {got:.6g}, and every negative number is below 1e-7: take the absolute value."
            )
        if want == 2.0 and is_close(got, 0.0):
            raise Mistake(
                "a flipped sign passes with error 0: the sizes agree, the slopes do not; take |claimed - measured|."
            )
        if not np.isfinite(got):
            raise Mistake(
                f"{what}: got {got}; divide by max(|claimed|, |measured|, 1e-300), which is never zero."
            )
        negative = max(claimed, measured) < 0
        if negative and got > 1e6:
            raise Mistake(
                f"{what}: got {got:.3g}: the size of a slope is |s|; the max of two negative numbers and 1e-300 "
                "picks the 1e-300."
            )
        seen = f"{what}: got {got:.6g}, wanted {want:.6g}"
        want_close(got, want, what, [
            (gap / small, f"{seen}: divide by the larger of "
             + ("*both* sizes, with abs on each." if negative else "the two sizes.")),
            (2 * gap / (small + large), f"{seen}: divide by the larger size, not by the mean of both."),
            (gap / (small + large), f"{seen}: divide by the larger size, not by the sum of both."),
            (small * 1e-4, "a floor of 1e-8 passes any wrong gradient of a loss in tiny units: use 1e-300."),
        ], atol=1e-12)  # fmt: skip
    for claimed, measured in ((np.nan, 1.0), (1.0, np.nan), (np.nan, np.nan)):
        got = _number(run(answer, claimed, measured), "a slope that is NaN")
        if np.isfinite(got) or got < 0:
            raise Mistake(
                f"a NaN slope ({claimed} against {measured}) gives {got:.6g}; mind that max(0.0, nan) is 0.0. "
                "Return NaN or infinity for it."
            )


def _number(result, what):
    """``result`` as one float, NaN and infinity allowed; raises Mistake otherwise."""
    try:
        array = np.array(result)
    except ValueError:
        array = np.array(None)
    if array.shape != () or array.dtype.kind not in "fiu":
        raise Mistake(f"{what}: wanted one number, got {result!r}.")
    return float(array)


@check.exercise(points=2)
def best_powers(answer):
    got = numbers(run(answer), (4,), "four powers k")
    if np.all((got > 0) & (got < 1)):
        raise Mistake("those are steps h; wanted the powers k in h = 2**-k.")
    if np.all(got < 0):
        raise Mistake("k is positive: h = 2**-k.")
    if np.any(got != np.round(got)):
        raise Mistake(f"the powers are whole numbers; got {short(got)}.")
    want = np.array([25, 17, 10, 7])  # + - * / round alike everywhere; the next best k is 1.17 times worse
    for wrong, message in (
        (want - 2, "every k is 2 too small: np.argmin counts from 0, and the first k is 2."),
        ([24, 16, 9, 6], "that is the prediction: measure, the bottom moves a little."),
        (want[[2, 3, 0, 1]],
         "float32 and float64 are swapped: the coarser numbers want the larger step, so the smaller k."),
        (want[[1, 0, 3, 2]],
         "forward and central are swapped: the central difference wants the larger step, so the smaller k."),
        (want[[0, 2, 1, 3]], "the order is forward64, central64, forward32, central32."),
    ):  # fmt: skip
        if np.array_equal(got, wrong):
            raise Mistake(message)
    names = ("forward in float64", "central in float64", "forward in float32", "central in float32")
    for k, best, name in zip(got, want, names):
        if k != best:
            raise Mistake(
                f"{name}: k = {k:.0f} is not the bottom of the V. Take the largest error of the 50 points for "
                "each k, compare with -1/x**2 in float64, and keep x and h in the given kind."
            )


@check.exercise(points=3)
def richardson(answer):
    rng = draw(24)
    for _ in range(4):
        p, x, h = rng.normal(size=6), rng.uniform(0.5, 1.5), rng.uniform(0.2, 0.4)
        f = lambda t, p=p: np.polyval(p, t)
        D = lambda h: (f(x + h) - f(x - h)) / (2 * h)
        F = lambda h: (f(x + h) - f(x)) / h
        result = run(answer, p, x, h, probe=ch02.on_a_polynomial)
        want_close(result, (4 * D(h / 2) - D(h)) / 3, "the combined slope", [
            (D(h), "that is the central difference at h alone: combine it with the one at h / 2."),
            (D(h / 2), "that is the central difference at h / 2 alone: combine it with the one at h."),
            ((4 * D(h) - D(h / 2)) / 3, "the weights are swapped: the better slope, at h / 2, counts 4."),
            ((D(h) + D(h / 2)) / 2, "a mean only averages the two errors; choose weights that cancel the h^2 terms."),
            (2 * D(h / 2) - D(h), "those weights cancel an error in h; the central error goes with h^2, so 4 and 1."),
            (4 * D(h / 2) - D(h), "the weights must add up to 1: divide by 3."),
            ((4 * D(h) - D(2 * h)) / 3, "you used h and 2h; wanted h / 2 and h."),
            ((4 * F(h / 2) - F(h)) / 3, "those are forward differences; their error goes with h, so 4 and 1 do not fit."),
            (2 * F(h / 2) - F(h), "that combines forward differences; wanted central ones, whose even terms vanish."),
        ], rtol=1e-8)  # fmt: skip
