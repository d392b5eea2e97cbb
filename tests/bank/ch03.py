"""Right and wrong answers to the exercises of "Walk downhill"."""

import numpy as np


def constant(value):
    return lambda: value


def curve(grad_scale=lambda m: 1 / m, loss_scale=lambda m: 1 / (2 * m), sign=-1, rows=slice(None)):
    def loss_curve(X, y, lr, steps):
        m, theta, losses = len(y), np.zeros(X.shape[1]), []
        for _ in range(steps + 1):
            r = X @ theta - y
            losses.append(np.sum(r**2) * loss_scale(m))
            theta = theta + sign * lr * grad_scale(m) * X.T @ r
        return losses[rows]

    return loss_curve


def curve_before_after(X, y, lr, steps):
    theta = np.zeros(X.shape[1])
    loss = lambda t: np.mean((X @ t - y) ** 2) / 2
    losses = [loss(theta)]
    for _ in range(steps):
        theta = theta - lr * ((X @ theta - y) @ X) / len(y)
        losses.append(loss(theta))
    return losses


def curve_columns(X, y, lr, steps):
    w, out = [0.0] * X.shape[1], np.empty(steps + 1)
    for k in range(steps + 1):
        r = [sum(a * b for a, b in zip(row, w)) - t for row, t in zip(X, y)]
        out[k] = sum(v * v for v in r) / 2 / len(r)
        w = [b - lr * sum(v * row[j] for v, row in zip(r, X)) / len(r) for j, b in enumerate(w)]
    return tuple(out)


def power_iteration(X):
    H, v = 2 / len(X) * X.T @ X, np.ones(X.shape[1])
    for _ in range(5000):
        v = H @ v
        v /= np.linalg.norm(v)
    return 2 / (v @ H @ v)


def fit(convert=lambda w, b, mean, s: (w / s, b - w / s * mean), ddof=0, scale=lambda m: 1 / m, sign=1):
    def fit_standardised(x, y):
        mean, s = x.mean(), x.std(ddof=ddof)
        z = (x - mean) / s
        w, b = sign * scale(len(x)) * np.sum(z * y), sign * scale(len(x)) * np.sum(y)
        return convert(w, b, mean, s)

    return fit_standardised


def fit_with_matrix(x, y):
    mean, s = x.mean(), x.std()
    A = np.column_stack([(x - mean) / s, np.ones(len(x))])
    theta = np.zeros(2)
    theta = theta - 1.0 * A.T @ (A @ theta - y) / len(y)
    return np.array([theta[0] / s, theta[1] - theta[0] * mean / s])


def walk(update, returns=lambda path: np.array(path)):
    def descend_line(x, y, lr, steps):
        w, b, path = 0.0, 0.0, [(0.0, 0.0)]
        for _ in range(steps):
            w, b = update(w, b, x, y, lr)
            path.append((w, b))
        return returns(path)

    return descend_line


def both(w, b, x, y, lr):
    r = w * x + b - y
    return w - lr * np.mean(r * x), b - lr * np.mean(r)


def w_first(w, b, x, y, lr):
    w = w - lr * np.mean((w * x + b - y) * x)
    return w, b - lr * np.mean(w * x + b - y)


def b_first(w, b, x, y, lr):
    b = b - lr * np.mean(w * x + b - y)
    return w - lr * np.mean((w * x + b - y) * x), b


def up(w, b, x, y, lr):
    r = w * x + b - y
    return w + lr * np.mean(r * x), b + lr * np.mean(r)


def sums(w, b, x, y, lr):
    r = w * x + b - y
    return w - lr * np.sum(r * x), b - lr * np.sum(r)


def line_in_matrices(x, y, lr, steps):
    A, path = np.column_stack([x, np.ones(len(x))]), np.zeros((steps + 1, 2))
    for k in range(steps):
        path[k + 1] = path[k] - lr * A.T @ (A @ path[k] - y) / len(y)
    return path


def line_old_copy(x, y, lr, steps):
    w = b = 0.0
    path = [[w, b]]
    for _ in range(steps):
        old = w
        w = w - lr * ((old * x + b - y) * x).mean()
        b = b - lr * (old * x + b - y).mean()
        path.append([w, b])
    return path


def line_in_place(x, y, lr, steps):
    A, theta = np.column_stack([x, np.ones(len(x))]), np.zeros(2)
    path = [theta]
    for _ in range(steps):
        theta -= lr * A.T @ (A @ theta - y) / len(y)
        path.append(theta)
    return np.array(path)


def steepest(size=lambda g, H: g @ g / (g @ H @ g), returns=lambda path: np.array(path)):
    def steepest_path(H, theta, steps):
        path = [theta]
        for _ in range(steps):
            g = H @ theta
            theta = theta - size(g, H) * g
            path.append(theta)
        return returns(path)

    return steepest_path


