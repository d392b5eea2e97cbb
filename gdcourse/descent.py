"""Gradient descent and the steps it can stand.

Derived in "Walk downhill" (notebooks/03_gradient_descent.ipynb).
"""

import numpy as np


def descend(grad, theta, lr, steps):
    """Take ``steps`` steps of ``theta <- theta - lr * grad(theta)``; return the path.

    The path has shape (steps + 1,) + theta.shape: row k is theta after k steps.

    >>> descend(lambda x: 2 * x + 2, 5.0, 0.2, 2)
    array([5.  , 2.6 , 1.16])
    """
    theta = np.array(theta, dtype=float)
    path = [theta]
    for _ in range(steps):
        theta = theta - lr * grad(theta)
        path.append(theta)
    return np.array(path)


def descend_until(loss, grad, theta, lr, tol, max_steps):
    """Descend until the loss changes by less than ``tol`` in one step; return the path.

    Raises ValueError when ``lr`` is not positive, when the loss is not a finite number (later than
    at the start: the step is too large), or when ``max_steps`` are not enough. The path so far is
    not returned; the error says how far it came.

    >>> x = descend_until(lambda x: (x + 1) ** 2, lambda x: 2 * (x + 1), 5.0, 0.2, 1e-12, 1000)
    >>> len(x) - 1, round(float(x[-1]), 5)
    (32, -1.0)
    """
    if not lr > 0:
        raise ValueError(f"lr is {lr}; wanted a positive number")
    theta = np.array(theta, dtype=float)
    path, before = [theta], loss(theta)
    if not np.isfinite(before):
        raise ValueError(f"the loss is {before} at the start: look at the data and the start")
    for k in range(1, max_steps + 1):
        theta = theta - lr * grad(theta)
        path.append(theta)
        now = loss(theta)
        if not np.isfinite(now):
            raise ValueError(f"the loss is {now} at step {k}: try an lr smaller than {lr}")
        if abs(before - now) < tol:
            return np.array(path)
        before = now
    raise ValueError(f"not converged: loss {now:.3g} after {max_steps} steps; allow more, or another lr")


def largest_stable_lr(H):
    """2 / lambda_max of a Hessian ``H`` (d, d): with every eigenvalue positive, the limit of the step.

    Descent on the quadratic then converges exactly below it; that they are positive is not checked.
    Raises ValueError when ``H`` is not symmetric or has no positive eigenvalue.

    >>> round(largest_stable_lr(np.array([[2.0, 1.0], [1.0, 2.0]])), 6)
    0.666667
    """
    H = np.asarray(H, dtype=float)
    size = np.abs(H).max(initial=0)
    if H.ndim != 2 or H.shape != H.T.shape or not np.allclose(H, H.T, atol=1e-8 * size):
        raise ValueError(f"H of shape {H.shape} is not symmetric; wanted a symmetric (d, d) Hessian")
    lam = np.linalg.eigvalsh(H)  # ascending
    if lam[-1] <= 0:
        raise ValueError(f"the largest eigenvalue is {lam[-1]:.3g}; wanted a positive one")
    return float(2 / lam[-1])


def standardise(X):
    """Shift and scale each column of ``X`` (m, d) to mean 0 and standard deviation 1.

    Returns (Z, mean, std) with ``X = mean + std * Z``. Raises ValueError for a constant column.

    >>> Z, mean, std = standardise(np.array([[1.0], [3.0]]))
    >>> Z.ravel(), mean, std
    (array([-1.,  1.]), array([2.]), array([1.]))
    """
    X = np.asarray(X, dtype=float)
    mean, std = X.mean(axis=0), X.std(axis=0)
    constant = X.max(axis=0) == X.min(axis=0)  # exact, where std may round to 1e-17
    if constant.any():
        raise ValueError(f"column {int(np.argmax(constant))} is constant: it has no scale; leave it out")
    return (X - mean) / std, mean, std
