"""Checks of the exercises for "Walk downhill"."""

import numpy as np

from gdcourse.checks.core import Checker, Mistake, draw, is_close, numbers, run, want_close

check = Checker()


def shape_of(result):
    """Shape of whatever a learner returned, None when it has none."""
    try:
        return np.shape(result)
    except (TypeError, ValueError):
        return None


@check.exercise(points=1)
def one_step_by_hand(answer):
    # f(x) = x^2 + 2x + 1 at 3: slope 8, so x1 = 3 - 0.1 * 8 = 2.2 and f(x1) = 3.2^2 = 10.24
    mistakes = [
        ([3.8, 23.04], "you stepped uphill: the rule subtracts lr times the slope."),
        ([3.8, 10.24], "you stepped uphill: the rule subtracts lr times the slope."),
        ([2.4, 11.56], "the slope is 2x + 2, and 2 * 3 + 2 = 8: did you forget the + 2?"),
        ([-5.0, 16.0], "you subtracted the whole slope: multiply it by the learning rate 0.1 first."),
        ([2.2, 16.0], "f is still taken at the old point 3: put the new point into f."),
        ([10.24, 2.2], "the two numbers are swapped: first the new x, then f there."),
        ([1.4, 5.76], "you used f(3) = 16 as the slope: take the derivative first."),
    ]
    want_close(run(answer), [2.2, 10.24], "(x1, f(x1))", mistakes, otherwise="not right: first the slope at 3, "
               "then the new point, then f there; do not round.")  # fmt: skip


@check.exercise(points=2)
def stable_step_by_hand(answer):
    # [[5, 2], [2, 2]]: sum 7, product 6, so eigenvalues 6 and 1; 2/6, 2/7, (6 - 1)/(6 + 1)
    good = np.array([1 / 3, 2 / 7, 5 / 7])
    mistakes = [
        ([1 / 6, 2 / 7, 5 / 7], "the limit is 2 / lambda_max, not 1 / lambda_max: a factor of -1 is the border."),
        ([2.0, 2 / 7, 5 / 7], "the limit is set by the largest eigenvalue; you divided by the smallest."),
        ([1 / 3, 1 / 7, 5 / 7], "the best step is 2 / (lambda_min + lambda_max): a factor 2 is missing."),
        ([1 / 3, 4 / 7, 5 / 7], "the best step is 2 / (sum of the eigenvalues): yours is beyond the limit."),
        ([1 / 3, 1 / 6, 5 / 6], "1 / lambda_max is a safe step, not the best: solve 1 - lr * 1 = lr * 6 - 1."),
        ([1 / 3, 1 / 6, 5 / 7], "1 / lambda_max is a safe step, not the best: solve 1 - lr * 1 = lr * 6 - 1."),
        ([1 / 3, 2 / 7, 7 / 5], "the rate is (kappa - 1) / (kappa + 1): turned upside down it would exceed 1."),
        ([1 / 3, 2 / 7, 6.0], "the third number is the rate (kappa - 1) / (kappa + 1), not kappa itself."),
        ([2 / 5, 2 / 7, 3 / 7], "5 and 2 are the diagonal of H, not its eigenvalues: solve "
         "lambda^2 - 7 lambda + 6 = 0."),
        (good[[1, 0, 2]], "the first two are swapped: first the limit, then the best step."),
    ]  # fmt: skip
    want_close(run(answer), good, "(limit, best step, rate)", mistakes, otherwise="not right: your eigenvalues must "
               "have sum 7 and product 6; with them, three fractions, not rounded decimals.")  # fmt: skip


def problems(seed, shapes=((7, 2), (5, 3), (9, 4))):
    """Random least-squares problems (X, y, a small lr), m != d."""
    rng = draw(seed)
    for m, d in shapes:
        X, y = rng.normal(size=(m, d)), rng.normal(size=m) + 2
        yield X, y, 0.5 / np.linalg.norm(X, 2) ** 2 * m


def loss_of(theta, X, y):
    return sum((float(np.dot(row, theta)) - t) ** 2 for row, t in zip(X, y)) / (2 * len(y))


def walk(X, y, lr, steps, scale):
    """Losses of descent with the gradient scale * X^T r, row by row, as an oracle."""
    theta, losses = np.zeros(X.shape[1]), []
    for _ in range(steps + 1):
        losses.append(loss_of(theta, X, y))
        g = sum((np.dot(row, theta) - t) * row for row, t in zip(X, y))
        theta = theta - lr * scale * g
    return np.array(losses)


