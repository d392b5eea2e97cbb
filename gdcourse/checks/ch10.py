"""Checks of the exercises of "Train a net by hand" (notebooks/10_backprop.ipynb)."""

import math

import numpy as np

from gdcourse.checks.core import Checker, Mistake, draw, is_close, measured, numbers, parts, run, want_close
from gdcourse.probes import ch10

check = Checker()
LOOSE = {"rtol": 1e-6, "atol": 1e-7}  # expected values come from central differences


def shape_of(result):
    """Shape of whatever a learner returned, None when it has none."""
    try:
        return np.shape(result)
    except (TypeError, ValueError):
        return None


def want_grad(got, want, what, m, mistakes=()):
    """want_close for a gradient of m samples, with the mistakes that every gradient can have."""
    if shape_of(got) == want.shape[::-1] != want.shape:
        raise Mistake(f"{what} is transposed: it has the shape of what it belongs to, {want.shape}.")
    if want.ndim == 1 and shape_of(got) == (m, *want.shape):
        raise Mistake(
            f"{what} is not summed over the samples: one bias serves all rows, so their gradients add."
        )
    if want.ndim == 1 and m != len(want) and shape_of(got) == (m,):
        raise Mistake(f"{what} is summed along the wrong axis: add the samples up, which are the rows.")
    want_close(got, want, what, [
        *mistakes,
        (-want, f"the sign of {what} is flipped: nothing is subtracted before the update."),
        (0 * want, f"{what} is zero everywhere: is it ever filled in?"),
        (want / m, f"{what} is m times too small: the 1/m of a mean is inside delta already, so only sum."),
        (want * m, f"{what} is m times too large: is the 1/m of the mean missing?"),
        (2 * want, f"{what} is twice too large: a 1/2 is lost."),
    ], otherwise=f"{what} does not agree with measured slopes. Do the formulas fit the definition, index by "
       "index?", **LOOSE)  # fmt: skip


@check.exercise(points=1)
def delta_by_hand(answer):
    # z = 0, a = 1/2, dL/da = -1/2, slope 1/4
    good = np.array([-0.125, -0.25, -0.125, -0.375])
    mistakes = [
        (4 * good, "your delta is dL/da: multiply it by the slope of the sigmoid, a (1 - a)."),
        (-good, "the sign is flipped: dL/da is a - y, prediction minus target."),
        (
            2 * good,
            "twice too large: the 1/2 of the loss cancels the 2, and the slope a (1 - a) has two factors.",
        ),
        (good / 2, "twice too small: the 1/2 of the loss and the 2 of the square cancel."),
        (good[[0, 3, 2, 1]], "dL/dw and dL/dx are swapped: the slope of z in w is x."),
        (
            [-0.5, -0.25, -0.125, -0.375],
            "delta is before the activation, dL/dz; you gave dL/da, the rest is right.",
        ),
        ([-0.125, -0.125, -0.125, -0.375], "dL/dw lacks the factor x, the slope of z in w."),
        ([-0.125, -0.25, 0.0, -0.375], "the bias has a gradient too: the slope of z in b is 1."),
        ([-0.125, -0.25, 0.75, -0.375], "the slope of z in b is 1, not b."),
        ([-0.125, -0.25, -0.125, -0.125], "dL/dx lacks the factor w, the slope of z in x."),
    ]
    want_close(run(answer), good, "(delta, dL/dw, dL/db, dL/dx)", mistakes, otherwise="not right: first z and a, "
               "then dL/da, then times a (1 - a), then the slope of z in w, b and x.")  # fmt: skip


