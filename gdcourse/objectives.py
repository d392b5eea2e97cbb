"""Least-squares losses, their gradients and their closed-form minimisers.

Derived in "Fit a line" (notebooks/01_least_squares.ipynb).
Everywhere ``theta`` has shape (d,), ``X`` has shape (m, d) and ``y`` has shape (m,):
m rows of data, d parameters.
"""

import numpy as np


def with_intercept(x):
    """Append a column of ones, so that the last parameter is the intercept.

    ``x`` has shape (m,) or (m, d); the result has shape (m, 2) or (m, d + 1).
    Raises ValueError for any other number of axes.

    >>> with_intercept(np.array([1.0, 2.0]))
    array([[1., 1.],
           [2., 1.]])
    """
    x = np.asarray(x, dtype=float)
    if x.ndim not in (1, 2):
        raise ValueError(f"x has shape {x.shape}; wanted (m,) or (m, d)")
    return np.column_stack([x, np.ones(len(x))])


def residuals(theta, X, y):
    """Prediction minus target, ``r = X theta - y``, shape (m,).

    Raises ValueError when the shapes do not fit: NumPy alone would broadcast a
    ``y`` of shape (m, 1) to an (m, m) table and give a wrong loss without a word.

    >>> residuals(np.array([0.0, 0.0]), np.array([[1.0, 1.0], [2.0, 1.0]]), np.array([2.0, 3.0]))
    array([-2., -3.])
    """
    theta, X, y = np.asarray(theta), np.asarray(X), np.asarray(y)
    if X.ndim != 2 or theta.shape != X.shape[1:] or y.shape != X.shape[:1]:
        raise ValueError(
            f"theta {theta.shape}, X {X.shape}, y {y.shape}; wanted theta (d,), X (m, d), y (m,)"
        )
    return X @ theta - y  # (m, d) @ (d,) - (m,) -> (m,)


def half_sum_squares(theta, X, y):
    """Least-squares loss ``1/2 sum r_i^2``, a number in the squared unit of ``y``.

    >>> half_sum_squares(np.zeros(2), np.array([[1.0, 1.0], [2.0, 1.0]]), np.array([2.0, 4.0]))
    10.0
    """
    r = residuals(theta, X, y)
    return float(0.5 * r @ r)


def half_sum_squares_grad(theta, X, y):
    """Gradient of :func:`half_sum_squares`, ``X^T r``, shape (d,).

    >>> half_sum_squares_grad(np.zeros(2), np.array([[1.0, 1.0], [2.0, 1.0]]), np.array([2.0, 4.0]))
    array([-10.,  -6.])
    """
    return np.asarray(X).T @ residuals(theta, X, y)  # (d, m) @ (m,) -> (d,)


def half_mean_squares(theta, X, y):
    """Least-squares loss ``1/(2m) sum r_i^2``.

    >>> half_mean_squares(np.zeros(2), np.array([[1.0, 1.0], [2.0, 1.0]]), np.array([2.0, 4.0]))
    5.0
    """
    return half_sum_squares(theta, X, y) / len(y)


def half_mean_squares_grad(theta, X, y):
    """Gradient of :func:`half_mean_squares`, ``X^T r / m``, shape (d,).

    >>> half_mean_squares_grad(np.zeros(2), np.array([[1.0, 1.0], [2.0, 1.0]]), np.array([2.0, 4.0]))
    array([-5., -3.])
    """
    return half_sum_squares_grad(theta, X, y) / len(y)


def mean_squares(theta, X, y):
    """Mean squared error ``1/m sum r_i^2``, what ``torch.nn.MSELoss`` computes.

    >>> mean_squares(np.zeros(2), np.array([[1.0, 1.0], [2.0, 1.0]]), np.array([2.0, 4.0]))
    10.0
    """
    return 2 * half_mean_squares(theta, X, y)


def mean_squares_grad(theta, X, y):
    """Gradient of :func:`mean_squares`, ``2 X^T r / m``, shape (d,).

    >>> mean_squares_grad(np.zeros(2), np.array([[1.0, 1.0], [2.0, 1.0]]), np.array([2.0, 4.0]))
    array([-10.,  -6.])
    """
    return 2 * half_mean_squares_grad(theta, X, y)


def solve_normal(X, y):
    """Minimiser from the normal equations ``X^T X theta = X^T y``, shape (d,).

    Needs independent columns. Dependent ones give ``numpy.linalg.LinAlgError`` only when rounding
    leaves a pivot of exactly zero, otherwise a meaningless answer without a word: look at the rank.
    May lose twice as many digits as :func:`solve_qr`, for the condition number is squared.

    >>> solve_normal(np.array([[1.0, 1.0], [2.0, 1.0], [3.0, 1.0]]), np.array([2.0, 3.0, 4.0])).round(9)
    array([1., 1.])
    """
    return np.linalg.solve(X.T @ X, X.T @ y)


def solve_qr(X, y):
    """Minimiser from ``X = QR``: solve ``R theta = Q^T y``, shape (d,).

    Needs m >= d and independent columns; dependent ones as in :func:`solve_normal`.

    >>> solve_qr(np.array([[1.0, 1.0], [2.0, 1.0], [3.0, 1.0]]), np.array([2.0, 3.0, 4.0])).round(9)
    array([1., 1.])
    """
    Q, R = np.linalg.qr(X)  # Q (m, d) with orthonormal columns, R (d, d) upper triangular
    return np.linalg.solve(R, Q.T @ y)
