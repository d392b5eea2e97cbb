"""Checks of the exercises of "Fit a line"."""

import numpy as np

from gdcourse.checks.core import Checker, Mistake, draw, is_close, numbers, run, short, want_close
from gdcourse.probes import ch01

check = Checker()

SCALES = {"half sum": lambda m: 1, "sum": lambda m: 2, "half mean": lambda m: 1 / m, "mean": lambda m: 2 / m}


def draws(seed, sizes=((7, 3), (4, 2), (12, 5))):
    """Random (theta, X, y) of several shapes, m != d."""
    rng = draw(seed)
    return [(rng.normal(size=d), rng.normal(size=(m, d)), rng.normal(size=m)) for m, d in sizes]


@check.exercise(points=2)
def score_line(answer):
    r = np.array([-1.0, 2.0, -2.0])
    triple = lambda s: (s / 2, s / 6, s / 3)
    want_close(run(answer), triple(9), "half sum, half mean, mean", [
        ((9, 1.5, 3), "the first number is the plain sum of squares: the half sum is half of it."),
        ((9, 3, 3), "halves are missing: half sum is 1/2 of the sum, half mean 1/2 of the mean."),
        ((4.5, 3, 1.5), "the last two are swapped: the half mean comes before the mean."),
        ((4.5, 1.5, 1.5), "the mean has no half: it is the sum of squares divided by m."),
        ((4.5, 2.25, 4.5), "you divided by 2, but there are 3 points: m = 3."),
        (triple(r.sum() ** 2), "you squared the sum of the residuals: square each one, then add."),
        (triple(abs(r).sum()), "you added sizes, not squares: r = -2 counts 4."),
        (triple(9 / 5), "these are perpendicular distances: least squares takes vertical ones, r = 2x - y."),
    ], otherwise="not right: write down the three residuals 2x - y first.")  # fmt: skip


@check.exercise(points=2)
def gradient_by_hand(answer):
    want_close(run(answer), (-3, -1), "(dL/dw, dL/db)", [
        ((3, 1), "the sign is flipped: r is prediction minus target, so dL/dw = +sum r x."),
        ((-1, -3), "the two are swapped: the derivative in w comes first, it is the one with x."),
        ((-6, -2), "twice too large: the 1/2 in front cancels the 2 of the square."),
        ((-1, -1 / 3), "that is the gradient of the half mean: here the loss is a sum, do not divide by m."),
        ((-1, -1), "the factor x is missing in dL/dw: the inner derivative of w x + b - y in w is x."),
        ((-3, -3), "the derivative in b has no factor x: it is sum r."),
        ((11, 5), "r x needs its sign: -1, 2 and -2 keep theirs when you add."),
        ((-31, -13), "that is the gradient at w = 0: use the line y = 2x for the residuals."),
    ], otherwise="not right: make a table with columns x, r and r x, and add up the last two.")  # fmt: skip


@check.exercise(points=2)
def mse_gradient(answer):
    for theta, X, y in draws(10):
        m = len(y)
        want = np.array([  # slopes of the mean squared error, measured: exact for a quadratic
            (np.mean((X @ (theta + e) - y) ** 2) - np.mean((X @ (theta - e) - y) ** 2)) / 2
            for e in np.eye(len(theta))
        ])  # fmt: skip
        want_close(run(answer, theta, X, y), want, "gradient of 1/m sum r^2", [
            (-want, "the sign is flipped: with r = X theta - y the gradient is +2 X^T r / m."),
            (want / 2, "half too small: this loss has no 1/2, so the 2 of the square stays."),
            (want * m, "you left out the division by m."),
            (want * m / 2, "this is the gradient of the half sum: multiply by 2 / m."),
            (want * m / len(theta), "you divided by d: divide by the number of rows, m = len(y)."),
            (2 * X.T @ (X @ theta) / m, "y is missing: the residual is X theta - y."),
        ])  # fmt: skip


