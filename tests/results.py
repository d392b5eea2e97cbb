"""The sweeps that "Fine-tune an encoder" shows: one CSV for each in gdcourse/data.

    python -m gdcourse data install minilm e5 reviews-en reviews-zh
    python tests/results.py [--only main chinese ...] [--seeds 3] [--source hub]

A row is written as soon as it is there; a new run adds what is missing, so it can be stopped at any time. A row
depends on its method, n, seed and settings alone. Columns:
- accuracy on the 1,000 test texts; ``extra``: what else the experiment measures (see its docstring);
- trainable: numbers that learn; cpu_seconds: training and testing, all threads together;
- peak_mb: the weights (4 bytes each) and what two training steps with the 32 longest texts hold at once.
"""

import argparse
import copy
import csv
import os
import platform
import re
import sys
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "0" if "hub" in " ".join(sys.argv) else "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegressionCV
from tqdm import tqdm

from gdcourse import datasets, device, models
from gdcourse import finetune as ft

DATA = Path(__file__).parents[1] / "gdcourse" / "data"
KEY = ("method", "n", "seed", "lr", "setting")
COLUMNS = (*KEY, "accuracy", "extra", "trainable", "cpu_seconds", "peak_mb")
ROUND = {"accuracy": ".4f", "extra": ".4f", "trainable": "d", "cpu_seconds": ".1f", "peak_mb": ".0f"}
RATE = {"full": 1e-4, "last two": 2e-4, "LoRA": 1e-3, "scratch": 3e-4}
FOLDS = {"cv": 5, "max_iter": 2000, "l1_ratios": (0,), "use_legacy_attributes": False, "scoring": "accuracy"}
STRENGTHS = 10.0 ** np.arange(6)
GOOD_BAD = {
    "minilm": (
        ["This film is wonderful, I loved it.", "A great movie, moving and funny."],
        ["This film is terrible, I hated it.", "An awful movie, boring and stupid."],
    ),
    "e5": (
        ["很好，非常喜欢，推荐。", "质量不错，很满意。"],
        ["很差，非常失望，不推荐。", "质量不好，很不满意。"],
    ),
}


class Lab:
    """Reviews, split, and one encoder that gives their token ids and frozen features."""

    def __init__(self, reviews, load, source):
        self.pool, self.test = ft.split(reviews)
        self.name, self.source = load.__name__, source
        self.tokenizer, self.encoder = load(source=source)
        texts = [*self.pool.texts, *self.test.texts, *sum(GOOD_BAD[self.name], [])]
        self.new_id = (
            models.trim_vocabulary(self.encoder, self.tokenizer, texts) if self.name == "e5" else None
        )
        self.known, self.spent = {}, 0.0

    def encode(self, texts):
        ids = ft.encode(self.tokenizer, texts)
        return ids if self.new_id is None else [[self.new_id[i] for i in row] for row in ids]

    def features(self, texts):
        """The frozen features, each computed once."""
        begin, new = time.process_time(), [text for text in dict.fromkeys(texts) if text not in self.known]
        if new:
            self.known |= zip(new, ft.features(self.encoder, self.encode(new)))
            self.spent += time.process_time() - begin
        return np.array([self.known[text] for text in texts])

    def cost(self, n):
        """CPU seconds of the features of n texts: those spent so far, shared out evenly."""
        return n * self.spent / len(self.known)

    def model(self, seed, encoder=None):
        """A classifier with a copy of the encoder and a generator of its own."""
        return ft.Classifier(copy.deepcopy(encoder or self.encoder), np.random.default_rng(seed))


def epochs(n):
    """Fewer texts are read more often."""
    return 15 if n <= 32 else 6 if n <= 100 else 4 if n <= 250 else 3


def prepare(lab, method, seed):
    """The classifier of a method, with what may learn set; it draws from ``model.rng``."""
    model = lab.model(seed)
    if method == "last two":
        ft.train_only_last(model, 2)
    elif method == "LoRA":
        ft.add_lora(model.encoder, model.rng)
    elif method == "scratch":
        model.encoder = ft.random_encoder(model.encoder, model.rng).to(device.best())
    return model


def tested(lab, model, begin):
    """Results of a trained model; ``begin``: the process's time at its start."""
    right = ft.accuracy(model, lab.encode(lab.test.texts), lab.test.labels)
    return {"accuracy": right, "trainable": ft.trainable(model), "cpu_seconds": time.process_time() - begin}


def tuned(lab, method, data, seed, memory=False, **options):
    """(model, results) of a fine-tuning run on ``data``."""
    begin, model = time.process_time(), prepare(lab, method, seed)
    options = {"lr": RATE[method], "epochs": epochs(len(data.labels))} | options
    ft.fit(model, lab.encode(data.texts), data.labels, model.rng, **options)
    found = tested(lab, model, begin)
    return model, found | ({"peak_mb": peak(lab, method, data)} if memory else {})


