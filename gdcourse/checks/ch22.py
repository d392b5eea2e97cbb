"""Checks of the exercises of "Fine-tune an encoder" (notebooks/22_finetuning.ipynb)."""

import functools

import numpy as np

from gdcourse.checks.core import Checker, draw, is_close, measured, numbers, parts, run, want_close
from gdcourse.probes import Mistake, ch22
from gdcourse.probes.ch22 import pretrained

check = Checker()


@check.exercise(points=1)
def lora_by_hand(answer):
    learnt, rank = numbers(run(answer), (2,), "(numbers learnt, largest rank)")
    want_close(learnt, 7059, "the numbers learnt", [
        (6912, "the head is missing: it is new, so it learns, too."),
        (7056, "the bias of the head is missing."),
        (1875, "that is one layer and the head; the encoder has 4 layers."),
        (1728, "that is one layer; the encoder has 4, and there is the head."),
        (2451, "only A is counted: B learns, too, although it starts at zero."),
        (4755, "only B is counted: A learns, too."),
        (5523, "one of the two square matrices is missing: query AND value have a LoRA."),
        (3219, "the LoRA beside the feed-forward matrix is missing."),
        (3987, "query and value are missing: three matrices of each layer have a LoRA."),
        (55443, "these are the whole matrices: they are frozen; A and B learn."),
        (221331, "A and B are two matrices: add their sizes, do not multiply r, n_in and n_out."),
    ], otherwise=f"{learnt:g} is not the number of numbers learnt: for each matrix r x n_in and n_out x r, then the head.")  # fmt: skip
    want_close(rank, 38, "the largest rank", [
        (39, "39 is the first rank at which A and B are larger than the matrix; wanted the last below."),
        (38.4, "a rank is a whole number."),
        (48, "48 is the largest rank that a change can have; at which does LoRA still learn fewer numbers?"),
        (192, "that is the size of the matrix divided by n_in; each rank costs n_in + n_out numbers."),
        (96, "9216 / 96 takes a square matrix's cost: here each rank costs 48 + 192 numbers."),
        (23, "that is for a matrix 48 -> 48; wanted the one 48 -> 192."),
    ], otherwise=f"{rank:g} is not the largest rank: compare r (n_in + n_out) with n_in n_out.")  # fmt: skip


@check.exercise(points=1)
def standard_error_by_hand(answer):
    error, texts, apart = numbers(run(answer), (3,), "(standard error, texts, standard deviations)")
    want_close(error, 0.01, "the standard error", [
        (1, "give it as a share, like the accuracy, not in per cent."),
        (0.0001, "that is the variance: the root is missing."),
        (0.4, "that is the spread of one answer; the mean of 1,600 of them has a smaller one."),
        (0.00025, "the root of the number of texts is missing: divide the spread 0.4 by sqrt(n)."),
        (0.02, "that is 0.8 / sqrt(n); the spread of one answer is sqrt(p (1 - p))."),
        (0.025, "1 / sqrt(n) leaves out the spread of one answer, sqrt(p (1 - p))."),
        (0.8**0.5 / 40, "the factor 1 - p is missing under the root."),
        (0.4 / 1280**0.5, "n is the number of all texts, right or wrong."),
    ], otherwise=f"{error:g} is not the standard error: the spread of one answer, over the root of the number.")  # fmt: skip
    want_close(texts, 25600, "the number of texts", [
        (6400, "with 4 times the texts the error only halves: it falls with the root of the number."),
        (400, "fewer texts make the error larger."),
        (100, "fewer texts make the error larger."),
        (24000, "that is how many come on top; wanted the number of all."),
        (12800, "with twice the texts the error only falls to 0.71 of it: it falls with the root of the number."),
    ], otherwise=f"{texts:g} is not the number of texts: by which factor must its root grow?")  # fmt: skip
    want_close(apart, 3, "the distance", [
        (-3, "wanted how far A is ahead: a positive number."),
        (6, "the spread of heads minus tails is sqrt(100) = 10, not 5."),
        (1.5, "heads minus tails is 65 - 35 = 30, and its spread sqrt(100)."),
        (30, "that is the lead itself; divide by its spread under chance."),
        (0.3, "divide by the root of 100: each toss adds 1 to the variance."),
        (0.75, "only the texts on which they differ are tosses: 100, not 1,600."),
        (1.875, "that takes A's own standard error; on the same texts only the 100 that differ count."),
        (0.01875 / (0.01 * 2**0.5), "that is the distance on two different test sets; on the same texts only the 100 that differ count."),
        (6.5, "that takes the heads alone: the 35 tails go off."),
    ], rtol=1e-4, otherwise=f"{apart:g} is not the distance: the lead, over the spread that 100 tosses give it.")  # fmt: skip


