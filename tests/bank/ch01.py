"""Right and wrong answers to the exercises of "Fit a line": see test_bank.py for how they are used."""

from fractions import Fraction

import numpy as np

ones = lambda x: np.column_stack([x, np.ones(len(x))])
C = {"half sum": lambda m: 1, "sum": lambda m: 2, "half mean": lambda m: 1 / m, "mean": lambda m: 2 / m}


def gradient_loop(theta, X, y):
    total = np.zeros(len(theta))
    for row, target in zip(X, y):
        total = total + 2 * (row @ theta - target) * row
    return total / len(y)


def fit_by_sums(x, y):
    w = np.sum((x - x.mean()) * (y - y.mean())) / np.sum((x - x.mean()) ** 2)
    return [w, y.mean() - w * x.mean()]


def fit_swapped_roles(x, y):
    v, a = np.polyfit(y, x, 1)
    return v, a


def fit_horizontal(x, y):
    v, a = np.polyfit(y, x, 1)
    return 1 / v, -a / v


def fit_perpendicular(x, y):
    dx, dy = np.linalg.svd(np.column_stack([x - x.mean(), y - y.mean()]))[2][0]
    return dy / dx, y.mean() - dy / dx * x.mean()


def fit_ends(x, y):
    w = (y[-1] - y[0]) / (x[-1] - x[0])
    return w, y[0] - w * x[0]


def fit_broadcast(x, y):
    X = ones(x)
    return np.linalg.lstsq(X, np.full(len(x), y.mean()))[0]


def fit_dictionary(x, y):  # equal x overwrite one another
    points = dict(zip(x, y))
    return np.polyfit(list(points), list(points.values()), 1)


def fit_in_place(x, y):
    y -= y.mean()
    return np.polyfit(x, y, 1)


def convert_by_cases(lr, m, old, new):
    if old in ("half mean", "mean"):
        lr = lr / m
    if old in ("sum", "mean"):
        lr = lr * 2
    if new in ("half mean", "mean"):
        lr = lr * m
    if new in ("sum", "mean"):
        lr = lr / 2
    return lr


def convert_by_gradients(lr, m, old, new):
    move = {"half sum": 1.0, "sum": 2.0, "half mean": 1.0 / m, "mean": 2.0 / m}
    return np.float64(lr) / (move[new] / move[old])


def loss_ravel(theta, X, y):
    r = y.ravel() - X @ theta
    return r @ r / (2 * len(r))


def loss_loop(theta, X, y):
    total = 0.0
    for row, target in zip(X, np.asarray(y).reshape(len(X))):
        total += (row @ theta - target) ** 2
    return total / 2 / len(X)


def loss_column(theta, X, y):
    r = (X @ theta)[:, None] - y.reshape(-1, 1)
    return float(0.5 * (r.T @ r)[0, 0] / len(r))


def slopes(rng, m, fits=1000, noise=0.5, ends=(-1, 1)):
    x = np.linspace(*ends, m)
    return 3 + noise * rng.normal(size=(fits, m)) @ (x - x.mean()) / np.sum((x - x.mean()) ** 2)


def intercepts(rng, m):
    return 1 + 0.5 * rng.normal(size=(1000, m)).mean(axis=1)  # the inputs have mean zero


def spread_polyfit(rng, m):
    x = np.linspace(-1, 1, m)
    return np.std([np.polyfit(x, 3 * x + 1 + 0.5 * rng.normal(size=m), 1)[0] for _ in range(1000)])


def spread_normal_equations(rng, m):
    X, found = ones(np.linspace(-1, 1, m)), []
    for _ in range(1000):
        y = X @ np.array([3.0, 1.0]) + 0.5 * rng.standard_normal(m)
        found.append(np.linalg.solve(X.T @ X, X.T @ y)[0])
    return np.std(found, ddof=1)


def primal_in_disguise(K, y, lam, K_new):
    values, vectors = np.linalg.eigh(K)
    return K_new @ (vectors @ ((vectors.T @ y) / (values + lam)))


def kernel_loop(K, y, lam, K_new):
    M = K.copy()
    for i in range(len(M)):
        M[i, i] += lam
    a = np.linalg.inv(M) @ y
    return [float(row @ a) for row in K_new]


def kernel_in_place(K, y, lam, K_new):
    K += lam * np.eye(len(y))
    return K_new @ np.linalg.solve(K, y)


I = lambda y: np.eye(len(y))

