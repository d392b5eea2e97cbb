"""The data are what their docstrings say."""

import gzip
from fractions import Fraction

import numpy as np
import pytest

from gdcourse import datasets, fetch
from gdcourse.__main__ import main
from tests.needs import needs


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


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A function that makes a set in an empty cache: cache("reviews-zh", {"pos.txt": b"...", ...})."""
    monkeypatch.setenv("GDCOURSE_DATA", str(tmp_path / "cache"))

    def write(name, files):
        folder = tmp_path / "cache" / name
        folder.mkdir(parents=True)
        for file, content in files.items():
            (folder / file).write_bytes(content)
        package = fetch.PACKAGES[name]._replace(size=sum(map(len, files.values())))
        monkeypatch.setitem(fetch.PACKAGES, name, package)

    return write


def write_reviews(cache, snippets=b"", lexicon=b""):
    cache(
        "reviews-en",
        {"movieReviewSnippets_GroundTruth.txt": snippets, "vader_sentiment_lexicon.txt": lexicon},
    )


def test_film_reviews_keep_each_text_once_with_its_first_rating(cache):
    rows = [
        "id\tsentiment\ttext",
        "1\t2.5\tFine.",
        '2\t-1\tIt says "no',
        "3\t0\tSo so\x85 caf\xe9",
        "4\t3\tFine.",
    ]
    write_reviews(cache, "\r\n".join(rows).encode("utf8") + b"\r\n")
    texts, labels, ratings = datasets.film_reviews()
    assert texts == ("Fine.", 'It says "no', "So so\x85 caf\xe9")
    assert labels.tolist() == [1, 0, 0] and labels.dtype == int
    assert ratings.tolist() == [2.5, -1, 0]


def test_the_lexicon_has_a_valence_for_each_word_and_the_last_of_two(cache):
    lines = ["lol\t2.9\t0.8\t[3]", ":-\xde\t0.9\t1\t[1]", "lol\t1.8\t1\t[2]", "no way\t-1\t0\t[-1]"]
    write_reviews(cache, lexicon="\r\n".join(lines).encode("latin-1"))
    assert datasets.lexicon() == {"lol": 1.8, ":-\xde": 0.9, "no way": -1.0}


def test_chinese_reviews_are_cleaned_and_sorted_the_good_ones_first(cache):
    good = [
        "房间很大很干净",
        " 服务很好很周到 ",
        "服务很好很周到",
        "五个字太短",
        "既好又坏的一行",
        "好" * 121,
        "好" * 120,
    ]
    bad = ["既好又坏的一行", "宾馆反馈：谢谢您", "补充点评：很一般", "早餐不好吃而且贵"]
    cache("reviews-zh", {"pos.txt": "\n".join(good).encode(), "neg.txt": "\r\n".join(bad).encode()})
    texts, labels, ratings = datasets.chinese_reviews()
    assert texts == ("好" * 120, "房间很大很干净", "服务很好很周到", "早餐不好吃而且贵")
    assert labels.tolist() == [1, 1, 1, 0] and ratings is None


def test_shakespeare_is_the_plays_without_the_poems(cache):
    plays = {"lear_gut.txt": b"KING\r\nLEAR", "as_you_like_it_gut.txt": b"caf\xe9"}
    cache("shakespeare", {f"{poem}_gut.txt": b"poem" for poem in datasets.POEMS} | plays)
    assert datasets.shakespeare() == "caf\xe9\n\nKING\nLEAR"


def test_fashion_mnist_reads_the_files_of_debians_package(tmp_path):
    rng = np.random.default_rng(0)
    for part, m in [("train", 5), ("t10k", 2)]:
        for kind, array in [
            ("images-idx3", rng.integers(0, 256, (m, 3, 4), dtype=np.uint8)),
            ("labels-idx1", np.arange(m, dtype=np.uint8)),
        ]:
            head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
            path = tmp_path / f"{part}-{kind}-ubyte.gz"
            path.write_bytes(gzip.compress(head + array.tobytes()))
            if (part, kind) == ("train", "images-idx3"):
                expected = array
    train, test = datasets.fashion_mnist(tmp_path)
    assert (train.images == expected).all() and train.labels.tolist() == [0, 1, 2, 3, 4]
    assert test.images.shape == (2, 3, 4) and test.labels.tolist() == [0, 1]


def test_fashion_mnist_that_is_missing_names_the_command(tmp_path):
    with pytest.raises(fetch.FetchError, match="no folder .*none; .* apt install dataset-fashion-mnist$"):
        datasets.fashion_mnist(tmp_path / "none")


@pytest.mark.parametrize("name", datasets.PACKAGE)
def test_a_set_that_is_not_installed_gives_the_command_in_one_line(name, cache, capsys):
    command = f"python -m gdcourse data install {datasets.PACKAGE[name]}"
    with pytest.raises(fetch.FetchError, match=f"^[a-z-]+ is not in .*cache; run: {command}$"):
        datasets.load(name)
    assert datasets.command(name) == command
    assert main(["data", name]) == 0
    printed = capsys.readouterr().out
    assert "Source: " in printed and "Licence: " in printed
    assert printed.endswith(f"It is not installed; run: {command}\n")


@pytest.mark.parametrize("arguments", [["data"], ["data", "list"]])
def test_the_list_has_every_set_and_the_command_for_what_is_missing(arguments, cache, monkeypatch, capsys):
    write_reviews(cache)
    monkeypatch.setattr(datasets, "FASHION", fetch.cache() / "none")
    assert main(arguments) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line.startswith("  ")}
    assert lines.keys() >= datasets.NAMES.keys() | fetch.PACKAGES.keys()
    missing = {name for name, line in lines.items() if " install " in line}
    assert missing == fetch.PACKAGES.keys() - {"reviews-en"} | {"chinese_reviews", "fashion_mnist"}
    assert lines["fashion_mnist"].endswith("apt install dataset-fashion-mnist")
    assert lines["reviews-en"].endswith(": installed")
    assert lines["minilm"].endswith(": python -m gdcourse data install minilm")


@needs("reviews-en")
def test_the_film_reviews_are_the_published_ones(capsys):
    texts, labels, ratings = datasets.film_reviews()
    assert len(texts) == len(set(texts)) == len(labels) == len(ratings) == 10603
    assert (labels == (ratings > 0)).all() and 5200 < labels.sum() < 5300
    assert -4 <= ratings.min() and ratings.max() <= 4
    assert not any(text != text.strip() or "\ufffd" in text for text in texts)
    assert main(["data", "film_reviews"]) == 0
    assert capsys.readouterr().out.endswith("labels (10603,), ratings (10603,)\n")


@needs("reviews-en")
def test_the_published_lexicon_says_that_good_is_good():
    lexicon = datasets.lexicon()
    assert len(lexicon) == 7502
    assert lexicon["good"] == 1.9 and lexicon["lol"] == 1.8 and ":-\xde" in lexicon
    assert all(-4 <= valence <= 4 for valence in lexicon.values())


@needs("reviews-zh")
def test_the_chinese_reviews_are_as_many_as_were_counted():
    texts, labels, _ = datasets.chinese_reviews()
    assert len(set(texts)) == len(texts) == len(labels) == 13526
    assert labels.sum() == 5724  # balanced: the 11,448 of the measurements


@needs("shakespeare")
def test_shakespeares_plays_are_37_with_83_symbols():
    text = datasets.shakespeare()
    assert (len(text), len(set(text)), "\r" in text) == (4850380, 83, False)
    assert "To be, or not to be,--that is the question:--" in text and "THE SONNETS" not in text
    assert len(list(fetch.folder("shakespeare").glob("*_gut.txt"))) - len(datasets.POEMS) == 37
