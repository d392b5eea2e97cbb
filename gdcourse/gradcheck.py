"""Slopes measured by finite differences, and a check of gradients written by hand.

Derived in "Measure a slope" (notebooks/02_derivatives.ipynb).
"""

import numpy as np


def forward_difference(f, x, h):
    """Slope of ``f`` at ``x`` from one step to the right, ``(f(x + h) - f(x)) / h``.

    The truncation error is about ``h |f''(x)| / 2``.

    >>> forward_difference(lambda x: x**2, 3.0, 0.5)
    6.5
    """
    return (f(x + h) - f(x)) / h


def central_difference(f, x, h):
    """Slope of ``f`` at ``x`` from both sides, ``(f(x + h) - f(x - h)) / (2 h)``.

    The truncation error is about ``h^2 |f'''(x)| / 6``.

    >>> central_difference(lambda x: x**2, 3.0, 0.5)
    6.0
    """
    return (f(x + h) - f(x - h)) / (2 * h)


def complex_step(f, x, h=1e-20):
    """Slope of ``f`` at the real number ``x`` from one imaginary step, ``Im f(x + ih) / h``.

    No values of ``f`` are subtracted, so ``h`` may be tiny (sums inside ``f`` may still
    cancel). ``f`` must be analytic, real on the real line, and written with operations
    that accept complex numbers (no ``abs``).
    Source: Squire and Trapp, SIAM Review 40(1), 1998.

    >>> complex_step(lambda x: x**3, 2.0)
    12.0
    """
    return f(x + 1j * h).imag / h


def numerical_gradient(f, theta, h=6e-6):
    """All partial derivatives of the scalar function ``f`` at ``theta``, same shape as ``theta``.

    Central differences in float64, one coordinate at a time: 2 d calls of ``f``.
    ``h`` is in the unit of ``theta``; the default is near ``eps**(1/3)``.

    >>> numerical_gradient(lambda t: t[0] ** 2 + 3 * t[1], np.array([1.0, 2.0])).round(6)
    array([2., 3.])
    """
    theta = np.array(theta, dtype=np.float64)
    grad = np.empty_like(theta)
    for i in np.ndindex(theta.shape):
        step = np.zeros_like(theta)
        step[i] = h
        grad[i] = (f(theta + step) - f(theta - step)) / (2 * h)
    return grad


def gradient_error(f, grad, theta, rng, draws=5, h=6e-6):
    """Largest disagreement of ``grad(theta)`` with measured slopes of ``f``, over the largest slope.

    Slopes are taken along ``draws`` random unit vectors v: ``grad(theta) . v`` against the central
    difference of ``f`` along v. Near 1e-10 for a right gradient in float64, with ``theta`` and the
    curvature of ``f`` of ordinary size; a gradient that is wrong by e gives about ``|e| / |g|``.
    ``h`` is in the unit of ``theta``: pass ``6e-6 * s`` for parameters of size s.
    NaN when a number on either side is NaN: ask ``error < 1e-7``, which NaN fails.
    ``rng`` is a ``numpy.random.Generator``. Raises ValueError when ``grad(theta)`` has not the
    shape of ``theta``.

    >>> rng = np.random.default_rng(0)
    >>> gradient_error(lambda t: (t**2).sum(), lambda t: 2 * t, np.ones(3), rng) < 1e-8
    True
    >>> gradient_error(lambda t: (t**2).sum(), lambda t: t, np.ones(3), rng) > 0.1
    True
    """
    theta = np.array(theta, dtype=np.float64)
    g = np.asarray(grad(theta.copy()))
    if g.shape != theta.shape:
        raise ValueError(f"the gradient has shape {g.shape}; wanted {theta.shape}, that of theta")
    claimed, measured = np.empty(draws), np.empty(draws)
    for k in range(draws):
        v = rng.normal(size=theta.shape)
        v /= np.linalg.norm(v)
        claimed[k] = np.sum(g * v)
        measured[k] = central_difference(lambda t: f(theta + t * v), 0.0, h)
    largest = np.max(np.abs([claimed, measured]))
    return float(np.max(np.abs(claimed - measured)) / max(largest, np.finfo(float).tiny))  # not 0 / 0


def vjp_error(f, vjp, inputs, rng, draws=5, h=6e-6):
    """Largest disagreement of a backward rule with measured slopes of ``f``, over the largest slope.

    ``f(*inputs)`` returns an array. ``vjp(u, *inputs)``, with ``u`` of that array's shape, must
    return a tuple: for each input the gradient of ``sum(u * f(*inputs))``, in the input's shape
    (the vector-Jacobian product). Each of ``draws`` rounds takes a fresh random ``u`` and, for each
    input, a random unit vector v: ``gradient . v`` against the central difference along v.
    Near 1e-10 for a right rule in float64, with inputs of ordinary size; a rule that is wrong by e gives
    about ``|e| / |g|``, with |g| the largest slope of all inputs, so an input whose gradients are 1e7
    times smaller than another's is to be checked alone. NaN when a number on either side is NaN: ask
    ``error < 1e-7``, which NaN fails. ``h`` is in the unit of the inputs. Stay away from kinks, compute
    in float64, and close over labels and indices: ``lambda z: loss(z, y)``.
    ``rng`` is a ``numpy.random.Generator``. Raises ValueError when ``vjp`` does not return a tuple
    with one array for each input, of its shape, and when an array is empty. Derived in "Follow a
    graph".

    >>> rng = np.random.default_rng(0)
    >>> vjp_error(np.sin, lambda u, x: (u * np.cos(x),), [np.ones((2, 3))], rng) < 1e-9
    True
    >>> vjp_error(np.sin, lambda u, x: (np.cos(x),), [np.ones((2, 3))], rng) > 0.1  # u forgotten
    True
    """
    inputs = [np.array(x, dtype=np.float64) for x in inputs]
    shape = np.shape(f(*inputs))
    if 0 in (*shape, *(x.size for x in inputs)):
        raise ValueError("an input or the output is empty: there is nothing to check")
    claimed, measured = [], []
    for _ in range(draws):
        u = rng.normal(size=shape)
        grads = vjp(u.copy(), *(x.copy() for x in inputs))
        if not isinstance(grads, tuple) or len(grads) != len(inputs):
            raise ValueError(f"wanted a tuple with one gradient for each of the {len(inputs)} inputs")
        for i, (x, g) in enumerate(zip(inputs, grads)):
            if np.shape(g) != x.shape:
                raise ValueError(f"gradient {i} has shape {np.shape(g)}; wanted {x.shape}, that of input {i}")
            v = rng.normal(size=x.shape)
            v /= np.linalg.norm(v)
            along = lambda t: np.sum(u * f(*inputs[:i], x + t * v, *inputs[i + 1 :]))
            claimed.append(np.sum(g * v))
            measured.append(central_difference(along, 0.0, h))
    largest = np.max(np.abs([claimed, measured]))
    return float(np.max(np.abs(np.subtract(claimed, measured))) / max(largest, np.finfo(float).tiny))