RIGHT = {
    "score_line": [
        lambda: [Fraction(9, 2), Fraction(3, 2), 3],
        lambda: np.array([4.5, 1.5, 3]),
        lambda: tuple(np.sum(np.square([-1, 2, -2])) / k for k in (2, 6, 3)),
    ],
    "gradient_by_hand": [
        lambda: [-3, -1],
        lambda: np.array([-1 + 4 - 6, -1 + 2 - 2]),
        lambda: tuple(np.array([[1, 2, 3], [1, 1, 1]]) @ np.array([-1, 2, -2])),
    ],
    "mse_gradient": [
        gradient_loop,
        lambda theta, X, y: 2 * np.mean((X @ theta - y)[:, None] * X, axis=0),
        lambda theta, X, y: -2 * (y - X @ theta) @ X / X.shape[0],
    ],
    "fit_line": [
        fit_by_sums,
        lambda x, y: np.linalg.solve(ones(x).T @ ones(x), ones(x).T @ y),
        lambda x, y: tuple(np.linalg.pinv(np.column_stack([np.ones(len(x)), x])) @ y)[::-1],
    ],
    "convert_lr": [
        convert_by_cases,
        convert_by_gradients,
        lambda lr, m, old, new: lr * C[old](m) / C[new](m),
    ],
    "repaired_loss": [loss_ravel, loss_loop, loss_column],
    "slope_spread": [lambda rng, m: slopes(rng, m).std(), spread_polyfit, spread_normal_equations],
    "kernel_predict": [
        primal_in_disguise,
        kernel_loop,
        lambda K, y, lam, K_new: np.linalg.solve((K + lam * I(y)).T, K_new.T).T @ y,
    ],
}