@check.exercise(points=3)
def lora_layer(answer):
    rng = draw(221)
    for m, n, o, r, alpha, size in ((6, 5, 3, 2, 6.0, 1.0), (3, 4, 7, 1, 0.5, 1.0), (5, 6, 4, 3, 12.0, 1.0), (4, 5, 3, 2, 16.0, 0.0)):  # fmt: skip
        x, W, b, u = (rng.normal(size=s) for s in ((m, n), (o, n), o, (m, o)))
        A, B = rng.normal(size=(r, n)), size * rng.normal(size=(o, r))
        s, change = alpha / r, B @ A
        y, merged, grad_A, grad_B = parts(
            run(answer, x, W, b, A, B, alpha, u), ("y", "merged", "grad_A", "grad_B")
        )
        layer = lambda A, B: x @ W.T + b + s * x @ A.T @ B.T
        plain = x @ W.T + b
        want_close(y, layer(A, B), "y", [
            (plain, "that is the frozen layer; the change of low rank is missing."),
            (plain + x @ change.T, "the scale alpha / r is missing."),
            (plain + alpha * x @ change.T, "the scale is alpha / r, not alpha."),
            (plain + x @ change.T / r, "the scale is alpha / r, not 1 / r."),
            (plain + alpha / n * x @ change.T, "r is the number of ROWS of A, A.shape[0]; n_in, its number of columns, stands in its place."),
            (plain + alpha / o * x @ change.T, "r is the number of COLUMNS of B, and of rows of A; n_out stands in its place."),
            (layer(A, B) - b, "b is missing in y."),
            (s * x @ change.T, "the frozen layer is missing in y: the change comes on top of it."),
            (plain - s * x @ change.T, "the change is added, not subtracted."),
            (s * plain + s * x @ change.T, "the scale belongs to the change alone."),
            (plain / s + x @ change.T, "multiply the change by alpha / r; do not divide."),
            (plain + x @ change.T / s, "multiply the change by alpha / r; do not divide."),
        ], otherwise="y is not x W^T + b plus alpha / r times x A^T B^T.")  # fmt: skip
        want_close(merged, W + s * change, "merged", [
            (W, "the change is not merged: add it to W."),
            (W + change, "merged lacks the scale alpha / r, so x merged^T + b is not y."),
            (s * change, "that is the change alone; merged is W plus the change."),
            (W + alpha * change, "the scale of merged is alpha / r, not alpha."),
            (W - s * change, "the change is added to W, not subtracted."),
        ], otherwise="merged is not W plus the scaled change: x merged^T + b must be y.")  # fmt: skip
        slopes = lambda f, P: np.array(  # exact for a linear function, up to rounding
            [np.sum(u * (f(P + e) - f(P - e))) / 2 for e in np.eye(P.size).reshape(-1, *P.shape)]
        ).reshape(P.shape)
        want_A, want_B = slopes(lambda P: layer(P, B), A), slopes(lambda P: layer(A, P), B)
        want_close(grad_A, want_A, "grad_A", [
            (want_A / s, "grad_A lacks the scale alpha / r: the chain rule keeps it."),
            (want_A / s * alpha, "the scale in grad_A is alpha / r, not alpha."),
            (want_A / m, "the gradient is for the sum of u y: do not divide by the number of rows."),
            (-want_A, "the sign of grad_A is flipped: wanted the gradient, not the step."),
            (s * np.ones((o, r)).T @ u.T @ x, "B is missing in grad_A."),
        ], atol=1e-8, otherwise="grad_A is not the slope of sum(u y) in A: what comes back through B^T meets x.")  # fmt: skip
        want_close(grad_B, want_B, "grad_B", [
            (want_B / s, "grad_B lacks the scale alpha / r: the chain rule keeps it."),
            (want_B / s * alpha, "the scale in grad_B is alpha / r, not alpha."),
            (want_B / m, "the gradient is for the sum of u y: do not divide by the number of rows."),
            (-want_B, "the sign of grad_B is flipped: wanted the gradient, not the step."),
            (0 * want_B, "grad_B is zero: only grad_A is while B is zero."),
            (s * u.T @ np.ones((m, r)), "x A^T is missing in grad_B."),
        ], atol=1e-8, otherwise="grad_B is not the slope of sum(u y) in B: u meets x A^T.")  # fmt: skip