@check.exercise(points=3)
def fit_line(answer):
    rng = draw(20)
    for m in (5, 9, 40):
        x, y = rng.normal(size=m).round() + 2, rng.normal(size=m)
        x[0], x[-1] = 0.5, 4.5  # some x occur twice, the ends differ
        w, b = np.polyfit(x, y, 1)
        v, a = np.polyfit(y, x, 1)
        through = x @ y / (x @ x)
        ends = (y[-1] - y[0]) / (x[-1] - x[0])
        c = np.column_stack([x - x.mean(), y - y.mean()])
        dx, dy = np.linalg.svd(c)[2][0]
        want_close(run(answer, x, y), (w, b), "(w, b)", [
            ((b, w), "intercept and slope are swapped: return (w, b)."),
            ((through, 0), "this line is forced through the origin: X needs a column of ones."),
            ((v, a), "you predicted x from y: the residuals belong to y."),
            ((1 / v, -a / v), "this minimises horizontal misses: the residuals are vertical."),
            ((dy / dx, y.mean() - dy / dx * x.mean()), "this minimises perpendicular distances, not vertical ones."),
            ((ends, y[0] - ends * x[0]), "this joins the first and the last point: use all of them."),
            ((w, y.mean()), "the slope is right; b = mean(y) - w mean(x)."),
            ((0, y.mean()), "a flat line: did a y of shape (m, 1) broadcast, or is x lost?"),
            ((-w, -b), "the sign is flipped: X^T X theta = + X^T y."),
        ])  # fmt: skip


@check.exercise(points=3)
def convert_lr(answer):
    rng = draw(25)
    steps = rng.uniform(0.001, 0.1, 2).round(4).tolist()
    sizes = rng.choice(np.arange(6, 40), 2, replace=False).tolist()
    cases = [(lr, m, old, new) for lr, m in zip(steps, sizes) for old in SCALES for new in SCALES]
    names = [f'from "{old}" to "{new}" with lr = {lr}, m = {m}' for lr, m, old, new in cases]
    got = np.array([numbers(run(answer, *case), (), name) for case, name in zip(cases, names)])
    table = lambda f: np.array([f(lr, m, SCALES[old](m), SCALES[new](m)) for lr, m, old, new in cases])
    lost_m = [lr * (2 - ("half" in old)) / (2 - ("half" in new)) for lr, m, old, new in cases]
    lost_2 = [lr * (m if "mean" in new else 1) / (m if "mean" in old else 1) for lr, m, old, new in cases]
    for wrong, message in [
        (
            table(lambda lr, m, c, d: lr * d / c),
            "upside down: lr times scale stays equal, so divide by the new scale.",
        ),
        (lost_m, "m is missing: both means divide the sum by m."),
        (lost_2, "a factor 2 is lost: sum and mean have no 1/2, so their scales are 2 and 2 / m."),
        (table(lambda lr, m, c, d: lr), "you returned the old step: the scale changes, so the step must."),
        (
            table(lambda lr, m, c, d: lr * d),
            "lr times the new scale only: divide by it, and use the old scale too.",
        ),
        (
            table(lambda lr, m, c, d: lr / d),
            "the old scale is missing: the new step is lr * old scale / new scale.",
        ),
        (
            table(lambda lr, m, c, d: lr * c),
            "the new scale is missing: the new step is lr * old scale / new scale.",
        ),
    ]:
        if is_close(got, np.array(wrong)):
            raise Mistake(message)
    for value, want, name in zip(got, table(lambda lr, m, c, d: lr * c / d), names):
        want_close(value, want, name)


@check.exercise(points=2)
def repaired_loss(answer):
    for theta, X, y in draws(30):
        r = X @ theta - y
        for target in (y, y[:, None]):
            shape = f"y of shape {target.shape}"
            table = X @ theta - y[:, None]
            want_close(run(answer, theta, X, target), r @ r / (2 * len(y)), f"half mean loss with {shape}", [
                (0.5 * np.mean(table**2), f"still wrong with {shape}: the subtraction broadcasts to (m, m)."),
                (0.5 * np.sum(table**2) / len(y), f"m times too large with {shape}: this is a whole (m, m) table."),
                (r @ r / len(y), "the 1/2 got lost: keep 0.5 * mean."),
                (r @ r / 2, "that is the half sum: this loss is a half mean, divide by m."),
                (0.5 * np.mean(r) ** 2, "you squared the mean of the residuals: square first, then average."),
                (0.5 * np.mean(abs(r)), "square the residuals instead of taking their size."),
            ])  # fmt: skip