@check.exercise(points=1)
def softmax_by_hand(answer):
    result = numbers(run(answer), (4,), "loss and three slopes")
    want_close(result[0], math.log(10), "the loss", [
        (-math.log(10), "the sign of the loss is flipped: ln of a probability is negative, the loss is minus it."),
        (1.0, "that is the logarithm to base 10: take the natural one."),
        (0.1, "0.1 is the probability of the right class: the loss is minus its logarithm."),
        (0.9, "0.9 is 1 - p: the loss is minus the logarithm of p."),
        (math.log(10 / 3), "that is the loss for the first class; the second is right."),
        (math.log(10 / 6), "that is the loss for the third class; the second is right."),
    ], atol=6e-4, otherwise="the loss is not right: minus ln of the probability of the second class.")  # fmt: skip
    z = np.log([3.0, 1.0, 6.0])
    want_close(result[1:], [0.3, -0.9, 0.6], "the gradient", [
        ([0.3, 0.1, 0.6], "that is p: take 1 off the entry of the right class."),
        ([-0.3, 0.9, -0.6], "the sign of the gradient is flipped: it is p minus the target."),
        ([-0.7, 0.1, 0.6], "you took 1 off the first class; the second is right."),
        ([0.3, 0.1, -0.4], "you took 1 off the third class; the second is right."),
        ([0.0, -10.0, 0.0], "that is the slope in p: go on to the logits, which all enter p of the right class."),
        (z / z.sum() - [0, 1, 0], "you divided the logits by their sum: take the exponentials first."),
        (z - [0, 1, 0], "those are the logits minus the target: softmax first."),
    ], otherwise="the gradient is not right: p minus the target; its entries add up to zero.")  # fmt: skip


@check.exercise(points=2)
def layer_backward(answer):
    rng = draw(0)
    for m, n_in, n_out in ((5, 3, 4), (6, 4, 2), (1, 2, 3)):
        delta, W, a = rng.normal(size=(m, n_out)), rng.normal(size=(n_out, n_in)), rng.normal(size=(m, n_in))
        dW, db, da = parts(run(answer, delta, W, a), ("dW", "db", "da"))
        layer = lambda a, W, b: np.sum(delta * np.array([[row @ w for w in W] + b for row in a]))
        zero = np.zeros(n_out)
        want_grad(dW, measured(lambda W: layer(a, W, zero), W), "dW", m, [
            (np.outer(delta[-1], a[-1]), "dW holds the last sample only: add the samples up."),
            (np.ones((n_out, m)) @ a, "delta is forgotten in dW: multiply by what comes from above."),
        ])  # fmt: skip
        want_grad(db, measured(lambda b: layer(a, W, b), zero), "db", m, [
            (delta[-1], "db holds the last sample only: add the samples up."),
            (zero + m, "delta is forgotten in db: multiply the slope 1 by what comes from above."),
            (zero + 1, "db is not the slope 1 of z in b alone: add delta up over the samples."),
        ])  # fmt: skip
        if shape_of(da) == (n_in,):
            raise Mistake("da is summed over the samples: each sample has its own input, so keep the rows.")
        want_grad(da, measured(lambda a: layer(a, W, zero), a), "da", m, [
            (np.ones((m, n_out)) @ W, "delta is forgotten in da: multiply by what comes from above."),
        ])  # fmt: skip


def exact_loss(z, y):
    """Mean cross-entropy row by row: the log of a sum whose largest term is 1."""
    return sum(
        math.log(sum(math.exp(v - max(row)) for v in row)) + max(row) - row[k] for row, k in zip(z, y)
    ) / len(y)