def punished(X, y, strength, rows):
    """(w, b) by least squares with sqrt(strength) w = 0 appended: of the intercept, too, with d + 1 rows."""
    m, d = X.shape
    below = np.sqrt(strength) * np.eye(d + 1)[:rows]
    M = np.vstack([np.column_stack([X, np.ones(m)]), below])
    return np.linalg.lstsq(M, np.append(y, np.zeros(rows)), rcond=None)[0]


@check.exercise(points=2)
def ridge_path(answer):
    rng = draw(222)
    for m, d, strengths in ((12, 4, [3.0, 0.5, 20.0]), (5, 8, [1.0, 10.0]), (30, 3, [100.0, 0.1, 2.0, 7.0]), (9, 2, [4.0])):  # fmt: skip
        X, y, k = rng.normal(size=(m, d)) * rng.uniform(0.5, 2, d) + 2, rng.normal(size=m) + 3, len(strengths)
        strengths = np.array(strengths)
        W, b = parts(run(answer, X, y, strengths), ("W", "b"))
        W, b = numbers(W, (k, d), "W"), numbers(b, (k,), "b")
        path = lambda f: np.array([f(s) for s in strengths])
        full = path(lambda s: punished(X, y, s, d))
        want, centre = full[:, :d], X - X.mean(0)
        U, S, V = np.linalg.svd(centre, full_matrices=False)
        S = np.where(S > 1e-9, S, 0)
        sure = np.divide(1, S, out=np.zeros_like(S), where=S > 0)
        alone = path(lambda s: np.linalg.solve(X.T @ X + s * np.eye(d), X.T @ y))
        plain = np.tile(V.T @ (sure * (U.T @ y)), (k, 1))
        spread = X.std(0)
        scaled = path(lambda s: punished(X / spread, y, s, d)[:d])
        want_close(W, want, "W", [
            (path(lambda s: punished(X, y, s, d + 1))[:, :d], "the intercept is punished, too: leave it out of the penalty, or centre X and y first."),
            (alone, "there is no intercept in the problem that you solve: centre X and y first."),
            (np.tile(want[-1], (k, 1)), "every row is the weights of the last strength: does one result overwrite the other?"),
            (want[::-1], "the rows are turned round: one for each strength, in the order given."),
            *[(want[order], "the rows are sorted by strength: one for each strength, in the order given.")
              for order in (np.argsort(strengths), np.argsort(-strengths))],
            (scaled / spread, "X is standardised: the penalty is on the w of X as given; only centre it."),
            (scaled, "X is standardised: W belongs to X as given; only centre it."),
            (path(lambda s: np.linalg.solve(X.T @ X + s * np.eye(d), X.T @ (y - y.mean()))), "only y is centred: centre X, too."),
            (plain, "that is plain least squares: the strength is not used."),
            (path(lambda s: punished(X, y, s * s, d)[:d]), "the strength is squared: it stands beside X^T X, or S^2, as it is; its ROOT stands in appended rows."),
            (path(lambda s: punished(X, y, np.sqrt(s), d)[:d]), "the strength stands beside X^T X, or S^2, as it is, without a root."),
            (path(lambda s: punished(X, y, s * m, d)[:d]), "the squares are summed, not averaged: the strength is not multiplied by m."),
            (path(lambda s: punished(X, y, s / m, d)[:d]), "the squares are summed, not averaged: the strength is not divided by m."),
            (path(lambda s: punished(X, y, 2 * s, d)[:d]), "the factor 2 of the slopes cancels: both terms have it."),
            (path(lambda s: punished(X, y, s / 2, d)[:d]), "the factor 2 of the slopes cancels: both terms have it."),
            (path(lambda s: V.T @ (U.T @ y / (S + s))), "each singular value gives the factor S / (S^2 + strength), not 1 / (S + strength)."),
            (path(lambda s: V.T @ (U.T @ y / (S * S + s))), "each singular value gives the factor S / (S^2 + strength); the S above is missing."),
        ], rtol=1e-5, atol=1e-8, otherwise="W is not where the slope X^T (X w + b - y) + strength w is zero.")  # fmt: skip
        want_close(b, full[:, d], "b", [
            (np.full(k, y.mean()), "b is the mean of y only for centred X: take the mean of X times w off."),
            (np.zeros(k), "b is zero: the intercept of the data as they were given is wanted."),
            (y.mean() + X.mean(0) @ want.T, "the sign is flipped: b = mean of y MINUS mean of X times w."),
        ], rtol=1e-5, atol=1e-8, otherwise="b is not the mean of y - X w, which is what makes the residuals' sum zero.")  # fmt: skip