@check.exercise(points=2)
def loss_curve(answer):
    for (X, y, lr), steps, c in zip(problems(0), (6, 4, 1), (1, 8, 0.6)):  # 8: beyond the limit, it rises
        m, lr = len(y), c * lr
        got, good = run(answer, X, y, lr, steps), walk(X, y, lr, steps, 1 / m)
        if shape_of(got) == (steps,) and is_close(numbers(got, (steps,), "losses"), good[:-1]):
            raise Mistake("the last loss is missing: steps + 1 losses, the start and the end included.")
        if shape_of(got) == (steps,) and is_close(numbers(got, (steps,), "losses"), good[1:]):
            raise Mistake("the first loss is missing: record it before the first step too.")
        want_close(got, good, "losses", [
            (walk(X, y, lr, steps, -1 / m), "the loss rises: subtract lr times the gradient, X^T r / m with "
             "r = X theta - y."),
            (walk(X, y, lr, steps, 1), "the gradient is not divided by m: for the half mean it is X^T r / m."),
            (walk(X, y, lr, steps, 2 / m), "a factor 2 too much in the gradient: the 1/2 of the loss cancels it."),
            (2 * good, "the losses are twice too large: is the 1/2 of the half mean missing?"),
            (m * good, "the losses are m times too large: divide by m for the half mean."),
            (2 * m * good, "the losses are plain sums of squares: divide by 2 m."),
            (2 * walk(X, y, lr, steps, 2 / m), "this is the mean of squares, not the half mean: divide by 2 m "
             "in the loss, by m in its gradient."),
        ])  # fmt: skip


@check.exercise(points=2)
def stable_lr(answer):
    for X, _, _ in problems(1, ((7, 2), (5, 3), (9, 4), (3, 5))):
        m = len(X)
        s = np.linalg.svd(X, compute_uv=False)  # lambda_i(X^T X) = s_i^2
        good = m / s[0] ** 2  # 2 / (2 s^2 / m)
        want_close(run(answer, X), good, "limit", [
            (2 * good, "this is the limit for the half mean: the mean's Hessian is 2 X^T X / m, twice as large."),
            (2 / s[0] ** 2, "this is the limit for half the sum: divide the Hessian by m, and multiply by 2."),
            (1 / s[0] ** 2, "this is the limit for the plain sum: the mean's Hessian is 2 X^T X / m."),
            (good / 2, "this is 1 / lambda_max: the limit is 2 / lambda_max."),
            (m / s[-1] ** 2, "you took the smallest eigenvalue: the largest one sets the limit."),
            (m / s[0], "you used the singular value: the eigenvalue of X^T X is its square."),
            (m / (s**2).sum(), "you divided by the trace, the sum of all eigenvalues: take the largest only."),
        ])  # fmt: skip


@check.exercise(points=2)
def fit_standardised(answer):
    rng = draw(2)
    for m in (4, 7, 11):
        x = rng.normal(size=m) * 5 + 20
        y = rng.normal() * x + rng.normal() + rng.normal(size=m)
        w, b = np.polyfit(x, y, 1)
        s, mean = x.std(), x.mean()
        want_close(run(answer, x, y), [w, b], "(w, b)", [
            ([w * s, y.mean()], "these are the parameters of z: convert back, w = w_z / s, b = b_z - w * mean."),
            ([w, y.mean()], "the intercept still belongs to z: b = b_z - w * mean."),
            ([w * s, y.mean() - w * s * mean], "the slope still belongs to z: divide w_z by the deviation s."),
            ([w, y.mean() + w * mean], "the sign in the intercept is flipped: b = b_z - w * mean."),
            ([b, w], "the two numbers are swapped: return (w, b)."),
            ([-w, -b], "you stepped uphill: from zero, theta = -1 * gradient."),
            ([w / m, b / m], "the result is m times too small: is the gradient divided by m twice?"),
            ([w * m, b * m], "the result is m times too large: divide the gradient by m, else 1 is no stable step."),
            ([w * (m - 1) / m, y.mean() - w * (m - 1) / m * mean],
             "the standard deviation divides by m - 1 (ddof=1): with m, the mean of z^2 is exactly 1."),
        ])  # fmt: skip


def line_path(x, y, lr, steps, order):
    """Path of (w, b) for the half mean; ``order`` says how the two updates are made."""
    m, w, b, path = len(y), 0.0, 0.0, [(0.0, 0.0)]
    for _ in range(steps):
        r = [w * u + b - v for u, v in zip(x, y)]
        gw, gb = sum(p * q for p, q in zip(r, x)) / m, sum(r) / m
        if order == "w first":
            w -= lr * gw
            b -= lr * sum(w * u + b - v for u, v in zip(x, y)) / m
        elif order == "b first":
            b -= lr * gb
            w -= lr * sum((w * u + b - v) * u for u, v in zip(x, y)) / m
        elif order == "uphill":
            w, b = w + lr * gw, b + lr * gb
        elif order == "sum":
            w, b = w - lr * m * gw, b - lr * m * gb
        else:
            w, b = w - lr * gw, b - lr * gb
        path.append((w, b))
    return np.array(path)