def peak(lab, method, data):
    """Megabytes of weights, and of what two steps with the 32 longest texts hold at once besides."""
    model, ids = prepare(lab, method, 0), sorted(lab.encode(data.texts), key=len)[-32:]
    steps = lambda: ft.fit(model, ids, np.zeros(32, dtype=int), model.rng, epochs=1)
    weights = 4 * sum(p.numel() for p in model.parameters())
    return (weights + device.peak_memory(steps, device.best())) / 1e6


def on_features(lab, data, head):
    """Results of a head, (X, y = -1 or 1, X_test) -> scores, on standardised frozen features."""
    X, X_test = lab.features(data.texts), lab.features(lab.test.texts)
    begin, mean, deviation = time.process_time(), X.mean(0), X.std(0)
    scores = head((X - mean) / deviation, 2.0 * data.labels - 1, (X_test - mean) / deviation)
    seconds = time.process_time() - begin + lab.cost(len(X) + len(X_test))
    right = np.mean((scores > 0) == lab.test.labels)
    return {"accuracy": right, "trainable": X.shape[1] + 1, "cpu_seconds": seconds}


def least_squares(X, y, X_test):
    w, b = ft.ridge(X, y, 1e-8)
    return X_test @ w + b


def ridge(X, y, X_test, seed=0):
    w, b = ft.ridge(X, y, ft.best_strength(X, y, STRENGTHS, np.random.default_rng(seed)))
    return X_test @ w + b


def logistic(X, y, X_test):
    return LogisticRegressionCV(Cs=np.logspace(-5, 0, 6), **FOLDS).fit(X, y).decision_function(X_test)


def tfidf(lab, data, **options):
    """Words (or characters) weighed by TF-IDF, and logistic regression."""
    begin = time.process_time()
    words = TfidfVectorizer(sublinear_tf=True, **options)
    X, X_test = words.fit_transform(data.texts), words.transform(lab.test.texts)
    model = LogisticRegressionCV(Cs=np.logspace(-1, 3, 5), **FOLDS)
    right = np.mean(model.fit(X, data.labels).predict(X_test) == lab.test.labels)
    return {"accuracy": right, "trainable": X.shape[1] + 1, "cpu_seconds": time.process_time() - begin}


def zero_shot(lab):
    """Is the text nearer to two sentences of praise or to two of blame? No label is used."""
    X, good, bad = (lab.features(texts) for texts in (lab.test.texts, *GOOD_BAD[lab.name]))
    unit = lambda x: x / np.linalg.norm(x, axis=1, keepdims=True)
    scores = (unit(X) @ unit(good).T).mean(1) - (unit(X) @ unit(bad).T).mean(1)
    right = np.mean((scores > 0) == lab.test.labels)
    return {"accuracy": right, "trainable": 0, "cpu_seconds": lab.cost(len(X))}


def by_lexicon(lab):
    """The sign of the sum of the words' valences; a sum of 0 counts as bad."""
    valence = datasets.lexicon()
    score = lambda text: sum(valence.get(word, 0) for word in re.findall(r"[a-z']+", text.lower()))
    right = np.mean([(score(text) > 0) == label for text, label in zip(lab.test.texts, lab.test.labels)])
    return {"accuracy": right, "trainable": 0}


# The experiments: each yields (method, n, seed, lr, setting, job); a job returns the other columns.


def main(lab, seeds):
    """Table of all methods at n = 1000."""
    n = 1000
    yield "majority", 0, 0, "", "", lambda: {"accuracy": lab.test.labels.mean(), "trainable": 0}
    yield "lexicon", 0, 0, "", "", lambda: by_lexicon(lab)
    yield "zero-shot", 0, 0, "", "", lambda: zero_shot(lab)
    for seed in range(seeds):
        data = ft.subset(lab.pool, n, seed)
        yield "TF-IDF", n, seed, "", "", lambda: tfidf(lab, data, ngram_range=(1, 2))
        yield "frozen + least squares", n, seed, "", "", lambda: on_features(lab, data, least_squares)
        yield "frozen + ridge", n, seed, "", "", lambda: on_features(lab, data, ridge)
        yield "frozen + logistic", n, seed, "", "", lambda: on_features(lab, data, logistic)
    for methods in (("full", "LoRA", "last two"), ("scratch",)):
        for seed in range(seeds):
            data = ft.subset(lab.pool, n, seed)
            for method in methods:
                job = lambda: tuned(lab, method, data, seed, memory=seed == 0)[1]
                yield method, n, seed, RATE[method], "", job