def log_softmax(z):
    z = z - z.max(axis=1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=1, keepdims=True))


@check.exercise(points=3)
def distillation(answer):
    rng = draw(223)
    for m, k, T, weight, size in ((5, 3, 4.0, 0.3, 2.0), (4, 6, 2.0, 0.8, 1.0), (3, 2, 1.0, 0.5, 1.0), (6, 4, 3.0, 0.6, 900.0)):  # fmt: skip
        student, teacher = size * rng.normal(size=(m, k)), size * rng.normal(size=(m, k))
        labels = rng.integers(k, size=m)
        log_p, log_1, hits = log_softmax(teacher / T), log_softmax(teacher), np.eye(k)[labels]

        def pieces(z):
            """(KL of the softened, cross-entropy): means over the texts."""
            soft, hard = np.exp(log_p) * (log_p - log_softmax(z / T)), -hits * log_softmax(z)
            return soft.sum() / m, hard.sum() / m

        def total(z, a, b):
            soft, hard = pieces(z)
            return a * soft + b * hard

        def slope(a, b):
            return measured(lambda z: total(z, a, b), student, 1e-5 * max(1.0, size / 10))

        got, grad = parts(run(answer, student, teacher, labels, T, weight), ("loss", "grad"))
        a, b, (soft, hard) = weight * T * T, 1 - weight, pieces(student)
        log_q = log_softmax(student / T)
        backwards = np.sum(np.exp(log_q) * (log_q - log_p)) / m
        crossed = -np.sum(np.exp(log_p) * log_q) / m
        sharp = np.sum(np.exp(log_1) * (log_1 - log_q)) / m
        unsoftened = np.sum(np.exp(log_p) * (log_p - log_softmax(student))) / m
        both_sharp = np.sum(np.exp(log_1) * (log_1 - log_softmax(student))) / m
        heated = -np.sum(hits * log_q) / m
        if not all(np.isfinite(numbers_or_nan(part)).all() for part in (got, grad)):
            raise Mistake("loss or gradient is not finite: take each row's maximum off before exp, and stay in logarithms.")  # fmt: skip
        want_close(got, a * soft + b * hard, "loss", [
            (weight * soft + b * hard, "the factor T^2 of the soft part is missing."),
            (weight * T * soft + b * hard, "the factor of the soft part is T^2, not T."),
            (m * (a * soft + b * hard), "that is the sum over the texts; wanted the mean."),
            (a * soft / k + b * hard, "the soft part is averaged over texts AND classes: sum over the classes, mean over the texts."),
            (a * backwards + b * hard, "the KL divergence is the other way round: the mean of log p - log q under the TEACHER's p."),
            (a * crossed + b * hard, "that is the cross-entropy with the teacher's p: its entropy, the mean of log p, is missing."),
            (a * sharp + b * hard, "the teacher is not softened: divide its logits by T, too."),
            (a * unsoftened + b * hard, "the student is not softened in the soft part: divide its logits by T, too."),
            (a * both_sharp + b * hard, "nothing is softened: the soft part has logits / T."),
            (a * soft + b * heated, "the hard part has the student's logits as they are: T = 1."),
            ((1 - weight) * T * T * soft + weight * hard, "the weights are swapped: `weight` belongs to the soft part."),
            ((a * soft + b * hard) / k, "that is a mean over texts AND classes: sum over the classes, mean over the texts."),
            (a * soft - b * hard, "the sign of the hard part is flipped: the cross-entropy is MINUS the log-probability."),
            (a * soft, "the hard part is missing: 1 - weight times the cross-entropy with the labels."),
            (a * soft + hard, "the hard part has the factor 1 - weight."),
            (T * T * (weight * soft + b * hard), "T^2 belongs to the soft part alone."),
        ], otherwise="the loss is not weight T^2 KL + (1 - weight) cross-entropy, with means over the texts.")  # fmt: skip
        want, cool = slope(a, b), dict(rtol=1e-4, atol=1e-6)
        want_close(grad, want, "grad", [
            (m * want, "the loss has a mean over the texts: divide the gradient by their number, too."),
            (-want, "the sign of the gradient is flipped: q - p, the student minus the teacher."),
            (slope(a / T, b), "one T is missing: T^2 of the loss over T of the chain rule leaves T."),
            (slope(a / T / T, b), "one T is missing: T^2 of the loss over T of the chain rule leaves T."),
            (slope(a * T, b), "the chain rule through logits / T is missing: it takes one T of the T^2."),
            (slope(-a, b), "the sign of the soft part is flipped: q - p, the student minus the teacher."),
            (m * slope(a, 0) + slope(0, b), "the soft part is a mean over the texts, too: divide it by their number."),
            (slope(a, 0) + m * slope(0, b), "the hard part is a mean over the texts, too: divide it by their number."),
            (slope(a, 0) + b * (np.exp(log_q) - hits) / m, "the hard part has the student's softmax at T = 1, not q."),
            (slope(a, 0), "the gradient lacks the hard part: softmax minus 1 at the label."),
            (slope(0, b), "the gradient lacks the soft part."),
            (slope(a, -b), "the sign of the hard part is flipped: softmax minus 1 at the label."),
            (want - slope(0, b) + b * np.exp(log_softmax(student)) / m, "the 1 at the label is missing in the hard part."),
            (slope(a, 1), "the gradient's hard part has the factor 1 - weight, too."),
        ], **cool, otherwise="the gradient does not agree with measured slopes of the loss: check soft and hard part apart.")  # fmt: skip


