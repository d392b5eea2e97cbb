"""The data are what their docstrings say."""

from fractions import Fraction

import numpy as np
import pytest

from gdcourse import datasets


def exact_least_squares(X, y):
    """Least-squares coefficients in rational arithmetic: no rounding at all."""
    X = [[Fraction(v) for v in row] for row in X]
    y = [Fraction(v) for v in y]
    d = len(X[0])
    table = [
        [sum(r[i] * r[j] for r in X) for j in range(d)] + [sum(r[i] * t for r, t in zip(X, y))]
        for i in range(d)
    ]
    for i in range(d):
        table[i] = [v / table[i][i] for v in table[i]]
        for k in range(d):
            if k != i:
                table[k] = [a - table[k][i] * b for a, b in zip(table[k], table[i])]
    return np.array([float(row[-1]) for row in table])


def as_written(name, column):
    """A column of a data file as exact decimal fractions, not as rounded floats."""
    lines = (datasets.DATA / f"{name}.csv").read_text(encoding="utf8").splitlines()
    k = lines[0].split(",").index(column)
    return [Fraction(line.split(",")[k]) for line in lines[1:]]


def test_longley_has_the_certified_coefficients():
    columns = [as_written("longley", c) for c in datasets.longley().columns]
    X = [[*row, 1] for row in zip(*columns)]
    found = exact_least_squares(X, as_written("longley", "TOTEMP"))
    np.testing.assert_allclose(found, datasets.longley_certified(), rtol=1e-14)


def test_filip_has_the_certified_coefficients():
    X = [[x**k for k in range(11)] for x in as_written("filip", "x")]
    np.testing.assert_allclose(
        exact_least_squares(X, as_written("filip", "y")), datasets.filip_certified(), rtol=1e-14
    )


@pytest.mark.parametrize("name, shape", [("diabetes", (442, 10)), ("longley", (16, 6)), ("filip", (82, 1))])
def test_tables_have_their_shapes_and_no_gap(name, shape):
    table = datasets.load(name)
    assert table.X.shape == shape
    assert table.y.shape == shape[:1]
    assert len(table.columns) == shape[1]
    assert np.isfinite(table.X).all() and np.isfinite(table.y).all()


def test_diabetes_is_the_published_table():
    table = datasets.diabetes()
    published = [
        48.5181,
        1.468326,
        26.375792,
        94.647014,
        189.140271,
        115.43914,
        49.788462,
        4.070249,
        4.641411,
        91.260181,
    ]
    np.testing.assert_allclose(table.X.mean(axis=0), published, atol=1e-5)
    assert round(table.y.mean(), 3) == 152.133
    assert table.columns == ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")


def test_digits_are_8_by_8_images_of_all_ten_digits():
    images, labels = datasets.digits()
    assert images.shape == (1797, 8, 8)
    assert (images.min(), images.max()) == (0, 16)
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_the_worked_examples_lie_on_their_lines():
    one, two = datasets.line_one(), datasets.line_two()
    assert one.y.tolist() == [2, 3, 4, 5, 6] and two.y.tolist() == [3, 5, 7, 9, 11]
    assert one.X[:, 0].tolist() == two.X[:, 0].tolist() == [1, 2, 3, 4, 5]


def test_moons_without_noise_lie_on_two_half_circles():
    table = datasets.moons(9, 0.0, np.random.default_rng(0))
    upper, lower = table.X[table.y == 0], table.X[table.y == 1]
    assert (len(upper), len(lower)) == (5, 4)
    np.testing.assert_allclose(np.hypot(*upper.T), 1)
    np.testing.assert_allclose(np.hypot(*(lower - [1, 0.5]).T), 1)
    assert upper[:, 1].min() >= 0 and lower[:, 1].max() <= 0.5
    noisy = datasets.moons(9, 0.1, np.random.default_rng(0)).X - table.X
    assert 0 < np.abs(noisy).max() < 0.5


def test_the_collinear_target_is_its_second_column():
    table = datasets.collinear()
    assert (table.X[:, 1] == table.y).all()


def test_every_loader_names_its_source_or_its_formula():
    for name, loader in datasets.NAMES.items():
        assert "Source:" in loader.__doc__ or "source articles" in loader.__doc__, name


def test_an_unknown_name_is_refused_with_the_names_there_are():
    with pytest.raises(ValueError, match="no data set 'digit'; there are: line_one, .*digits"):
        datasets.load("digit")