@check.exercise(points=2)
def softmax_loss(answer):
    rng = draw(1)
    for m, c in ((5, 3), (4, 6)):
        z, y = rng.normal(size=(m, c)) * 2, rng.integers(c, size=m)
        loss, grad = parts(run(answer, z, y), ("loss", "gradient"))
        if shape_of(loss) == (m,):
            raise Mistake("the loss has one number for each sample: return their mean.")
        good, p = exact_loss(z, y), np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        columns = np.exp(z) / np.exp(z).sum(axis=0)
        want_close(loss, good, "the loss", [
            (m * good, "the loss is the sum over the samples: take the mean."),
            (-good, "the sign of the loss is flipped: it is minus the logarithm."),
            (good / math.log(2), "that is the logarithm to base 2: take the natural one."),
            (-np.mean(np.log(columns[np.arange(m), y])), "softmax runs along each row, the classes of one sample; "
             "yours runs down the columns."),
            (-np.mean(np.log(p).sum(axis=1)), "you added the logarithms of all classes: only the right one counts."),
            (-np.mean(np.log(p[:, y])), "p[:, y] takes whole columns: p[np.arange(m), y] takes one entry in each row."),
        ], otherwise="the loss is not the mean of -ln p of the right classes.")  # fmt: skip
        slope, every = measured(lambda z: exact_loss(z, y), z), p.copy()
        every[:, y] -= 1
        want_grad(grad, slope, "the gradient", m, [
            (p, "the gradient is p alone: take off 1 at the right class, and divide by m."),
            (p / m, "the gradient is p / m alone: take off 1 at the right class."),
            (m * slope, "the gradient belongs to the sum: divide by m for the mean."),
            (every / m, "[:, y] in the gradient takes whole columns: [np.arange(m), y] takes one entry in each row."),
        ])  # fmt: skip
    big, labels = np.array([[1e5, 99999.0, 0.0], [1e5, 0.0, 99999.0]]), np.array([0, 2])
    mixed = np.array([[1e5, 99999.0, 99998.0], [-1e5, -100001.0, -99999.0]])
    sure = np.array([[0.0, 60.0, 1.0], [0.0, 1.0, 800.0]])
    for z, y, message in (
        (big, labels, "for logits of 100,000 it is not finite or not right: the exponential overflows, so take the largest "
         "logit off first."),
        (mixed, labels, "with rows near 100,000 and near -100,000 it fails: take off the largest logit of each row, not "
         "of the whole batch."),
        (sure, np.array([0, 0]), "for a right class of probability near zero it fails: p rounds to 0, or you added a small number "
         "to it; compute ln p = z - ln S directly."),
    ):  # fmt: skip
        loss, grad = parts(run(answer, z, y), ("loss", "gradient"))
        p = np.array([[math.exp(v - max(row)) for v in row] for row in z])
        p = p / p.sum(axis=1, keepdims=True)
        p[[0, 1], y] -= 1
        try:
            fine = is_close(numbers(loss, (), ""), exact_loss(z, y)) and is_close(
                numbers(grad, p.shape, ""), p / 2
            )
        except Mistake:
            fine = False
        if not fine:
            raise Mistake(message)


def outputs(params, X, act):
    """The last z for each row of X, one row at a time."""
    out = []
    for a in X:
        for k, (W, b) in enumerate(params):
            a = W @ (act(a) if k else a) + b
        out.append(a)
    return np.array(out)


def swept(params, X, delta, act, down):
    """Gradients of a sweep in which ``down(delta, W, z)`` passes delta to the layer below."""
    a, trace, grads = X, [], []
    for W, b in params:
        trace.append((a, a @ W.T + b))
        a = act(trace[-1][1])
    for k in reversed(range(len(params))):
        grads.insert(0, (delta.T @ trace[k][0], delta.sum(axis=0)))
        if k:
            delta = down(delta, params[k][0], trace[k - 1][1])
    return grads