def numbers_or_nan(value):
    """``value`` as floats where it can be read as such; 0 where it cannot, for `numbers` to judge."""
    try:
        return np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        return np.array(0.0)


@check.exercise(points=2)
def predict(answer):
    rng = draw(224)
    for lengths, size in (([3, 9, 1, 5, 2, 7, 4], 3), ([6, 2, 8, 1, 5, 3, 7, 4], 2), ([2, 8, 3, 6], 8), ([5, 5, 5], 2)):  # fmt: skip
        d, k, table = 4, 3, rng.normal(size=(30, 4))
        texts = [list(map(int, rng.integers(1, 30, size=n))) for n in lengths]
        w, b = rng.normal(size=(d, k)), rng.normal(size=k)
        got, calls = run(answer, table, texts, size, w, b, probe=ch22.predicted)
        if any(len(ids) > size for ids, _ in calls):
            raise Mistake(f"encode was called with {max(len(ids) for ids, _ in calls)} rows; at most {size}.")
        if any(mask.astype(bool)[ids == 0].any() for ids, mask in calls):
            raise Mistake("the mask is true at filled-up places: the encoder looks at them.")
        if any(not mask.astype(bool)[ids > 0].all() for ids, mask in calls):
            raise Mistake("the mask hides tokens: it is true wherever there is one.")
        encode = ch22.encoder(table)
        alone = lambda pool: np.array([pool(encode(np.array([t]), np.ones((1, len(t))))[0]) for t in texts])
        want = alone(lambda h: h.mean(0)) @ w + b
        order = np.argsort(lengths, kind="stable")
        logits = logits_with(encode, texts, size, w, b)
        halves = [
            (logits(order, "all")[order], "both bugs are still there: compare with size = 1, then with the texts in another order."),
            (logits(order, "all"), "the places that are filled up still count in the mean: sum over the tokens, divide by their number."),
            (want[order], "the logits still come in the order of length: put each back at the place of its text."),
            (logits(range(len(texts)), "all"), "the places that are filled up still count in the mean: sum over the tokens, divide by their number."),
        ]  # fmt: skip
        pools = [
            (lambda h: h.sum(0), "that is the sum over the tokens: divide by their number in each text."),
            (lambda h: h.max(0), "that is the maximum over the tokens; the mean is wanted."),
            (lambda h: h[0], "that is the first token only; the mean over all of them is wanted."),
            (lambda h: h[-1], "that is the last token only; the mean over all of them is wanted."),
        ]
        want_close(got, want, "the logits", halves + [
            (want[order][order], "sorted once more instead of back: where did text i go? That is the inverse of `order`."),
            (logits(order, "length"), "the sum leaves the filled-up places out, but it is divided by the width of the batch."),
            (logits(range(len(texts)), "length"), "the sum leaves the filled-up places out, but it is divided by the width of the batch."),
            (logits(order, "batch"), "divide by the tokens of each text, not by those of the whole batch: `axis=1`."),
            (logits(range(len(texts)), "batch"), "divide by the tokens of each text, not by those of the whole batch: `axis=1`."),
            (want - b, "the head's b is missing."),
            *[(alone(pool) @ w + b, message) for pool, message in pools],
            (want[::-1], "the order is turned round: logits[i] belongs to texts[i]."),
        ], otherwise="the logits are not those of each text alone (size = 1, no filling up), in the order given.")  # fmt: skip