def chinese(lab, seeds):
    """Chinese reviews, with the multilingual e5; "MiniLM" has an English vocabulary."""
    n = 1000
    yield "zero-shot", 0, 0, "", "", lambda: zero_shot(lab)
    for seed in range(seeds):
        data = ft.subset(lab.pool, n, seed)
        yield "TF-IDF", n, seed, "", "", lambda: tfidf(lab, data, analyzer="char", ngram_range=(1, 3))
        yield "frozen + ridge", n, seed, "", "", lambda: on_features(lab, data, ridge)
    english = copy.copy(lab)
    english.tokenizer, english.encoder = models.minilm(source=lab.source)
    english.name, english.new_id, english.known, english.spent = "minilm", None, {}, 0.0
    for seed in range(seeds):
        data = ft.subset(lab.pool, n, seed)
        yield "MiniLM frozen + ridge", n, seed, "", "", lambda: on_features(english, data, ridge)
    for seed in range(seeds):
        data = ft.subset(lab.pool, n, seed)
        yield "LoRA", n, seed, RATE["LoRA"], "", lambda: tuned(lab, "LoRA", data, seed, memory=seed == 0)[1]


def memory_of(lab, encoder):
    """An old ability of the encoder: to find the paraphrase of a sentence among those of 60 sentences."""
    with open(DATA / "paraphrases.csv", newline="", encoding="utf8") as file:
        pairs = list(csv.DictReader(file))
    sides = ([pair[side] for pair in pairs] for side in ("sentence", "paraphrase"))
    return ft.matched(*(ft.features(encoder, lab.encode(side)) for side in sides))


def rates(lab, seeds):
    """Learning rates of full fine-tuning; extra: the old ability ``memory_of`` afterwards."""
    before = lambda: {"extra": memory_of(lab, lab.encoder)}
    yield "before", 0, 0, "", "", before

    def job(data, seed, lr):
        model, found = tuned(lab, "full", data, seed, lr=lr)
        return found | {"extra": memory_of(lab, model.encoder)}

    for seed in range(seeds):
        data = ft.subset(lab.pool, 500, seed)
        for lr in (1e-4, 1e-3, 2e-5, 3e-4, 5e-5):
            yield "full", 500, seed, lr, "", lambda: job(data, seed, lr)


def curves(lab, seeds):
    """Learning curves against n; few labels too."""
    sizes = (8, 16, 32, 100, 250, 500, 1000, 2000)
    for n in sizes:
        for seed in range(seeds):
            data = ft.subset(lab.pool, n, seed)
            yield "frozen + ridge", n, seed, "", "", lambda: on_features(lab, data, ridge)
            if n >= 100:
                yield "TF-IDF", n, seed, "", "", lambda: tfidf(lab, data, ngram_range=(1, 2))
    for seed in range(seeds):
        for n in (100, 250, 500, 8, 16, 32):  # 1000 is in the main table
            data = ft.subset(lab.pool, n, seed)
            for method in ("full", "LoRA"):
                yield method, n, seed, RATE[method], "", lambda: tuned(lab, method, data, seed)[1]
    for seed in range(seeds):
        data = ft.subset(lab.pool, 2000, seed)
        yield "full", 2000, seed, RATE["full"], "", lambda: tuned(lab, "full", data, seed)[1]


def noise(lab, seeds):
    """Labels turned round for a share (setting) of the training texts; extra: accuracy on the labels trained on."""

    def turned(data, share, seed):
        wrong = np.random.default_rng(100 + seed).permutation(len(data.labels)) < share * len(data.labels)
        return data._replace(labels=np.where(wrong, 1 - data.labels, data.labels))

    def job(data, seed):
        model, found = tuned(lab, "full", data, seed)
        return found | {"extra": ft.accuracy(model, lab.encode(data.texts), data.labels)}

    for seed in range(seeds):
        for share in (0.0, 0.1, 0.2, 0.3, 0.4):
            data = turned(ft.subset(lab.pool, 500, seed), share, seed)
            yield "frozen + ridge", 500, seed, "", share, lambda: on_features(lab, data, ridge)
    for seed in range(seeds):
        for share in (0.4, 0.2, 0.3, 0.1, 0.0):
            data = turned(ft.subset(lab.pool, 500, seed), share, seed)
            yield "full", 500, seed, RATE["full"], share, lambda: job(data, seed)


def schedules(lab, seeds):
    """n = 500: layer-wise rates (setting: the factor from layer to layer), and gradual unfreezing.

    Gradual: the head alone for an epoch, then head and last two layers, then all; three epochs in one run.
    """

    def gradual(data, seed):
        begin, model = time.process_time(), lab.model(seed)
        ft.train_only_last(model, 0)

        def unfreeze(epoch):
            if epoch == 1:
                ft.train_only_last(model, 2)
            else:
                model.requires_grad_()

        ft.fit(model, lab.encode(data.texts), data.labels, model.rng, after_epoch=unfreeze)
        return tested(lab, model, begin)

    for seed in range(seeds):
        data = ft.subset(lab.pool, 500, seed)
        for decay in (0.8, 0.6):
            job = lambda: tuned(lab, "full", data, seed, layer_decay=decay)[1]
            yield "layer-wise", 500, seed, RATE["full"], decay, job
        yield "gradual", 500, seed, RATE["full"], "", lambda: gradual(data, seed)


