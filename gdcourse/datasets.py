"""Data that ships with the course: nothing is downloaded.

Each loader names its source and licence. ``load(name)`` takes the names in ``NAMES``.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

DATA = Path(__file__).parent / "data"


class Table(NamedTuple):
    """A regression data set: ``X`` (m, d), ``y`` (m,), the names of the d columns and of ``y``."""

    X: np.ndarray
    y: np.ndarray
    columns: tuple
    target: str


class Images(NamedTuple):
    """Grey images (m, height, width) in 0..16 and their labels (m,), both float or int arrays."""

    images: np.ndarray
    labels: np.ndarray


def _read_csv(name, target):
    path = DATA / f"{name}.csv"
    header = path.read_text(encoding="utf8").splitlines()[0].split(",")
    rows = np.loadtxt(path, delimiter=",", skiprows=1)
    k = header.index(target)
    columns = tuple(c for c in header if c != target)
    return Table(np.delete(rows, k, axis=1), rows[:, k], columns, target)


def line_one():
    """Five points exactly on y = x + 1, the first worked example of the source articles.

    >>> line_one().y
    array([2., 3., 4., 5., 6.])
    """
    x = np.arange(1.0, 6.0)
    return Table(x[:, None], x + 1, ("x",), "y")


def line_two():
    """Five points exactly on y = 2x + 1, the second worked example of the source articles.

    >>> line_two().y
    array([ 3.,  5.,  7.,  9., 11.])
    """
    x = np.arange(1.0, 6.0)
    return Table(x[:, None], 2 * x + 1, ("x",), "y")


def collinear():
    """Five rows [1, 2] ... [5, 6] with target 2 ... 6: the target is the second feature.

    From a PyTorch listing of the source articles; its columns and the intercept have rank 2 of 3.

    >>> collinear().X[0], collinear().y[0]
    (array([1., 2.]), np.float64(2.0))
    """
    x = np.arange(1.0, 6.0)
    return Table(np.column_stack([x, x + 1]), x + 1, ("x1", "x2"), "y")


def noisy_line(m, rng):
    """``m`` points y = 3x + 1 + 0.1 noise with x and noise standard normal, drawn from ``rng``.

    >>> noisy_line(100, np.random.default_rng(0)).X.shape
    (100, 1)
    """
    x = rng.normal(size=m)
    return Table(x[:, None], 3 * x + 1 + 0.1 * rng.normal(size=m), ("x",), "y")


def moons(m, noise, rng):
    """``m`` points on two half circles that reach into each other, labels 0 (upper) and 1 (lower).

    With t even from 0 to pi: (cos t, sin t) and (1 - cos t, 1/2 - sin t), plus ``noise`` times a
    standard normal number drawn from ``rng`` in each coordinate.

    >>> moons(60, 0.1, np.random.default_rng(0)).X.shape
    (60, 2)
    """
    upper, lower = np.linspace(0, np.pi, m - m // 2), np.linspace(0, np.pi, m // 2)
    X = np.concatenate([
        np.column_stack([np.cos(upper), np.sin(upper)]),
        np.column_stack([1 - np.cos(lower), 0.5 - np.sin(lower)]),
    ])  # fmt: skip
    y = np.repeat([0, 1], [len(upper), len(lower)])
    return Table(X + noise * rng.normal(size=X.shape), y, ("x1", "x2"), "moon")


def longley():
    """US employment 1947-1962, 16 rows, 6 columns that nearly depend on one another.

    Source: J. W. Longley, JASA 62(319), 1967, pp. 819-841, as in the NIST Statistical Reference
    Datasets, with certified answers in :func:`longley_certified`. Licence: public domain.

    >>> longley().X.shape
    (16, 6)
    """
    return _read_csv("longley", "TOTEMP")


def longley_certified():
    """The coefficients that NIST certifies for Longley with an intercept, which is last; shape (7,).

    Source: NIST Statistical Reference Datasets, Longley. Licence: public domain.
    """
    return np.array([
        15.0618722713733, -0.358191792925910e-01, -2.02022980381683, -1.03322686717359,
        -0.511041056535807e-01, 1829.15146461355, -3482258.63459582,
    ])  # fmt: skip


def filip():
    """82 points (x, y) for a polynomial of degree 10, so ill-conditioned that default solvers fail.

    Source: NIST Statistical Reference Datasets, Filip (A. Filippelli), with certified answers in
    :func:`filip_certified`. Licence: public domain.

    >>> filip().X.shape
    (82, 1)
    """
    return _read_csv("filip", "y")


def filip_certified():
    """The coefficients of 1, x, ..., x^10 that NIST certifies for Filip; shape (11,).

    Source: NIST Statistical Reference Datasets, Filip. Licence: public domain.
    """
    return np.array([
        -1467.48961422980, -2772.17959193342, -2316.37108160893, -1127.97394098372,
        -354.478233703349, -75.1242017393757, -10.8753180355343, -1.06221498588947,
        -0.670191154593408e-01, -0.246781078275479e-02, -0.402962525080404e-04,
    ])  # fmt: skip


def diabetes():
    """442 patients, 10 measurements, and a measure of disease progression a year later.

    Raw units (not scaled). Source: Efron, Hastie, Johnstone and Tibshirani, Least Angle
    Regression, Annals of Statistics 32(2), 2004; the copy in scikit-learn (BSD-3-Clause).

    >>> diabetes().X.shape
    (442, 10)
    """
    return _read_csv("diabetes", "progression")


def digits():
    """1,797 grey images of handwritten digits, 8 x 8 pixels with values 0..16, labels 0..9.

    Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine
    Learning Repository, 1998 (CC BY 4.0); the copy in scikit-learn (BSD-3-Clause).

    >>> digits().images.shape
    (1797, 8, 8)
    """
    with np.load(DATA / "digits.npz") as data:
        return Images(data["images"].astype(float), data["labels"].astype(int))


NAMES = {f.__name__: f for f in (line_one, line_two, collinear, longley, filip, diabetes, digits)}


def load(name):
    """The data set called ``name``. Raises ValueError, with the names there are, for another.

    >>> load("line_one").target
    'y'
    """
    if name not in NAMES:
        raise ValueError(f"no data set {name!r}; there are: {', '.join(NAMES)}")
    return NAMES[name]()