def logits_with(encode, texts, size, w, b):
    """Batches in the given order, one way of pooling; the logits back in the texts' own order."""

    def logits(order, pooling):
        order, found = list(order), np.empty((len(texts), len(b)))
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            ids = np.zeros((len(rows), max(len(texts[i]) for i in rows)), dtype=int)
            for row, i in zip(ids, rows):
                row[: len(texts[i])] = texts[i]
            mask = ids > 0
            hidden = encode(ids, mask)
            if pooling == "all":
                mean = hidden.mean(axis=1)
            else:
                total = (hidden * mask[:, :, None]).sum(axis=1)
                mean = total / (ids.shape[1] if pooling == "length" else mask.sum())
            found[rows] = mean @ w + b
        return found

    return logits


def adam(X, y, body, head, lr, head_lr, steps, second=True, decay=0.0):
    """(body, head) after steps of Adam (gradient descent if not second; AdamW's decay) on the logistic loss.

    The loss is the mean over the samples; with two questions, y (m, 2) and head (8, 2), their sum.
    """
    theta, rates = [body, head], (lr, head_lr)
    m, v = [0 * body, 0 * head], [0 * body, 0 * head]
    for t in range(1, steps + 1):
        hidden = np.tanh(X @ theta[0])
        r = (0.5 + 0.5 * np.tanh(hidden @ theta[1] / 2) - y) / len(y)  # the logistic function, no overflow
        back = r.reshape(len(y), -1) @ theta[1].reshape(len(theta[1]), -1).T
        grads = X.T @ (back * (1 - hidden**2)), hidden.T @ r
        for i, g in enumerate(grads):
            m[i], v[i] = 0.9 * m[i] + 0.1 * g, 0.999 * v[i] + 0.001 * g * g
            step = m[i] / (1 - 0.9**t) / (np.sqrt(v[i] / (1 - 0.999**t)) + 1e-8) if second else g
            theta[i] = (1 - rates[i] * decay) * theta[i] - rates[i] * step
    return theta


RATES = (0.0, 0.003, 0.01, 0.1)
TOLERANCE = 0.0004  # float32 stays within 0.0002; 59 or 61 steps, or weight decay, lie outside


@functools.cache
def sweep(kept="", head_lr=0.03, old_start=False, second=True, train=False, steps=60, mixed=False, decay=0.0):
    """(old, new) accuracies of the experiment, with one thing changed; head_lr None is the body's rate."""
    w, old, new = pretrained(), [], []
    right = lambda body, head, X, y: np.mean((np.tanh(X @ body) @ head > 0) == y)
    first = w["body"], w["old_head"][:, 0] * old_start
    at = first
    for lr in RATES:
        body, head = adam(w["X"], w["y"], *at, lr, lr if head_lr is None else head_lr, steps, second, decay)
        at = body if "body" in kept else first[0], head if "head" in kept else first[1]
        old.append(right(body, head[:, None] if mixed else w["old_head"], w["X_test"], w["old_test"]))
        new.append(right(body, head, *((w["X"], w["y"]) if train else (w["X_test"], w["new_test"]))))
    return np.array([old, new])