def distillation(lab, seeds):
    """A student of two layers (setting: which); the teacher is fully tuned on n = 1000 labels.

    "labels": on the labels alone; "distilled": on the teacher's logits of these texts and of 3,000 more, without
    a label, T = 2, weight 1, two epochs. "pruned": the teacher with a share (setting) of each matrix set to 0.
    """
    teachers = {}

    def teacher(seed):
        if seed not in teachers:
            teachers[seed] = tuned(lab, "full", ft.subset(lab.pool, 1000, seed), seed)
        return teachers[seed]

    def student(seed, layers):
        return lab.model(seed, ft.keep_layers(lab.encoder, layers))

    def job(model, ids, targets, **options):
        begin = time.process_time()
        ft.fit(model, ids, targets, model.rng, lr=3e-4, **options)
        return tested(lab, model, begin)

    def distilled(seed, layers):
        ids = lab.encode(ft.subset(lab.pool, 4000, seed).texts)  # the labelled thousand is among them
        logits = ft.predict(teacher(seed)[0], ids)
        learn = lambda z, guide: ft.distillation_loss(z, guide, guide.argmax(1), T=2.0, weight=1.0)
        return job(student(seed, layers), ids, logits, loss_fn=learn, epochs=2)

    def pruned(seed, share):
        model = copy.deepcopy(teacher(seed)[0])
        begin = time.process_time()
        ft.prune(model.encoder, share)
        matrices = [p for p in model.encoder.encoder.parameters() if p.dim() == 2]
        zeros = sum((p == 0).sum().item() for p in matrices) / sum(p.numel() for p in matrices)
        return tested(lab, model, begin) | {"extra": zeros}

    for seed in range(seeds):
        data = ft.subset(lab.pool, 1000, seed)
        yield "teacher", 1000, seed, RATE["full"], "", lambda: teacher(seed)[1]
        for layers in ((0, 5), (0, 1)):
            words = " ".join(map(str, layers))
            ids = lab.encode(data.texts)
            yield "labels", 1000, seed, 3e-4, words, lambda: job(student(seed, layers), ids, data.labels)
            yield "distilled", 1000, seed, 3e-4, words, lambda: distilled(seed, layers)
        for share in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9):
            yield "pruned", 1000, seed, "", share, lambda: pruned(seed, share)


EXPERIMENTS = (main, chinese, rates, curves, noise, schedules, distillation)


def written(path):
    """The keys of the rows that are there."""
    if not path.exists():
        return set()
    with open(path, newline="", encoding="utf8") as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        return {tuple(row[name] for name in KEY) for row in rows}


def append(path, row):
    with open(path, "a", newline="", encoding="utf8") as file:
        if file.tell() == 0:
            packages = [
                f"{name} {version(name)}" for name in ("torch", "transformers", "scikit-learn", "numpy")
            ]
            about = [
                f"Python {platform.python_version()}",
                platform.machine(),
                str(device.best()),
                str(date.today()),
            ]
            command = f"python tests/results.py --only {path.stem.removeprefix('results_')}"
            file.write(f"# {command}: {', '.join(packages + about)}\n{','.join(COLUMNS)}\n")
        rounded = {name: format(row[name], form) for name, form in ROUND.items() if name in row}
        csv.DictWriter(file, COLUMNS, lineterminator="\n").writerow(row | rounded)


def run(experiment, lab, seeds):
    path, name = DATA / f"results_{experiment.__name__}.csv", experiment.__name__
    there = written(path)
    for *key, job in tqdm(experiment(lab, seeds), name, disable=None):
        key = tuple(map(str, key))
        if key not in there:
            append(path, dict(zip(KEY, key)) | job())


def parsed():
    parser = argparse.ArgumentParser(description="The sweeps of the chapter on fine-tuning.")
    names = [experiment.__name__ for experiment in EXPERIMENTS]
    parser.add_argument(
        "--only", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names)
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--source", choices=("packages", "hub"), default="packages", help="of the weights")
    return parser.parse_args()


if __name__ == "__main__":
    args, english = parsed(), None
    for experiment in EXPERIMENTS:
        if experiment.__name__ in args.only and experiment is chinese:
            run(experiment, Lab(datasets.chinese_reviews(), models.e5, args.source), args.seeds)
        elif experiment.__name__ in args.only:
            english = english or Lab(datasets.film_reviews(), models.minilm, args.source)
            run(experiment, english, args.seeds)