@check.exercise(points=3)
def mlp_backward(answer):
    rng = draw(2)
    for sizes, m, name in (((3, 2), 5, "tanh"), ((3, 5, 4, 2), 6, "tanh"), ((4, 2, 3), 5, "sigmoid")):
        act, slope = ch10.ACTIVATIONS[name]
        params = [(rng.normal(size=(o, i)), rng.normal(size=o)) for i, o in zip(sizes, sizes[1:])]
        X, delta = rng.normal(size=(m, sizes[0])), rng.normal(size=(m, sizes[-1]))
        K = len(params)
        z = outputs(params, X, act)
        result = run(answer, params, X, delta, name, probe=ch10.with_activation)
        result = parts(result, [f"(dW{k}, db{k})" for k in range(1, K + 1)])
        got = [parts(pair, ("dW", "db")) for pair in result]
        wrong = {
            "delta after the activation: the layer below needs the factor slope(z).": swept(
                params, X, delta, act, lambda d, W, z: d @ W),
            "slope is taken at a, after the activation: it belongs at z.": swept(
                params, X, delta, act, lambda d, W, z: d @ W * slope(act(z))),
            "act stands where slope belongs: the way back needs the derivative.": swept(
                params, X, delta, act, lambda d, W, z: d @ W * act(z)),
            "delta is forgotten: you started with ones instead of the delta given.": swept(
                params, X, np.ones_like(delta), act, lambda d, W, z: d @ W * slope(z)),
            "tanh' is written into it: use the slope that is passed in.": swept(
                params, X, delta, act, lambda d, W, z: d @ W * (1 - np.tanh(z) ** 2)),
            "on the way forward the activation is missing: a = act(z) feeds the next layer.": swept(
                params, X, delta, lambda z: z, lambda d, W, z: d @ W * slope(z)),
            "the last layer has no activation: delta given is before it already, do not bend it again.": swept(
                params, X, delta * slope(z), act, lambda d, W, z: d @ W * slope(z)),
        }  # fmt: skip
        if K > 1 and [shape_of(W) for W, _ in got] == [W.shape for W, _ in reversed(params)]:
            raise Mistake(
                "the list is in reverse: return the pairs in the order of params, first layer first."
            )
        for k, (W, b) in enumerate(params):

            def total(W, b, k=k):
                return np.sum(delta * outputs([*params[:k], (W, b), *params[k + 1 :]], X, act))

            layer = f"in layer {k + 1} of {K}: "
            want_grad(got[k][0], measured(lambda W: total(W, b), W), f"dW{k + 1}", m,
                      [(w[k][0], layer + text) for text, w in wrong.items()])  # fmt: skip
            want_grad(got[k][1], measured(lambda b: total(W, b), b), f"db{k + 1}", m,
                      [(w[k][1], layer + text) for text, w in wrong.items()]
                      + [(delta[-1], "the bias gets the last sample only: add the rows up.")])  # fmt: skip


@check.exercise(points=2)
def two_layer_gradients(answer):
    rng = draw(3)
    names = ("dW1", "db1", "dW2", "db2")
    for m, n, h, k in ((6, 3, 5, 2), (4, 2, 3, 5)):
        X, Y = rng.normal(size=(m, n)), rng.normal(size=(m, k))
        theta = [rng.normal(size=s) for s in ((h, n), h, (k, h), k)]
        loss = lambda W1, b1, W2, b2: np.sum((outputs([(W1, b1), (W2, b2)], X, np.tanh) - Y) ** 2) / (2 * m)
        A = np.tanh(X @ theta[0].T + theta[1])
        top = (A @ theta[2].T + theta[3] - Y) / m
        again, after = top @ theta[2] * (1 - np.tanh(A) ** 2), top @ theta[2]
        mistakes = {
            "dW1": [
                (again.T @ X, "A1 is tanh(z1) already: the slope at z1 is 1 - A1^2."),
                (after.T @ X, "delta after the activation: the factor tanh'(z1) is missing in delta1."),
                ((after * (1 - A)).T @ X, "the slope of tanh is 1 - A1^2: the square is missing."),
                ((after * A * (1 - A)).T @ X, "a (1 - a) is the slope of the sigmoid; tanh has 1 - a^2."),
            ],
            "db1": [(again.sum(axis=0), "the slope at z1 is 1 - A1^2, for db1 too."),
                    ((after * (1 - A**2))[-1], "db1 holds the last sample only: add the rows up.")],
            "db2": [(top[-1], "db2 holds the last sample only: add the rows up.")],
        }  # fmt: skip
        for i, (got, name) in enumerate(zip(parts(run(answer, X, Y, *theta), names), names)):
            good = measured(lambda t: loss(*theta[:i], t, *theta[i + 1 :]), theta[i])
            want_grad(got, good, name, m, mistakes.get(name, ()))