@check.exercise(points=2)
def forgetting(answer):
    old, new = parts(run(answer), ("old", "new"))
    got = np.array([numbers(old, (4,), "old"), numbers(new, (4,), "new")])
    want, near = sweep(), lambda a, b: bool(np.all(np.abs(a - b) <= TOLERANCE))
    if near(got, want):
        return
    if got.max() > 1:
        raise Mistake("give the accuracies as shares between 0 and 1.")
    if near(got, want[::-1]):
        raise Mistake("old and new are swapped: wanted (old, new).")
    if near(got, want[:, ::-1]):
        raise Mistake("the order is turned round: the smallest rate comes first.")
    if near(got, want[:, :1]) and np.ptp(got, axis=1).max() == 0:
        raise Mistake("all four are those of the frozen body: does the body move, and is it used afterwards?")
    if near(got[0], want[0, 0]) and near(got[1], want[1]):
        raise Mistake("old is the accuracy before fine-tuning: use the body as it is afterwards.")
    for keywords, text in (
        (dict(kept="body, head"), "each rate goes on where the one before ended: start each from the pre-trained body and a new head."),
        (dict(kept="body"), "each rate starts from the body that the one before left: does an optimiser change the array in place?"),
        (dict(head_lr=None), "the head has the body's rate: it always has its own, 0.03."),
        (dict(old_start=True), "the new head starts from a column of the old one: it starts from zeros."),
        (dict(second=False), "that is gradient descent; the steps are Adam's."),
        (dict(train=True), "new is measured on the 100 training samples: use X_test, new_test."),
        (dict(mixed=True), "old is measured with the new head: the old task keeps its old one, on the new body."),
        *[(dict(steps=steps), f"these are {steps} steps; 60 are wanted.") for steps in (59, 61, 100)],
        (dict(decay=0.01), "that is AdamW, with weight decay: plain Adam is wanted."),
    ):  # fmt: skip
        if near(got, sweep(**keywords)):
            raise Mistake(text)
    for name, g, w in (("old", got[0], want[0]), ("new", got[1], want[1])):
        for lr, a, b in zip(RATES, g, w):
            if abs(a - b) > TOLERANCE:
                raise Mistake(f"{name}: {a:.3f} is too {'low' if a < b else 'high'} for rate {lr:g}: 60 steps of Adam on all 100 samples, the head from zeros at 0.03, the body at {lr:g}?")  # fmt: skip


PARTS = [
    "attention.self.query.weight", "attention.self.query.bias", "attention.output.LayerNorm.weight",
    "intermediate.dense.weight", "output.dense.bias",
]  # fmt: skip


def number(name):
    """The digits of an encoder's layer in a parameter's name, "" outside the layers."""
    return name.split(".")[3] if ".layer." in name else ""


def depth(name, layers, digits=None):
    """0 for the head, 1 for the last layer, ..., layers + 1 for the embeddings."""
    digits = number(name) if digits is None else digits
    return 0 if name.startswith("head.") else layers - int(digits or -1)


def thawed(names, epoch, lr, head_lr, decay, awake=lambda k, epoch: k < epoch, rate=None, level=depth):
    """{name: rate} of what is awake, by a rule for each."""
    layers = 1 + max(int(number(name) or -1) for name in names)
    rate = rate or (lambda k: head_lr if k == 0 else lr * decay ** (k - 1))
    return {name: rate(depth(name, layers)) for name in names if awake(level(name, layers), epoch)}


@check.exercise(points=3)
def rates(answer):
    rng = draw(225)
    for layers, epochs in ((12, (1, 2, 4, 12, 13, 14, 20)), (3, (1, 3, 5)), (1, (2, 3))):
        names = [f"encoder.encoder.layer.{k}.{part}" for k in range(layers) for part in PARTS]
        names += ["encoder.embeddings.word_embeddings.weight", "encoder.embeddings.LayerNorm.bias", "head.weight", "head.bias"]  # fmt: skip
        names = [names[i] for i in rng.permutation(len(names))]
        for epoch in epochs:
            given = names, epoch, 1e-4, 1e-3, 0.8
            got = run(answer, *given)
            if not isinstance(got, dict):
                raise Mistake(f"wanted a dictionary {{name: rate}}, got {type(got).__name__}.")
            judge_rates(got, thawed(*given), given, layers)