def steepest_filled(H, theta, steps):
    path = np.empty((steps + 1, len(theta)))
    path[0] = theta
    for k in range(steps):
        g = H.dot(path[k])
        path[k + 1] = path[k] - np.dot(g, g) / np.dot(g, H.dot(g)) * g
    return path


def steepest_in_place(H, theta, steps):
    theta = theta.copy()
    path = [theta]
    for _ in range(steps):
        g = H @ theta
        theta -= g @ g / (g @ H @ g) * g
        path.append(theta)
    return np.array(path)


def steepest_by_parabola(H, theta, steps):
    path = [theta.tolist()]
    for _ in range(steps):
        g, t = H @ theta, theta
        f = lambda lr: (t - lr * g) @ H @ (t - lr * g) / 2
        a, b, c = f(-1.0), f(0.0), f(1.0)
        theta = theta - (a - c) / (2 * (a - 2 * b + c)) * g
        path.append(theta.tolist())
    return path


def line_fixed_lr(x, y, lr, steps):
    return walk(both)(x, y, 0.2, steps)


def curve_stops_when_it_rises(X, y, lr, steps):
    losses = curve()(X, y, lr, steps)
    rises = np.flatnonzero(np.diff(losses) > 0)
    return losses[: rises[0] + 1] if len(rises) else losses


def steepest_first(H, theta, steps):
    g = H @ theta
    lr, path = g @ g / (g @ H @ g), [theta]
    for _ in range(steps):
        path.append(path[-1] - lr * H @ path[-1])
    return path


def steepest_changes_input(H, theta, steps):
    theta *= 0.5
    return np.array([theta] * (steps + 1))


def lists(*rows):
    return lambda *args: list(rows)


third, sevenths = 1 / 3, (2 / 7, 5 / 7)

RIGHT = {
    "one_step_by_hand": [constant([2.2, 10.24]), lambda: np.array([3 - 0.8, 3.2**2]), lambda: (11 / 5, 256 / 25)],
    "stable_step_by_hand": [
        constant([1 / 3, 2 / 7, 5 / 7]),
        lambda: np.array([7, 6, 15]) / 21,
        lambda: (2 / (v := np.linalg.eigvalsh([[5, 2], [2, 2]]))[1], 2 / v.sum(), (v[1] - v[0]) / v.sum()),
    ],
    "loss_curve": [curve(), curve_before_after, curve_columns],
    "stable_lr": [
        lambda X: len(X) / np.linalg.norm(X, 2) ** 2,
        lambda X: np.array(2 / max(np.linalg.eigvals(X.T @ X * 2 / X.shape[0]).real)),
        power_iteration,
    ],
    "fit_standardised": [fit(), fit_with_matrix, lambda x, y: [np.cov(x, y)[0, 1] / x.var(ddof=1),
                         y.mean() - np.cov(x, y)[0, 1] / x.var(ddof=1) * x.mean()]],
    "descend_line": [walk(both), line_in_matrices, line_old_copy],
    "lr_that_crosses": [constant(0.1), constant(np.float64(0.12)), lambda: 1 / 10],
    "steepest_path": [steepest(), steepest_filled, steepest_by_parabola],
}  # fmt: skip