@check.exercise(points=2)
def descend_line(answer):
    rng = draw(3)
    for m, steps, lr in ((4, 5, 0.2), (6, 8, 0.35), (5, 3, 0.1)):
        x, y = rng.normal(size=m), rng.normal(size=m) + 1
        got, good = run(answer, x, y, lr, steps), line_path(x, y, lr, steps, "both")
        if shape_of(got) == (2,) and is_close(numbers(got, (2,), "path"), good[-1]):
            raise Mistake("only the last point came back: return the whole path, shape (steps + 1, 2).")
        if shape_of(got) == (2, steps + 1):
            raise Mistake("the path is transposed: one row a step, shape (steps + 1, 2).")
        if shape_of(got) == (steps, 2):
            raise Mistake("one row is missing: the path has the start too, shape (steps + 1, 2).")
        want_close(got, good, "path", [
            (line_path(x, y, lr, steps, "w first"), "b is still updated with the new w: compute both slopes first, "
             "then change both parameters."),
            (line_path(x, y, lr, steps, "b first"), "w is now updated with the new b: compute both slopes first, "
             "then change both parameters."),
            (line_path(x, y, lr, steps, "uphill"), "you step uphill: the slopes of r = prediction - target "
             "are subtracted."),
            (line_path(x, y, lr, steps, "sum"), "the slopes are sums: keep the mean, that was not the bug."),
            (np.tile(good[-1], (steps + 1, 1)), "all rows are the same: the list holds one array that you overwrite; "
             "append a new one."),
        ])  # fmt: skip


@check.exercise(points=2)
def lr_that_crosses(answer):
    lr = float(numbers(run(answer), (), "lr"))
    if not 0 < lr <= 1:
        raise Mistake(f"lr is {lr:.6g}: look between 0 and 1.")
    x = 2.0
    for _ in range(500):
        x = x - lr * (4 * x * (x * x - 1) + 0.3)
        if abs(x) > 1e6:
            raise Mistake(f"with lr {lr:.6g} the run diverges: take a smaller one.")
    slope = abs(4 * x * (x * x - 1) + 0.3)
    if slope > 1e-6:
        raise Mistake(
            f"with lr {lr:.6g} the run has not settled: |slope| is {slope:.2g} after 500 steps; "
            f"take a {'longer' if lr < 0.01 else 'shorter'} step."
        )
    if x > 0:
        raise Mistake(
            f"with lr {lr:.6g} the run ends at x = {x:.4f}, in the shallow valley: try another length."
        )


@check.exercise(points=3)
def steepest_path(answer):
    rng = draw(4)
    for d, steps in ((2, 4), (3, 6), (5, 1)):
        A = rng.normal(size=(d, d))
        H, start = A @ A.T + np.eye(d), rng.normal(size=d)
        want = {}
        for kind in ("exact", "first", "half", "twice", "inverse", "norm", "uphill"):
            t, path, first = start, [start], None
            for _ in range(steps):
                g = H @ t
                exact = g @ g / (g @ H @ g)
                first = first or exact
                step = {"exact": exact, "first": first, "half": exact / 2, "twice": 2 * exact, "inverse": 1 / exact,
                        "norm": np.sqrt(g @ g) / (g @ H @ g), "uphill": -exact}[kind]  # fmt: skip
                t = t - step * g
                path.append(t)
            want[kind] = np.array(path)
        got = run(answer, H, start, steps)
        if shape_of(got) == (d,) and is_close(numbers(got, (d,), "path"), want["exact"][-1]):
            raise Mistake("only the last point came back: return the whole path, shape (steps + 1, d).")
        if shape_of(got) == (steps, d):
            raise Mistake("one row is missing: the path has the start too, shape (steps + 1, d).")
        want_close(got, want["exact"], "path", [
            (want["first"], "you keep the first step's lr: compute g.g / g.Hg anew at each point."),
            (want["half"], "the step is half of the best one: check the derivative of 1/2 (g.Hg) lr^2."),
            (want["twice"], "the step is twice the best one: it comes out at the same height, so the loss never falls."),
            (want["inverse"], "the fraction is upside down: the best lr is g.g / g.Hg."),
            (want["norm"], "the numerator is the squared length g.g, not the length of g."),
            (want["uphill"], "the sign is flipped: theta - lr * g."),
            (np.tile(want["exact"][-1], (steps + 1, 1)), "all rows are the same: `-=` overwrites one array; make a new one "
             "each step."),
        ], rtol=1e-6, atol=1e-8)  # fmt: skip