def judge_rates(got, want, given, layers):
    names, epoch, lr, head_lr, decay = given
    strange = [n for n in got if n not in names]
    if strange:
        raise Mistake(f"{str(strange[0])[:40]!r} is not a name of a parameter that was given.")
    rate = {n: float(numbers(r, (), f"the rate of {n}")) for n, r in got.items()}
    where = f"with {layers} layer{'s' * (layers > 1)}, in epoch {epoch}"
    if any(n not in want and rate[n] == 0 for n in rate):
        raise Mistake("a frozen parameter is in the result with the rate 0: leave it out.")
    one_digit = lambda n, layers: depth(n, min(layers, 10), number(n)[:1])  # reads 10 and 11 as 1
    same_awake = [
        (lambda k, e: k < e or (k == layers + 1 and k <= e), depth, "the embeddings lie one below layer 0: they thaw an epoch after it, not with it."),
        (lambda k, e: k < e + 1, depth, "one part too many is awake in epoch {e}: in epoch 1 the head learns alone."),
        (lambda k, e: True, depth, "everything learns from the first epoch on: the parts thaw one by one."),
        (lambda k, e: k == e - 1, depth, "only the newest part learns in epoch {e}: what has thawed stays awake."),
        (lambda k, e: k == 0 or layers + 1 - k < e - 1, depth, "the encoder thaws from below: the LAST layer comes first."),
        (lambda k, e: k < e, one_digit, "the layer's number may have two digits: layer 10 is not layer 1."),
        (lambda k, e: k < min(e, layers + 1), depth, "the embeddings never thaw: they come after layer 0."),
        (lambda k, e: k < e or k == layers + 1, depth, "the embeddings learn from the first epoch on: they thaw last."),
        (lambda k, e: k < e - 1, depth, "one part too few is awake in epoch {e}: in epoch 1 the head learns already."),
        (lambda k, e: 0 < k < e, depth, "the head does not learn: it is awake from epoch 1 on."),
    ]  # fmt: skip
    if set(rate) != set(want):
        for awake, level, text in same_awake:
            if set(rate) == set(thawed(*given, level=level, awake=awake)):
                raise Mistake(text.format(e=epoch) + f" ({where})")
        wrong = min(set(rate) ^ set(want))
        raise Mistake(f"{where}: {wrong} {'should learn' if wrong in want else 'should be frozen'}.")
    agree = lambda rule: all(is_close(rate[n], r) for n, r in thawed(*given, rate=rule).items())
    if agree(lambda k: head_lr if k == 0 else lr * decay ** (k - 1)):
        return
    for rule, text in (
        (lambda k: lr * decay ** max(k - 1, 0), "the head has its own rate, head_lr."),
        (lambda k: head_lr * decay**k, "the encoder's rates come from lr, not from head_lr."),
        (lambda k: head_lr if k == 0 else lr * decay**k, "the last layer has the rate lr itself: the decay begins below it."),
        (lambda k: head_lr if k == 0 else lr, "all layers have one rate: each has layer_decay times that of the layer above."),
        (lambda k: head_lr if k == 0 else lr * decay ** (layers + 1 - k), "the rates fall towards the top: the LAST layer has lr, the embeddings the least."),
        (lambda k: head_lr if k == 0 else lr * decay ** (layers - k), "the rates fall towards the top: the LAST layer has lr, the embeddings the least."),
        (lambda k: head_lr if k == 0 else lr * decay ** (min(k, layers) - 1), "the embeddings have layer 0's rate: they lie one below it."),
        (lambda k: head_lr if k == 0 else lr * decay ** (epoch - 1 - k), "a rate depends on the place, not on the epoch: the newest layer has the smallest."),
        (lambda k: head_lr if k == 0 else lr * (decay * (k - 1) if k > 1 else 1), "the decay is a power: times layer_decay for each layer further down."),
        (lambda k: head_lr if k == 0 else lr / decay ** (k - 1), "lower layers learn more slowly: multiply by layer_decay, do not divide."),
        (lambda k: head_lr if k == 0 else lr * (1 - decay) ** (k - 1), "layer_decay is the factor itself, not what is lost."),
    ):  # fmt: skip
        if agree(rule):
            raise Mistake(text)
    if all(is_close(rate[n], want[n]) for n in rate if len(number(n)) < 2):
        raise Mistake("a layer has another's rate: its number may have two digits, layer 10 is not layer 1.")
    name = next(n for n in names if n in want and not is_close(rate[n], want[n]))
    raise Mistake(f"{where}: {name} has the wrong rate {rate[name]:.3g}.")