WRONG = {
    "one_step_by_hand": [
        (constant((3.8, 23.04)), "uphill"),
        (constant((2.4, 11.56)), "forget the + 2"),
        (constant((-5, 16)), "whole slope"),
        (constant((2.2, 16)), "old point"),
        (constant((10.24, 2.2)), "swapped"),
        (constant((1.4, 5.76)), "as the slope"),
        (constant((2.2, 10.42)), "not right"),
        (constant(2.2), "wanted shape"),
        (constant(None), "None"),
        (constant("a lot"), "wanted numbers"),
    ],
    "stable_step_by_hand": [
        (constant((1 / 6, *sevenths)), "not 1 / lambda_max"),
        (constant((2, *sevenths)), "divided by the smallest"),
        (constant((third, 1 / 7, 5 / 7)), "factor 2 is missing"),
        (constant((third, 1 / 6, 5 / 6)), "a safe step"),
        (constant((third, 4 / 7, 5 / 7)), "beyond the limit"),
        (constant((0.33, 0.29, 0.71)), "not right"),
        (constant((third, 2 / 7, 7 / 5)), "upside down"),
        (constant((third, 2 / 7, 6)), "not kappa itself"),
        (constant((2 / 5, 2 / 7, 3 / 7)), "not its eigenvalues"),
        (constant((2 / 7, third, 5 / 7)), "swapped"),
        (constant((third, 2 / 7)), "wanted shape"),
        (constant(("a", "b", "c")), "wanted numbers"),
    ],
    "loss_curve": [
        (curve(sign=1), "rises"),
        (curve(grad_scale=lambda m: 1), "not divided by m"),
        (curve(grad_scale=lambda m: 2 / m), "factor 2 too much"),
        (curve(loss_scale=lambda m: 1 / m), "1/2 of the half mean"),
        (curve(loss_scale=lambda m: 0.5), "divide by m for the half mean"),
        (curve(loss_scale=lambda m: 1), "plain sums"),
        (curve(lambda m: 2 / m, lambda m: 1 / m), "not the half mean"),
        (curve(rows=slice(None, -1)), "last loss is missing"),
        (curve(rows=slice(1, None)), "first loss is missing"),
        (lambda X, y, lr, steps: curve()(X, y, lr, 6), "losses: wanted shape (5,), got (7,)"),
        (curve_stops_when_it_rises, "losses: wanted shape (5,), got"),
        (lambda X, y, lr, steps: X.T @ X @ y, "raised ValueError"),
    ],
    "stable_lr": [
        (lambda X: 2 * len(X) / np.linalg.norm(X, 2) ** 2, "half mean"),
        (lambda X: 2 / np.linalg.norm(X, 2) ** 2, "half the sum"),
        (lambda X: 1 / np.linalg.norm(X, 2) ** 2, "plain sum"),
        (lambda X: 1 / np.linalg.eigvalsh(2 * X.T @ X / len(X))[-1], "this is 1 / lambda_max"),
        (lambda X: 2 / np.linalg.eigvalsh(2 * X.T @ X / len(X))[0], "smallest eigenvalue"),
        (lambda X: len(X) / np.linalg.norm(X, 2), "singular value"),
        (lambda X: 2 / np.trace(2 * X.T @ X / len(X)), "trace"),
        (lambda X: 2 / np.linalg.eigvalsh(2 * X.T @ X / len(X)), "wanted shape"),
        (lambda X: 2 / np.linalg.eigvalsh(X), "raised LinAlgError"),
        (lambda X: max(X.shape) / np.linalg.norm(X, 2) ** 2, "limit: got"),
        (lambda X: "2 / lambda_max", "wanted numbers"),
    ],
    "fit_standardised": [
        (fit(lambda w, b, mean, s: (w, b)), "parameters of z"),
        (fit(lambda w, b, mean, s: (w / s, b)), "intercept still belongs"),
        (fit(lambda w, b, mean, s: (w, b - w * mean)), "slope still belongs"),
        (fit(lambda w, b, mean, s: (w / s, b + w / s * mean)), "sign in the intercept"),
        (fit(lambda w, b, mean, s: (b - w / s * mean, w / s)), "swapped"),
        (fit(sign=-1), "uphill"),
        (fit(scale=lambda m: 1), "m times too large"),
        (fit(scale=lambda m: 1 / m**2), "divided by m twice"),
        (fit(ddof=1), "ddof=1"),
        (lambda x, y: np.polyfit(x, y, 1)[0], "wanted shape"),
    ],
    "descend_line": [
        (walk(w_first), "with the new w"),
        (walk(b_first), "with the new b"),
        (walk(up), "uphill"),
        (walk(sums), "slopes are sums"),
        (walk(both, lambda path: path[-1]), "only the last point"),
        (walk(both, lambda path: np.array(path).T), "transposed"),
        (walk(both, lambda path: path[1:]), "one row is missing"),
        (line_in_place, "all rows are the same"),
        (walk(both, lambda path: None), "None"),
        (line_fixed_lr, "path: got"),
        (lists([1.0], [1.0, 2.0]), "wanted numbers"),
    ],
    "lr_that_crosses": [
        (constant(0.05), "shallow valley"),
        (constant(0.2), "diverges"),
        (constant(0.002), "longer step"),
        (constant(-0.2), "between 0 and 1"),
        (constant(None), "None"),
        (constant([0.1, 0.12]), "wanted shape"),
        (constant("large"), "wanted numbers"),
        (constant(float("nan")), "not finite"),
    ],
    "steepest_path": [
        (steepest(lambda g, H: g @ g / (g @ H @ g) / 2), "half of the best"),
        (steepest(lambda g, H: 2 * g @ g / (g @ H @ g)), "twice the best"),
        (steepest(lambda g, H: g @ H @ g / (g @ g)), "upside down"),
        (steepest(lambda g, H: np.linalg.norm(g) / (g @ H @ g)), "squared length"),
        (steepest(lambda g, H: -g @ g / (g @ H @ g)), "sign is flipped"),
        (steepest(returns=lambda path: path[-1]), "only the last point"),
        (steepest(returns=lambda path: path[1:]), "one row is missing"),
        (steepest_in_place, "all rows are the same"),
        (steepest_changes_input, "in place"),
        (steepest_first, "first step's lr"),
        (lambda H, theta, steps: steepest()(H, theta, 4), "wanted shape (7, 3), got (5, 3)"),
        (lists([1.0], [1.0, 2.0]), "wanted numbers"),
    ],
}