@check.exercise(points=2)
def xor_solved(answer):
    counts = numbers(run(answer), (4,), "four counts")
    if np.any(counts < 0) or np.any(counts > 20):
        raise Mistake("each count lies between 0 and 20, the number of starts; do not return per cent.")
    if np.any(counts != np.round(counts)) or (counts.max() <= 1 and counts.min() >= 0 and counts.any()):
        raise Mistake("wanted whole numbers: how many of the 20 starts, not a fraction of them.")
    one, two, three, eight = counts.astype(int)
    if not counts.any():
        raise Mistake("no start solves it: does every step replace params, for 600 steps of size 1?")
    if counts.max() <= 10:
        raise Mistake("no count is above 10: take 20 starts, the seeds 0 to 19.")
    if one > two and eight == 0:
        raise Mistake("the order is reversed: h = 1 first, h = 8 last.")
    if one > 0:
        raise Mistake(f"h = 1: {one} of 20 solved is impossible, as the chapter proves; count a start only when all "
                      "four samples are right.")  # fmt: skip
    if two == 0:
        raise Mistake(
            "h = 2: none solved; many of these starts succeed. Did all of them start at zero, or from one seed?"
        )
    if two > 14:
        raise Mistake(
            f"h = 2: {two} of 20 is too many; some starts get stuck. Did you use tanh, step 1 and 600 steps?"
        )
    if two < 10:
        raise Mistake(f"h = 2: {two} of 20 is too few; half or more succeed. Did you take 600 steps, step 1?")
    if three < 18:
        raise Mistake(f"h = 3: {three} of 20 is too few; with a spare unit nearly all succeed.")
    if eight < 19:
        raise Mistake(f"h = 8: {eight} of 20 is too few; with spare units a start hardly ever gets stuck.")


@check.exercise(points=3)
def residual_backward(answer):
    rng = draw(4)
    for m, n in ((5, 3), (3, 4)):
        u, a, W, b = (rng.normal(size=s) for s in ((m, n), (m, n), (n, n), n))
        total = lambda a, W, b: np.sum(u * (a + np.array([np.tanh(W @ row + b) for row in a])))
        dW, db, da = parts(run(answer, u, a, W, b), ("dW", "db", "da"))
        slope = 1 - np.tanh(a @ W.T + b) ** 2
        delta = u * slope
        want_grad(dW, measured(lambda W: total(a, W, b), W), "dW", m, [
            (u.T @ a, "delta after the activation: in dW the factor tanh'(z) is missing."),
            (a.T @ delta, "dW is transposed; it is square, so no shape warns you: row i belongs to output i."),
            (slope.T @ a, "u is forgotten in dW: multiply by what comes from above."),
            ((delta + u).T @ a, "the shortcut does not pass W: only delta counts for dW."),
        ])  # fmt: skip
        want_grad(db, measured(lambda b: total(a, W, b), b), "db", m, [
            (u.sum(axis=0), "delta after the activation: in db the factor tanh'(z) is missing."),
            (delta[-1], "db holds the last sample only: add the rows up."),
            (slope.sum(axis=0), "u is forgotten in db: multiply by what comes from above."),
        ])  # fmt: skip
        want_grad(da, measured(lambda a: total(a, W, b), a), "da", m, [
            (delta @ W, "the shortcut is forgotten in da: the input is used twice, and the gradients add."),
            (u, "the branch is forgotten in da: the input is used twice, and the gradients add."),
            (u + delta @ W.T, "W is transposed in da: it is square, so no shape warns you; da = u + delta W."),
            (u + u @ W, "the branch lacks tanh'(z): use delta, not u, before W."),
            (1 + delta @ W, "the shortcut passes u, not 1: multiply its slope 1 by what comes from above."),
            ((u + u @ W) * slope, "the shortcut has no tanh: its u passes unbent."),
        ])  # fmt: skip