@check.exercise(points=3)
def slope_spread(answer):
    sizes = (5, 5, 5, 25, 100)
    names = [f"spread of the slope for m = {m}" for m in sizes]
    seeds = [int(draw(k).integers(2**32)) for k in range(len(sizes))]
    got = [run(answer, seed, m, probe=ch01.with_generator) for seed, m in zip(seeds, sizes)]
    got = [float(numbers(value, (), name)) for value, name in zip(got, names)]
    if len(set(got[:3])) < 3:
        raise Mistake("the same number for several generators: draw the noise from rng.")
    for value, m, name in zip(got, sizes, names):
        x = np.linspace(-1, 1, m)
        want = 0.5 / np.sqrt(x @ x)  # w - 3 is a sum of x_i eps_i / sum x^2 with independent noise
        wrongs = [
            (want, None),
            (2 * want, "twice too large: the noise is 0.5 times a standard normal, x runs from -1 to 1."),
            (want**2, "that is the variance: take the standard deviation."),
            (want * np.sqrt(2 / np.pi), "that is the mean distance from 3: take the standard deviation."),
            (0.5 / np.sqrt(m), "that is the spread of the intercept b: take the slope w."),
            (3, "that is the mean of the slopes, near the true 3: take their standard deviation."),
            (0.5, "that is the spread of the noise: fit a line in each repeat and keep its slope."),
        ]
        nearest, message = min(wrongs, key=lambda pair: abs(value / pair[0] - 1))
        room = 0.2 if nearest == want**2 else 0.12  # chance moves a variance by 0.045, the others by 0.022
        if abs(value / nearest - 1) > room:
            raise Mistake(f"{name}: got {short(value)}. Simulate 1000 fits and take np.std of the slopes.")
        if message:
            raise Mistake(message)


@check.exercise(points=4)
def kernel_predict(answer):
    rng = draw(40)
    for m, d, n, lam in ((8, 3, 4, 0.5), (5, 9, 6, 2.0), (12, 2, 3, 0.05)):
        X, y, X_new = rng.normal(size=(m, d)), rng.normal(size=m), rng.normal(size=(n, d))
        K, K_new = X @ X.T, X_new @ X.T  # (m, m), (n, m)
        padded = np.vstack([X, np.sqrt(lam) * np.eye(d)])  # ridge is least squares with d more rows
        theta = np.linalg.lstsq(padded, np.append(y, np.zeros(d)))[0]
        inverse = lambda M: np.linalg.pinv(M)
        mistakes = [
            (K_new @ inverse(K) @ y, "lambda is missing: solve with K + lam I."),
            (K_new @ inverse(K - lam * np.eye(m)) @ y, "the sign of lambda is flipped: add lam I."),
            (
                K_new @ inverse(K + lam) @ y,
                "`K + lam` adds lam to every entry: add it on the diagonal, lam * np.eye(m).",
            ),
            (K_new @ inverse(K + lam * m * np.eye(m)) @ y, "lambda must not be multiplied by m here."),
            (K_new @ inverse(K + lam**2 * np.eye(m)) @ y, "lambda is squared: add lam I."),
            (K_new @ y, "you skipped the solve: predictions are K_new @ a with (K + lam I) a = y."),
            (K_new @ (K + lam * np.eye(m)) @ y, "you multiplied by K + lam I: solve with it."),
        ]
        result = run(answer, K, y, lam, K_new)
        if isinstance(result, np.ndarray) and result.shape == (m,):
            if is_close(numbers(result, (m,), "predictions"), np.linalg.solve(K + lam * np.eye(m), y)):
                raise Mistake("these are the dual coefficients a: multiply K_new by them.")
            raise Mistake(
                f"wanted one prediction per new row, shape ({n},), got ({m},): use K_new at the end."
            )
        want_close(result, X_new @ theta, "predictions", mistakes)