WRONG = {
    "score_line": [
        (lambda: (9, 3, 3), "halves are missing"),
        (lambda: (9, 1.5, 3), "plain sum"),
        (lambda: (4.5, 3, 1.5), "swapped"),
        (lambda: (4.5, 1.5, 1.5), "the mean has no half"),
        (lambda: (0.5, 1 / 6, 1 / 3), "square each one"),
        (lambda: (2.5, 5 / 6, 5 / 3), "added sizes"),
        (lambda: (0.9, 0.3, 0.6), "perpendicular"),
        (lambda: (4.5, 2.25, 4.5), "3 points"),
        (lambda: (4.5, 1.5), "wanted shape (3,)"),
        (lambda: "4.5, 1.5, 3", "wanted numbers"),
        (lambda: (0, 0, 0), "write down the three residuals"),
    ],
    "gradient_by_hand": [
        (lambda: (3, 1), "sign is flipped"),
        (lambda: (-1, -3), "swapped"),
        (lambda: (-6, -2), "twice too large"),
        (lambda: (-1, -1 / 3), "half mean"),
        (lambda: (-1, -1), "factor x is missing"),
        (lambda: (-3, -3), "no factor x"),
        (lambda: (11, 5), "its sign"),
        (lambda: (-31, -13), "gradient at w = 0"),
        (lambda: -3, "wanted shape (2,)"),
        (lambda: "(-3, -1)", "wanted numbers"),
        (lambda: (1, 1), "make a table"),
    ],
    "mse_gradient": [
        (lambda theta, X, y: 2 * X.T @ (y - X @ theta) / len(y), "sign is flipped"),
        (lambda theta, X, y: X.T @ (X @ theta - y) / len(y), "half too small"),
        (lambda theta, X, y: 2 * X.T @ (X @ theta - y), "left out the division"),
        (lambda theta, X, y: X.T @ (X @ theta - y), "half sum"),
        (lambda theta, X, y: 2 * X.T @ (X @ theta - y) / len(theta), "divided by d"),
        (lambda theta, X, y: 2 * X.T @ (X @ theta) / len(y), "y is missing"),
        (lambda theta, X, y: 2 * X @ (X @ theta - y) / len(y), "raised ValueError"),
        (lambda theta, X, y: 2 / len(y) * (X @ theta - y), "got (7,)"),
        (lambda theta, X, y: np.mean((X @ theta - y) ** 2), "got ()"),
        (lambda theta, X, y: 2 / 7 * X.T @ (X @ theta - y), "wanted ["),
        (lambda theta, X, y: None, "`return` missing"),
    ],
    "fit_line": [
        (lambda x, y: np.polyfit(x, y, 1)[::-1], "swapped"),
        (lambda x, y: (x @ y / (x @ x), 0.0), "through the origin"),
        (fit_swapped_roles, "predicted x from y"),
        (fit_horizontal, "horizontal"),
        (fit_perpendicular, "perpendicular"),
        (fit_ends, "first and the last point"),
        (lambda x, y: (np.polyfit(x, y, 1)[0], y.mean()), "the slope is right"),
        (fit_broadcast, "flat line"),
        (lambda x, y: -np.polyfit(x, y, 1), "sign is flipped"),
        (fit_in_place, "in place"),
        (lambda x, y: np.polyfit(x, y, 2), "wanted shape (2,)"),
        (fit_dictionary, "(w, b): got"),
    ],
    "convert_lr": [
        (lambda lr, m, old, new: lr * C[new](m) / C[old](m), "upside down"),
        (lambda lr, m, old, new: lr * (2 - ("half" in old)) / (2 - ("half" in new)), "m is missing"),
        (lambda lr, m, old, new: lr * m ** ("mean" in new) / m ** ("mean" in old), "factor 2 is lost"),
        (lambda lr, m, old, new: lr, "old step"),
        (lambda lr, m, old, new: lr * C[new](m), "new scale only"),
        (lambda lr, m, old, new: lr / C[new](m), "old scale is missing"),
        (lambda lr, m, old, new: lr * C[old](m), "new scale is missing"),
        (lambda lr, m, old, new: lr * C[old](5) / C[new](5), 'from "half sum" to "half mean"'),
        (lambda lr, m, old, new: f"{lr} or so", "wanted numbers"),
        (lambda lr, m, old, new: {"half sum": lr}[new], "raised KeyError"),
    ],
    "repaired_loss": [
        (lambda theta, X, y: 0.5 * np.mean((X @ theta - y) ** 2), "broadcasts to (m, m)"),
        (lambda theta, X, y: np.mean((X @ theta - y.ravel()) ** 2), "1/2 got lost"),
        (lambda theta, X, y: 0.5 * np.sum((X @ theta - y.ravel()) ** 2), "half sum"),
        (lambda theta, X, y: 0.5 * np.mean(X @ theta - y.ravel()) ** 2, "squared the mean"),
        (lambda theta, X, y: 0.5 * np.mean(abs(X @ theta - y.ravel())), "square the residuals"),
        (lambda theta, X, y: 0.5 * np.mean((X @ theta - y[:, 0]) ** 2), "raised IndexError"),
        (lambda theta, X, y: 0.5 * np.sum((X @ theta - y) ** 2) / len(y), "m times too large"),
        (lambda theta, X, y: 0.5 * (X @ theta - y.ravel()) ** 2, "wanted shape ()"),
        (lambda theta, X, y: None, "`return` missing"),
    ],
    "slope_spread": [
        (lambda rng, m: intercepts(rng, m).std(), "spread of the intercept"),
        (lambda rng, m: slopes(rng, m, noise=1).std(), "0.5 times a standard normal"),
        (lambda rng, m: slopes(rng, m).var(), "that is the variance"),
        (lambda rng, m: slopes(rng, m).mean(), "mean of the slopes"),
        (lambda rng, m: (0.5 * rng.normal(size=9999)).std(), "spread of the noise"),
        (lambda rng, m: slopes(np.random.default_rng(0), m).std(), "same number"),
        (lambda rng, m: 2 + 0.01 * rng.normal(), "Simulate 1000 fits"),
        (lambda rng, m: np.abs(slopes(rng, m) - 3).mean(), "mean distance"),
        (lambda rng, m: slopes(rng, m), "wanted shape ()"),
        (lambda rng, m: "two", "wanted numbers"),
        (lambda rng: 2.0, "raised TypeError"),
        (lambda rng, m: None, "`return` missing"),
    ],
    "kernel_predict": [
        (lambda K, y, lam, K_new: K_new @ np.linalg.pinv(K) @ y, "lambda is missing"),
        (lambda K, y, lam, K_new: K_new @ np.linalg.solve(K - lam * I(y), y), "sign of lambda"),
        (lambda K, y, lam, K_new: K_new @ np.linalg.pinv(K + lam) @ y, "every entry"),
        (lambda K, y, lam, K_new: K_new @ np.linalg.solve(K + lam * len(y) * I(y), y), "multiplied by m"),
        (lambda K, y, lam, K_new: K_new @ np.linalg.solve(K + lam**2 * I(y), y), "squared"),
        (lambda K, y, lam, K_new: K_new @ y, "skipped the solve"),
        (lambda K, y, lam, K_new: K_new @ (K + lam * I(y)) @ y, "solve with it"),
        (lambda K, y, lam, K_new: np.linalg.solve(K + lam * I(y), y), "dual coefficients"),
        (lambda K, y, lam, K_new: K @ np.linalg.solve(K + lam * I(y), y), "one prediction per new row"),
        (kernel_in_place, "in place"),
        (lambda K, y, lam, K_new: K_new.T @ np.linalg.solve(K + lam * I(y), y), "raised ValueError"),
        (lambda K, y, lam, K_new: np.array(["a"] * len(y)), "wanted numbers"),
    ],
}  # fmt: skip
